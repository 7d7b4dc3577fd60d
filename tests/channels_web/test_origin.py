import pytest
from pydantic import ValidationError

from ai_worker.channels.web.adapter import WebChannel, WebSettings
from ai_worker.channels.web.kinds import KINDS
from ai_worker.channels.web.origin import Origins
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.errors import Busy
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.store import Accepted
from tests.channels.store import temporary_store


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:18789", True),
        ("[::1]:18789", True),
        ("203.0.113.7", True),
        ("localhost:18789", True),
        ("chat.localhost", True),
        ("aiserver", True),
        ("desk.internal", True),
        ("chat.example.com", True),
        ("CHAT.example.com", True),
        ("chat.example.com:444", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("127.0.0.1/evil.example", False),
        ("", False),
        ("a b", False),
    ],
)
def test_the_chat_is_served_under_names_that_no_stranger_can_own(host: str, known: bool) -> None:
    assert Origins(["https://chat.example.com"]).knows(host) is known


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("http://127.0.0.1:18789", True),
        ("https://127.0.0.1:18789", True),
        ("https://www.example.com", True),
        ("http://127.0.0.1:9999", False),
        ("https://www.example.com.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
    ],
)
def test_a_socket_is_opened_by_our_own_page_or_a_configured_one(origin: str | None, welcome: bool) -> None:
    assert Origins(["https://www.example.com"]).welcomes(origin, "127.0.0.1:18789") is welcome


@pytest.mark.parametrize("origin", ["*", "www.example.com", "https://a.example/path", "https://a.example; x", "null"])
def test_what_is_no_origin_is_refused_in_the_settings(origin: str) -> None:
    with pytest.raises(ValidationError):
        WebSettings(kind="web", allowed_origins=(origin,))


async def test_a_message_is_the_visitors_own_and_refused_before_the_start() -> None:
    taken: list[InboundMessage] = []

    async def receive(message: InboundMessage) -> Accepted:
        taken.append(message)
        return Accepted("t-1", 1, duplicate=False)

    async def rated(_: Rating) -> bool:
        return True

    channel = KINDS[0].build("site", WebSettings(kind="web"), FixedClock(), temporary_store())
    assert isinstance(channel, WebChannel)
    with pytest.raises(Busy):
        await channel.take("v-1", "message-1", "你好")
    await channel.start(receive, rated, connects=True)
    await channel.take("v-1", "message-1", "你好")

    assert (taken[0].message_id, taken[0].conversation_key) == ("v-1/message-1", "v-1")
    assert channel.pull
    assert channel.health().state == "ready"
    assert channel.health().last_inbound_at == FixedClock().now()
