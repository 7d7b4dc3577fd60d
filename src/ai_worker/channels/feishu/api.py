"""What is asked of the open platform, call by call."""

from typing import Any

import msgspec
from yarl import URL

from ai_worker.channels.feishu.answers import GONE, Answered
from ai_worker.channels.feishu.cards import Card
from ai_worker.channels.feishu.client import FeishuClient
from ai_worker.channels.feishu.places import Place
from ai_worker.channels.feishu.words import Content
from ai_worker.conversation.message import Contact
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import clean
from ai_worker.pipeline.sending import SendFailed

MESSAGES, CARDS = "/open-apis/im/v1/messages", "/open-apis/cardkit/v1/cards"
USERS, DEPARTMENTS = "/open-apis/contact/v3/users", "/open-apis/contact/v3/departments"


def send_uuid(message_id: str, *which: object) -> str:
    """Return the platform's guard against doubles: one uuid, of 50 characters at most, is sent once within an hour."""
    return derived_id("m", message_id, *map(str, which))


class FeishuApi:
    """The calls, over one client."""

    def __init__(self, client: FeishuClient) -> None:
        self._client = client

    async def say(self, place: Place, content: Content, *, uuid: str) -> str:
        """Send a message, as an answer to the one it answers if it stands in a group; return its message_id.

        Raises:
            SendFailed: It was not taken, or nobody knows whether it was.
        """
        if place.group and place.message:
            path = f"{MESSAGES}/{_quoted(place.message)}/reply"
            try:
                return await self._sent(path, place, content, uuid)
            except Answered as refusal:
                if refusal.answer not in GONE:
                    raise
            uuid = send_uuid(uuid, "fresh")  # what is answered was withdrawn: the answer goes to the group
        path = f"{MESSAGES}?receive_id_type={place.receiver_type}"
        return await self._sent(path, place, content, uuid, receive_id=place.receiver)

    async def withdraw(self, message_id: str) -> None:
        """Take a message of ours back.

        Raises:
            SendFailed: It stands.
        """
        await self._client.call("DELETE", f"{MESSAGES}/{_quoted(message_id)}", harmless=True)

    async def create_card(self, card: Card) -> str:
        """Make a card entity, which can be sent once and updated; return its card_id.

        Raises:
            SendFailed: There is none.
        """
        data = await self._client.call("POST", CARDS, {"type": "card_json", "data": _text(card)}, harmless=True)
        return _id(data.get("card_id"))

    async def put_card(self, card_id: str, card: Card, *, sequence: int) -> None:
        """Replace all that a card entity shows.

        Raises:
            SendFailed: It was not replaced.
        """
        body = {"card": {"type": "card_json", "data": _text(card)}, "sequence": sequence}
        await self._client.call("PUT", f"{CARDS}/{_quoted(card_id)}", body, harmless=True)

    async def put_text(self, card_id: str, element: str, content: str, *, sequence: int) -> None:
        """Replace the words of one element: all of them so far, not only what is new.

        Raises:
            SendFailed: They were not replaced.
        """
        path = f"{CARDS}/{_quoted(card_id)}/elements/{element}/content"
        await self._client.call("PUT", path, {"content": content, "sequence": sequence}, harmless=True)

    async def set_streaming(self, card_id: str, on: bool, *, sequence: int) -> None:
        """Let a card stream again after its ten minutes, or stop it.

        Raises:
            SendFailed: It stayed as it was.
        """
        settings = {"settings": _text({"config": {"streaming_mode": on}}), "sequence": sequence}
        await self._client.call("PATCH", f"{CARDS}/{_quoted(card_id)}/settings", settings, harmless=True)

    async def own_id(self) -> str:
        """Return our own open_id, by which mentions of us are recognised.

        Raises:
            SendFailed: The platform did not say.
        """
        told = await self._client.call("GET", "/open-apis/bot/v3/info", harmless=True)
        bot = told.get("bot")
        return _id(bot.get("open_id") if isinstance(bot, dict) else None)

    async def person(self, open_id: str) -> Contact | None:
        """Return a person's name and department as far as the application may read them; `None` if it may not.

        Raises:
            SendFailed: The directory could not be asked now.
        """
        path = f"{USERS}/{_quoted(open_id)}?user_id_type=open_id&department_id_type=open_department_id"
        user = await self._asked(path, "user")
        if user is None:
            return None
        departments = user.get("department_ids")
        first = departments[0] if isinstance(departments, list) and departments else None
        department = await self._department(first) if isinstance(first, str) and first != "0" else None
        return Contact(open_id, _name(user), department)

    async def _department(self, department_id: str) -> str | None:
        path = f"{DEPARTMENTS}/{_quoted(department_id)}?department_id_type=open_department_id"
        found = await self._asked(path, "department")
        return None if found is None else _name(found)

    async def _asked(self, path: str, what: str) -> dict[str, Any] | None:
        """Ask the directory; what it refuses to say is not known, what fails otherwise is raised."""
        try:
            found = (await self._client.call("GET", path, harmless=True)).get(what)
        except Answered as refusal:
            if refusal.blocks:
                raise
            return None
        return found if isinstance(found, dict) else None

    async def _sent(self, path: str, place: Place, content: Content, uuid: str, **to: str) -> str:
        kind, text = content
        body = {**to, "msg_type": kind, "content": text, "uuid": uuid}
        data = await self._client.call("POST", path, body, chat=place.limit_key)
        message_id = data.get("message_id")
        return message_id if isinstance(message_id, str) else ""


def _quoted(part: str) -> str:
    return URL.build(path=f"/{part}", encoded=False).raw_path[1:].replace("/", "%2F")


def _text(content: object) -> str:
    return msgspec.json.encode(content).decode()


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SendFailed("feishu", "the platform's answer lacks an id", retry_after=30.0)
    return value


def _name(found: dict[str, Any]) -> str | None:
    name = found.get("name")
    return clean(name) or None if isinstance(name, str) else None
