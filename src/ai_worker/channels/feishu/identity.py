"""Who we are on the platform: the open_id by which a mention of us is recognised."""

import asyncio

import structlog

from ai_worker.channels.feishu.api import FeishuApi
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

WAIT_S = 0.5
"""A message of a group waits this long for the answer; then the platform is told to send it again."""


class Identity:
    """Asks the platform in the background, again and again, until it has said who we are."""

    def __init__(self, api: FeishuApi, *, channel: str) -> None:
        self._api = api
        self._channel = channel
        self._asked = asyncio.Event()
        self.open_id = ""
        """Empty while it is not known: nothing counts as a mention of us then."""

        self.last_error = ""

    async def run(self) -> None:
        """Ask until there is an answer."""
        attempt = 0
        while not self.open_id:
            attempt += 1
            try:
                self.open_id, self.last_error = await self._api.own_id(), ""
            except SendFailed as failure:
                self.last_error = str(failure)
                log.warning("feishu.identity_unknown", channel=self._channel, attempt=attempt, error=str(failure))
                await asyncio.sleep(backoff(attempt, base=1.0, cap=60.0))
        self._asked.set()

    async def known(self) -> str:
        """Return our open_id, waiting for it a little; empty if it is still not known."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._asked.wait()
        except TimeoutError:
            return ""
        return self.open_id
