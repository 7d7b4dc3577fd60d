"""The platform's own SDK against our simulated platform, and against our frames and callbacks."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ai_worker.channels.feishu.frames import Frame, decode, encode
from ai_worker.demo.feishu_state import Shown
from ai_worker.foundation.clock import SystemClock
from tests.channels.feishu.peer import APP, KEY, SECRET, TOKEN, USER, message_event, platform

PEER = Path(__file__).with_name("sdk_peer.py")

pytestmark = pytest.mark.slow


class Peer:
    """The SDK in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def put(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def told(self) -> dict[str, Any]:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def sdk(*words: str) -> AsyncIterator[Peer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        str(PEER),
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1_000_000,
    )
    try:
        yield Peer(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_its_client_hears_our_platform_and_answers_as_we_expect() -> None:
    async with platform(repush_s=5.0) as at, sdk("listen", at.base_url, APP, SECRET) as peer:
        async with asyncio.timeout(60):
            await at.gateway.until_pinged()
        for parts in (1, 3, 9):
            said = await at.post(USER, "text", {"text": f"订单到哪了？{parts}"}, parts=parts)
            assert (said.acknowledged, said.attempts) == (True, 1)
            assert await peer.told() == {
                "heard": f"订单到哪了？{parts}",
                "message_id": said.message_id,
                "sender": USER,
            }
        button = {"tag": "button", "text": {"content": "有帮助"}, "behaviors": [{"value": {"turn": "t", "rate": "up"}}]}
        shown = Shown(1, "om_1", USER, "interactive", {"body": {"elements": [button]}}, SystemClock().now())
        pressed = await at.press(shown, "有帮助", user=USER)
        assert (await peer.told())["pressed"] == {"turn": "t", "rate": "up"}
        assert json.loads(pressed.answer)["toast"]["content"] == "好的"
        assert not at.counts.violations


async def test_its_api_client_is_served_as_it_expects() -> None:
    async with platform() as at:
        at.api.people["ou_a"] = ("林晓燕", "客户服务部")
        at.api.heard("om_heard", "ou_a")
        async with sdk("speak", at.base_url, APP, SECRET, "om_heard") as peer:
            assert await peer.told() == {"sent": 0, "again": True}
            assert await peer.told() == {"replied": 0}
            assert await peer.told() == {"card": 0, "shown": 0}
            assert await peer.told() == {"twice": 230099}
            assert await peer.told() == {"written": [0, 0, 300317]}
            assert await peer.told() == {"ended": 0}
            assert await peer.told() == {"name": "林晓燕"}
        text, reply, card = at.shown_to("ou_a")
        assert (text.text, reply.answers, card.versions[:3]) == ("已完成", "om_heard", ["退", "退货", "退货须在"])


async def test_its_api_client_uploads_sends_and_fetches_files() -> None:
    async with platform() as at:
        key = at.api.files.keep("om_heard", "file", "手册.txt", "第一步".encode())
        async with sdk("files", at.base_url, APP, SECRET, "om_heard", key) as peer:
            assert await peer.told() == {"image": 0, "file": 0}
            assert [await peer.told(), await peer.told()] == [{"sent": 0}, {"sent": 0}]
            told = await peer.told()
            assert (told["found"], told["content"]) == (0, "第一步")
            assert await peer.told() == {"foreign": 234003}
        picture, file = at.shown_to("ou_a")
        assert (picture.kind, file.kind, file.text) == ("image", "file", "报价单.pdf")
        assert list(at.counts.violations) == []


async def test_it_opens_our_platforms_callbacks_and_refuses_the_same_forgeries() -> None:
    async with platform() as at, sdk("open", KEY, TOKEN) as peer:
        raw = msgspec.json.encode(message_event("还能退吗？"))
        body, headers = at.sealed(raw)
        for told in (headers, {**headers, "X-Lark-Signature": "0" * 64}):
            peer.put(json.dumps({"headers": told, "body": body.decode()}))
        assert (await peer.told())["heard"] == "还能退吗？"
        assert (await peer.told())["status"] == 200
        assert (await peer.told())["status"] == 500


async def test_its_frames_are_ours_and_ours_are_its() -> None:
    async with sdk("frames") as peer:
        for _ in range(200):
            told = await peer.told()
            wire = bytes.fromhex(told.pop("wire"))
            frame = decode(wire)
            assert _told_of(frame) == told
            assert encode(frame) == wire
        rng = random.Random(11)
        for number in range(100):
            frame = Frame(
                seq_id=rng.getrandbits(64),
                log_id=rng.getrandbits(7),
                service=33554678,
                method=number % 2,
                headers=tuple((f"k{each}", "值" * rng.randrange(40)) for each in range(rng.randrange(5))),
                payload=rng.randbytes(rng.randrange(300)),
            )
            peer.put(encode(frame).hex())
            assert await peer.told() == _told_of(frame)


def _told_of(frame: Frame) -> dict[str, Any]:
    return {
        "seq_id": frame.seq_id,
        "log_id": frame.log_id,
        "service": frame.service,
        "method": frame.method,
        "headers": [list(header) for header in frame.headers],
        "payload": frame.payload.hex(),
        "log_id_new": frame.log_id_new,
        "payload_type": frame.payload_type,
    }
