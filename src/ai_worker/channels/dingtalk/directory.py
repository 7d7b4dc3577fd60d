"""The company's directory, which is in the old API with a token of its own."""

from yarl import URL

from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.dingtalk.answers import LOST_S, OPERATOR_S, Answer
from ai_worker.channels.dingtalk.fields import Fields, object_of, text_of
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.conversation.message import Contact
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean, shorten
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed

TOKEN_REFUSED = frozenset({"40001", "40014", "41001", "42001", "88"})
DEPARTMENTS = 3
"""A person may be in many departments; so many are asked for."""

MAX_NAME = 64


class Directory:
    """Looks people up. Names need 通讯录只读权限; without it nothing is known, and nothing fails for it."""

    def __init__(
        self, *, channel: str, settings: DingtalkSettings, post: Post, clock: Clock, store: ChannelStore
    ) -> None:
        self._base = settings.oapi_base
        self._client_id, self._secret = settings.client_id, settings.client_secret
        self._post = post
        # A token of its own in the store: the two APIs must not take each other's for theirs.
        kept_as = f"{channel}/oapi"
        self.token = AccessToken(
            self._fetch_token, channel=kept_as, secret=settings.client_secret, store=store, clock=clock
        )

    async def close(self) -> None:
        """End what is in progress."""
        await self.token.close()

    async def look_up(self, staff: str) -> Contact | None:
        """Return somebody's name and departments; `None` if the directory does not say.

        Raises:
            SendFailed: The platform could not be asked now.
        """
        found = await self._ask("/topapi/v2/user/get", {"userid": staff, "language": "zh_CN"})
        name = shorten(clean(text_of(found, "name")), MAX_NAME)
        if not name:
            return None
        listed = found.get("dept_id_list")
        names = []
        for department in listed[:DEPARTMENTS] if isinstance(listed, list) else []:
            if isinstance(department, int):
                told = await self._ask("/topapi/v2/department/get", {"dept_id": department, "language": "zh_CN"})
                names.append(shorten(clean(text_of(told, "name")), MAX_NAME))
        return Contact(staff, name, "、".join(name for name in names if name) or None)

    async def _ask(self, path: str, body: Fields) -> Fields:
        """Return what the directory says; nothing if it refuses to."""
        token = await self.token.get()
        answer = await self._call(path, token, body)
        if text_of(answer.found, "errcode") in TOKEN_REFUSED:
            self.token.drop(token)
            answer = await self._call(path, await self.token.get(), body)
        if answer.status >= 500 or text_of(answer.found, "errcode") == "-1":
            raise SendFailed("dingtalk", f"the directory has trouble (HTTP {answer.status})", retry_after=LOST_S)
        return object_of(answer.found, "result") if answer.ok else {}

    async def _call(self, path: str, token: str, body: Fields) -> Answer:
        url = URL(f"{self._base}{path}").with_query(access_token=token)
        return await self._post.call("POST", url, body, changes=False)

    async def _fetch_token(self) -> tuple[str, float]:
        query = {"appkey": self._client_id, "appsecret": self._secret.reveal()}
        answer = await self._post.call("GET", URL(f"{self._base}/gettoken").with_query(query), changes=False)
        token, seconds = text_of(answer.found, "access_token"), answer.found.get("expires_in")
        if answer.ok and token and isinstance(seconds, int):
            return token, float(seconds)
        said = shorten(text_of(answer.found, "errmsg"), 200)
        wait = OPERATOR_S if answer.ok else LOST_S
        raise SendFailed("dingtalk", f"no access token for the directory ({said})", retry_after=wait)
