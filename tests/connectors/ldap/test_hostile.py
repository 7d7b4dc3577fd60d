"""A directory that answers as none should, and settings that cannot be right."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.ldap import ber, messages
from ai_worker.connectors.ldap.ber import Malformed
from ai_worker.connectors.ldap.filters import Equals
from ai_worker.connectors.ldap.names import below, parts_of
from ai_worker.connectors.ldap.session import DirectoryFailed
from tests.connectors.ldap.test_slapd import ask, load, settings

DONE = ber.encoded(0x65, ber.number(0, ber.ENUMERATED), ber.octets(""), ber.octets(""))
BOUND = ber.encoded(0x61, ber.number(0, ber.ENUMERATED), ber.octets(""), ber.octets(""))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_malformed_and_nothing_else(data: bytes) -> None:
    try:
        _, content = messages.opened(data)
        messages.entry_of(content)
    except Malformed:
        pass


@given(st.text(max_size=300), st.integers(0, 2**31 - 1))
def test_what_is_encoded_is_decoded_again(text: str, number: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    asked = messages.search(text, "below", Equals("uid", text), ("cn",), entries=number, seconds=1)
    answered, content = messages.opened(messages.message(number, asked))
    parts = content.parts()
    assert (answered, parts[0].text(), parts[3].number()) == (number, text, number)
    assert parts[6].parts()[1].text() == text


@pytest.mark.parametrize(
    ("name", "is_below"),
    [
        ("dc=example,dc=com", True),
        ("uid=a, ou=x,DC=Example,dc=COM", True),
        ("cn=a\\,b,dc=example,dc=com", True),
        ("cn=a\\,dc=example,dc=com", False),
        ("cn=a\\\\,dc=example,dc=com", True),
        ("dc=com", False),
        ("xdc=example,dc=com", False),
        ("dc=example,dc=com,", False),
        ("", False),
        ("example", False),
        ("cn=,dc=example,dc=com", False),
        ('cn="a,dc=example,dc=com', False),
    ],
)
def test_what_lies_below_the_base(name: str, is_below: bool) -> None:
    assert below(name, "dc=example,dc=com") is is_below


def test_a_name_is_compared_by_its_parts() -> None:
    assert parts_of("UID = Zhang , dc=x") == ["uid=zhang", "dc=x"]


@asynccontextmanager
async def answering(*answers: bytes | None) -> AsyncIterator[int]:
    """Listen, and answer each message with the next of these; `{}` in front of none is its number. `None`: never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                first = await reader.readexactly(2)
                more, size = ber.header(first)
                length = await reader.readexactly(more)
                data = await reader.readexactly(int.from_bytes(length, "big") if more else size)
                number, _ = messages.opened(first + length + data)
                if answer is None:
                    await reader.read()
                else:
                    writer.write(messages.message(number, answer) if answer[:1] in b"\x61\x64\x65\x78" else answer)
                    await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


ENTRIES = b"".join(
    messages.message(1, ber.encoded(0x64, ber.octets(f"uid={n},dc=example,dc=com"), ber.encoded(0x30)))
    for n in range(3)
)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "not LDAP|closed"),
        ((b"\x30\x84\x7f\xff\xff\xff",), "more than"),
        ((b"\x30\x80\x00\x00",), "length"),
        ((BOUND, ENTRIES), "something else"),
        ((BOUND, DONE[:4]), "not LDAP|closed"),
        ((DONE,), "something else"),
        ((), "closed|reached"),
    ],
    ids=["http", "huge", "endless-length", "numbers", "cut-off", "wrong-answer", "nothing"],
)
async def test_an_answer_that_is_none_ends_the_call(tmp_path: Path, answers: tuple[bytes, ...], words: str) -> None:
    async with answering(*answers) as port:
        connection = load(tmp_path, settings(f"ldap://127.0.0.1:{port}", options='tls = "none"'))
        with pytest.raises(DirectoryFailed, match=words):
            await ask(connection, "find_person", uid="zhangsan")


async def test_a_directory_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    async with answering(None) as port:
        text = settings(f"ldap://127.0.0.1:{port}", options='tls = "none"').replace("timeout_s = 5", "timeout_s = 0.2")
        with pytest.raises(DirectoryFailed, match="no answer within"):
            await ask(load(tmp_path, text), "find_person", uid="zhangsan")


async def test_a_password_never_goes_out_before_the_connection_is_encrypted(tmp_path: Path) -> None:
    refused = ber.encoded(0x78, ber.number(2, ber.ENUMERATED), ber.octets(""), ber.octets(""))
    async with answering(refused, BOUND, DONE) as port:
        with pytest.raises(DirectoryFailed, match="does not encrypt"):
            await ask(load(tmp_path, settings(f"ldap://127.0.0.1:{port}")), "find_person", uid="zhangsan")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ldap://ldap", "http://ldap", "url"),
        ('"dc=example,dc=com"\nbind', '"example"\nbind', "distinguished name"),
        ('password = "geheim-geheim"', "", "go together"),
        ("[options]", '[options]\nshown = ["cn", "UserPassword"]', "never told"),
        ("[options]", '[options]\nperson = "person)(uid=*"', "person"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConnectorRefused, match=words):
        load(tmp_path, settings("ldap://ldap.example.com").replace(old, new))
