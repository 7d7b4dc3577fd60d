"""The simulated gateway against clients that others have written: what it accepts from them, it may ask of us."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.demo.wecom_bot import SimulatedBotGateway
from tests.channels.wecom.bots import eventually, gateway
from tests.channels.wecom.peer import BOT, SECRET

HERE = Path(__file__).parent
NODE_SDK = "@wecom/aibot-node-sdk@1.0.7"
USER = "linxiaoyan"


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[None]:
    """Run a program for as long as this lasts."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="session")
def node_sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official SDK, fetched into a folder that is gone after the tests."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("not run: there is no node on this machine")
    folder = tmp_path_factory.mktemp("node")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", NODE_SDK]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"not run: npm could not fetch {NODE_SDK} in time")
    if done.returncode:
        pytest.skip(f"not run: npm could not fetch {NODE_SDK}")
    return folder / "node_modules" / "@wecom" / "aibot-node-sdk"


async def talk(platform: SimulatedBotGateway) -> None:
    """Have the client at the gateway do everything that bots do."""
    await platform.connected(within_s=20)
    await platform.enter(USER)
    await platform.bubbles(USER, 1)
    said = await platform.say(USER, "你好")
    answer, push = await platform.bubbles(USER, 2, after=said)
    await eventually(lambda: platform.shown_to(USER, after=said)[0].finished)
    assert platform.shown_to(USER)[0].text == "您好"
    assert platform.shown_to(USER, after=said)[0].text == "收到你好，完成"
    assert (answer.feedback_id, push.text, push.pushed) == ("turn-1", "另外，**今天**有会", True)

    await platform.cut()  # it comes back
    await platform.connected(within_s=20)
    said = await platform.say(USER, "还在吗")
    await platform.reply_to(USER, after=said)
    assert (list(platform.counts.violations), platform.counts.missed_deadlines) == ([], 0)


@pytest.mark.slow
async def test_the_communitys_python_sdk_is_at_home_at_the_gateway() -> None:
    async with gateway() as platform, running(sys.executable, str(HERE / "sdk_bot.py"), platform.ws_url, BOT, SECRET):
        await talk(platform)


@pytest.mark.slow
async def test_the_official_node_sdk_is_at_home_at_the_gateway(node_sdk: Path) -> None:
    program = ("node", str(HERE / "sdk_bot.cjs"), str(node_sdk))
    async with gateway() as platform, running(*program, platform.ws_url, BOT, SECRET):
        await talk(platform)
        await eventually(lambda: platform.counts.pings >= 2)


@pytest.mark.slow
async def test_the_official_node_sdk_opens_what_we_seal(node_sdk: Path) -> None:
    from ai_worker.channels.wecom.crypto import Envelope
    from ai_worker.foundation.secret import Secret
    from tests.channels.wecom.peer import KEY, TOKEN

    envelope = Envelope(token=Secret(TOKEN), encoding_aes_key=Secret(KEY), receive_id="")
    encrypted, signature = envelope.seal("年假怎么休？".encode(), timestamp="1795328640", nonce="n1")
    program = (
        "const { WecomCrypto } = require(process.argv[1]);"
        "const [token, key, encrypted, signature] = process.argv.slice(2);"
        "const crypto = new WecomCrypto(token, key, '');"
        "if (!crypto.verifySignature(signature, '1795328640', 'n1', encrypted)) process.exit(3);"
        "process.stdout.write(crypto.decrypt(encrypted));"
    )
    process = await asyncio.create_subprocess_exec(
        "node", "-e", program, str(node_sdk), TOKEN, KEY, encrypted, signature, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out.decode()) == (0, "年假怎么休？")
