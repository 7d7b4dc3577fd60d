"""The sample company's office: its systems, and the real service between them."""

import asyncio
import base64
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec

from ai_worker import app
from ai_worker.connectors.registry import load_connectors
from ai_worker.demo.company import WEB_CHANNEL, Addresses, Credentials, examples, furnish
from ai_worker.demo.erp import SimulatedErp
from ai_worker.demo.line import Line
from ai_worker.demo.phones import Phone
from ai_worker.demo.platforms import Platforms, simulated
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.settings import Settings, load
from ai_worker.settings.references import resolver
from ai_worker.storage.opening import open_stores

API_PORT = 18789
CONSOLE_PORT = 8080

UPLOAD_S = 60.0
CONNECT_S = 10.0
"""The channels connect to their platforms within this time."""


class DemoFailed(AiWorkerError):
    """A part of the demo did not start."""

    code = "demo.failed"
    hint = "ai-worker demo --debug"


class Uploaded(msgspec.Struct):
    """What the API says of documents that were added."""

    documents: int
    passages: int
    failed: list[object]


Report = Callable[[str, Mapping[str, object], float], None]
"""Hears of each part that has started: its name, facts about it, and the seconds that it took."""


@dataclass(frozen=True, slots=True)
class Office:
    """Everything that runs during a demo."""

    service: app.Service
    wecom: SimulatedWecom
    phones: Mapping[str, Phone]
    """The apps in which people talk to the worker, by their platform."""

    line: Line
    uploaded: Uploaded

    def violations(self) -> dict[str, Sequence[str]]:
        """Return the platforms' rules that the worker has broken so far, in words."""
        return {name: phone.violations() for name, phone in self.phones.items()}

    def facts(self) -> dict[str, Any]:
        """Return where the parts are and what they hold, for the summary."""
        return {
            "knowledge": {"documents": self.uploaded.documents, "passages": self.uploaded.passages},
            "api_url": self.service.api_url,
            "console_url": self.service.console_url,
        }


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service listens; 0 takes a free port."""

    api: int = 0
    console: int = 0
    taken: tuple[int, ...] = ()
    """The usual ports that somebody else uses, so that others are taken."""

    @classmethod
    def usual(cls, *, api: int | None, console: int | None) -> "Ports":
        """Return the ports that were asked for; `None` asks for the usual one if it is free."""
        free = {port for port in (API_PORT, CONSOLE_PORT) if _is_free(port)}
        return cls(
            api=api if api is not None else API_PORT if API_PORT in free else 0,
            console=console if console is not None else CONSOLE_PORT if CONSOLE_PORT in free else 0,
            taken=tuple(
                port for port, asked in ((API_PORT, api), (CONSOLE_PORT, console)) if asked is None and port not in free
            ),
        )


@asynccontextmanager
async def opened(folder: Path, *, ports: Ports, language: str, clock: Clock, report: Report) -> AsyncIterator[Office]:
    """Start the sample company's systems and the service, and add the sample knowledge.

    Args:
        folder: An empty folder for settings and data.
        ports: Where the service listens.
        language: The service's language.
        clock: Tells the time.
        report: Hears of each part as it starts.

    Raises:
        DemoFailed: A part did not start.
    """
    credentials = _credentials()
    today = clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    async with (
        SimulatedErp(today=today, api_key=credentials.erp_key) as erp,
        simulated(credentials) as platforms,
    ):
        addresses = Addresses(
            api_port=ports.api,
            console_port=ports.console,
            wecom_base=platforms.wecom.api_base,
            feishu_base=platforms.feishu.base_url,
            dingtalk_base=platforms.dingtalk.base,
            erp_base=erp.base_url,
        )
        file = furnish(folder, addresses=addresses, credentials=credentials, language=language)
        settings = load(file, environ={})
        began = clock.monotonic()
        tools = load_connectors(settings.connectors_folder, resolve=resolver(folder, {})).tools()
        report("connectors", {"tools": len(tools)}, clock.monotonic() - began)
        async with (
            _serving(settings, clock, report) as service,
            open_stores(settings.storage.url, data_dir=settings.data_dir, clock=clock) as stores,
        ):
            began = clock.monotonic()
            await _connected(platforms, service.api_url)
            report("channels", {}, clock.monotonic() - began)
            report("web_chat", {"link": f"{service.api_url}/chat/{WEB_CHANNEL}"}, 0.0)
            uploaded = await _add_knowledge(service.api_url, credentials.api_key, clock, report)
            phones = platforms.phones(service.api_url, corp_id=credentials.corp_id, clock=clock)
            line = Line(phones, ratings=stores.feedback.of_turn, events=service.events, clock=clock)
            yield Office(service, platforms.wecom, phones, line, uploaded)


async def _connected(platforms: Platforms, api_url: str) -> None:
    """Return once every platform has been reached.

    Raises:
        DemoFailed: One has not.
    """
    try:
        verified = await platforms.connected(api_url, timeout_s=CONNECT_S)
    except TimeoutError:
        raise DemoFailed(f"Feishu or DingTalk had no connection after {CONNECT_S:g} s") from None
    if not verified:
        raise DemoFailed(f"the simulated WeCom could not verify {platforms.wecom.callback_url}")


@asynccontextmanager
async def _serving(settings: Settings, clock: Clock, report: Report) -> AsyncIterator[app.Service]:
    began = clock.monotonic()
    async with app.running(settings) as service:
        report("api", {"url": service.api_url}, clock.monotonic() - began)
        yield service


def _credentials() -> Credentials:
    return Credentials(
        corp_id=f"ww{secrets.token_hex(8)}",
        agent_id=1000002,
        app_secret=secrets.token_urlsafe(32),
        token=secrets.token_hex(8),
        encoding_aes_key=base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        feishu_app_id=f"cli_{secrets.token_hex(8)}",
        feishu_app_secret=secrets.token_urlsafe(24),
        feishu_encrypt_key=secrets.token_urlsafe(24),
        dingtalk_client_id=f"ding{secrets.token_hex(8)}",
        dingtalk_client_secret=secrets.token_urlsafe(48),
        erp_key=secrets.token_urlsafe(24),
        api_key=secrets.token_urlsafe(36),
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _add_knowledge(api_url: str, api_key: str, clock: Clock, report: Report) -> Uploaded:
    """Add the sample knowledge through the API, as an administrator's script would."""
    began = clock.monotonic()
    files = sorted((examples() / "knowledge").iterdir())
    form = aiohttp.FormData(quote_fields=False)  # file names travel as they are written, as browsers send them
    for file in files:
        content = await asyncio.to_thread(file.read_bytes)
        form.add_field("file", content, filename=file.name, content_type="application/octet-stream")
    async with (
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {api_key}"}, timeout=aiohttp.ClientTimeout(total=UPLOAD_S)
        ) as session,
        session.post(f"{api_url}/api/v1/knowledge/documents", data=form) as answer,
    ):
        body = await answer.read()
        if answer.status >= 300:
            raise DemoFailed(f"the sample knowledge was refused ({answer.status}): {body[:400].decode()}")
    uploaded = msgspec.json.decode(body, type=Uploaded)
    if uploaded.failed or uploaded.documents != len(files):
        raise DemoFailed(f"not all of the sample knowledge could be read: {uploaded.failed}")
    facts = {"titles": "、".join(file.stem for file in files), "documents": uploaded.documents}
    report("knowledge", {**facts, "passages": uploaded.passages}, clock.monotonic() - began)
    return uploaded
