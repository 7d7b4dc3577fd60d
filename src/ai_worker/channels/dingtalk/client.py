"""The calls to DingTalk's API that an application makes with its access token."""

from typing import Literal

from yarl import URL

from ai_worker.channels.access_token import AccessToken
from ai_worker.channels.dingtalk.answers import LOST_S, OPERATOR_S, Answer
from ai_worker.channels.dingtalk.fields import Fields, text_of
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed

TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105  (a header's name)


class DingtalkClient:
    """Speaks to the API for one application."""

    def __init__(
        self, *, channel: str, settings: DingtalkSettings, post: Post, clock: Clock, store: ChannelStore
    ) -> None:
        self._base = settings.api_base
        self._client_id, self._secret = settings.client_id, settings.client_secret
        self._post = post
        self._token = AccessToken(
            self._fetch_token, channel=channel, secret=settings.client_secret, store=store, clock=clock
        )

    async def close(self) -> None:
        """End what is in progress."""
        await self._token.close()

    async def token(self) -> str:
        """Return an access token, which shows that the credentials are good.

        Raises:
            SendFailed: The platform gave none.
        """
        return await self._token.get()

    async def call(self, method: Literal["POST", "PUT"], path: str, body: Fields, *, changes: bool = True) -> Answer:
        """Make one call; a token that is refused is replaced, and the call made once more.

        Args:
            method: Of HTTP.
            path: After the API's base, with `/v1.0`.
            body: Becomes JSON.
            changes: Whether a second call after an unknown outcome could be seen by somebody.

        Raises:
            SendFailed: There was no answer.
        """
        url = URL(f"{self._base}{path}")
        token = await self._token.get()
        answer = await self._post.call(method, url, body, headers={TOKEN_HEADER: token}, changes=changes)
        if answer.unauthorized:
            self._token.drop(token)
            token = await self._token.get()
            answer = await self._post.call(method, url, body, headers={TOKEN_HEADER: token}, changes=changes)
        return answer

    async def _fetch_token(self) -> tuple[str, float]:
        body: Fields = {"appKey": self._client_id, "appSecret": self._secret.reveal()}
        answer = await self._post.call("POST", URL(f"{self._base}/v1.0/oauth2/accessToken"), body, changes=False)
        token, seconds = text_of(answer.found, "accessToken"), answer.found.get("expireIn")
        if answer.ok and token and isinstance(seconds, int):
            return token, float(seconds)
        if answer.status >= 500 or answer.ok:
            raise SendFailed("dingtalk", f"no access token (HTTP status {answer.status})", retry_after=LOST_S)
        said = shorten(f"{answer.code} {text_of(answer.found, 'message')}", 200)
        detail = f"the credentials are refused; copy Client ID and Client Secret again ({said})"
        raise SendFailed("dingtalk", detail, retry_after=OPERATOR_S)
