"""Fetching what customers wrote: page after page from where the last one ended, nothing skipped.

The platform keeps messages for three days; where we are (the cursor) is moved only once everything
before it is durable. A process that dies in between fetches the page again, and what was kept already
is recognised by its `msgid`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import msgspec
import structlog

from ai_worker.channels.wecom.api import WecomApi
from ai_worker.channels.wecom.kf_wire import Item, Page, read_item
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

PAGE = 1_000
PAGES = 1_000
"""Pages in one go: three days of an account that never sleeps have fewer."""

LEASE = timedelta(seconds=30)
ACCOUNTS, ACCOUNTS_KEPT = "accounts", 100
"""Key of the accounts that were heard of, and how many of them are remembered."""

BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
TRIES = 50
"""After so many failures in a row the next event, or the next start, tries again."""

OnItem = Callable[[str, Item], Awaitable[None]]
"""Makes one item of an account durable; raises `Busy`."""


class KfSync:
    """Fetches for one channel, one node and one page at a time for each account."""

    def __init__(self, channel: str, api: WecomApi, on_item: OnItem, *, store: ChannelStore) -> None:
        self._channel, self._api, self._on_item, self._store = channel, api, on_item, store
        self._owner = new_id("kf")
        self._again: dict[str, str] = {}
        """Accounts of which there is news, with the token that the event brought."""

        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def catch_up(self) -> None:
        """Fetch what came in while nobody was here."""
        for attempt in range(1, TRIES):
            with suppress(Busy):
                for account in await self._accounts():
                    self.wake(account, "")
                return
            await asyncio.sleep(backoff(attempt, base=BACKOFF_BASE_S, cap=BACKOFF_CAP_S))

    async def heard_of(self, account: str) -> None:
        """Remember an account, so that `catch_up` asks for it. May raise `Busy`."""
        known = await self._accounts()
        if account not in known:
            kept = [*known, account][-ACCOUNTS_KEPT:]
            await self._store.remember(self._channel, ACCOUNTS, msgspec.json.encode(kept).decode())

    def wake(self, account: str, token: str) -> "asyncio.Task[None]":
        """Fetch an account's news in the background; return the task that does."""
        self._again[account] = token or self._again.get(account, "")
        task = self._running.get(account)
        if task is None or task.done():
            task = self._running[account] = asyncio.create_task(self._run(account))
            task.add_done_callback(_look_at)
        return task

    async def close(self) -> None:
        """End what is in progress."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    async def fetch(self, account: str, token: str) -> None:
        """Fetch everything there is.

        Raises:
            Busy: Something could not be kept; the cursor stays before it.
            SendFailed: The platform could not be asked.
        """
        lease = f"kf:{self._channel}:{account}"
        async with self._locks[account]:
            if not await self._store.own(lease, owner=self._owner, lease=LEASE):
                raise Busy("another node is fetching", retry_after=1.0)  # what it leaves is ours
            try:
                await self._pages(account, token, lease)
            finally:
                with suppress(Busy):
                    await self._store.disown(lease, owner=self._owner)

    async def _run(self, account: str) -> None:
        attempt = 0
        while account in self._again:
            token = self._again.pop(account)
            try:
                await self.fetch(account, token)
                attempt = 0
            except (Busy, SendFailed) as failure:
                attempt += 1
                log.warning("channel.fetch_failed", channel=self._channel, attempt=attempt, error=str(failure))
                if attempt >= TRIES or (isinstance(failure, SendFailed) and failure.retry_after is None):
                    return
                self._again.setdefault(account, token)
                await asyncio.sleep(backoff(attempt, base=BACKOFF_BASE_S, cap=BACKOFF_CAP_S))

    async def _pages(self, account: str, token: str, lease: str) -> None:
        cursor = await self._store.recall(self._channel, _cursor(account)) or ""
        for _ in range(PAGES):
            page = await self._page(account, cursor, token)
            for raw in page.msg_list:
                item = read_item(raw)
                if item is None:
                    log.warning("channel.item_unreadable", channel=self._channel, size=len(bytes(raw)))
                else:
                    await self._on_item(account, item)
            moved = bool(page.next_cursor) and page.next_cursor != cursor
            if moved:
                cursor = page.next_cursor
                await self._store.remember(self._channel, _cursor(account), cursor)
            if not page.has_more:
                return
            if not moved:  # asking for the same page again would never end
                log.warning("channel.cursor_stands_still", channel=self._channel)
                return
            await self._store.own(lease, owner=self._owner, lease=LEASE)

    async def _page(self, account: str, cursor: str, token: str) -> Page:
        body = {"cursor": cursor, "token": token, "limit": PAGE, "open_kfid": account}
        return await self._api.post("kf/sync_msg", {name: value for name, value in body.items() if value}, Page)

    async def _accounts(self) -> list[str]:
        kept = await self._store.recall(self._channel, ACCOUNTS)
        return [] if kept is None else msgspec.json.decode(kept, type=list[str])


def _cursor(account: str) -> str:
    return f"cursor:{account}"


def _look_at(task: "asyncio.Task[None]") -> None:
    """Report a defect: nobody waits for the task."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("channel.fetch_defect", exc_info=error)
