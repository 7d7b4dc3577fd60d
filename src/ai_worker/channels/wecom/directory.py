"""Members' names and departments, as far as an application may see them."""

import msgspec

from ai_worker.channels.wecom.answers import Declined
from ai_worker.channels.wecom.api import Answer, WecomApi
from ai_worker.conversation.message import Contact
from ai_worker.foundation.text import clean
from ai_worker.pipeline.sending import SendFailed

UNSEEN = frozenset({48002, 60011, 60111, 40003, 81013, 46004})
"""Answer codes by which the platform says that there is no such member, or that we may not ask."""


class _Member(Answer):
    name: str = ""
    department: list[int] = msgspec.field(default_factory=list)
    main_department: int = 0


class _Department(Answer):
    department: dict[str, object] = msgspec.field(default_factory=dict)


async def look_up(api: WecomApi, user: str) -> Contact | None:
    """Return a member; `None` if the application may not see them.

    Raises:
        SendFailed: The platform could not be asked now.
    """
    try:
        member = await api.get("user/get", {"userid": user}, _Member)
    except Declined as declined:
        if declined.errcode in UNSEEN:
            return None
        raise
    main = member.main_department or (member.department[0] if member.department else 0)
    return Contact(user, clean(member.name) or None, await _department(api, main) if main else None)


async def _department(api: WecomApi, id: int) -> str | None:
    try:
        found = (await api.get("department/get", {"id": str(id)}, _Department)).department.get("name")
    except SendFailed:  # names of departments are hidden from most applications; the member's own name is not
        return None
    return (clean(found) or None) if isinstance(found, str) else None
