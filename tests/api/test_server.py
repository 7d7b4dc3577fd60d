"""What the server bears from strangers, over raw sockets on uvloop."""

import re
import socket
import time
from collections.abc import Iterator

import pytest

from ai_worker.api.limits import Limits
from ai_worker.api.server import CannotListen, make_server
from tests.api.raw import GET, LAST, Running, echo, head, rest, running

SHORT = Limits(header_s=0.4, body_s=0.6, idle_s=0.5, write_s=0.5, connections=20, request_bytes=100_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(SHORT) as door:
        yield door


def statuses(heard: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", heard)]


def test_it_answers_and_says_nothing_of_itself(server: Running) -> None:
    heard = server.say(head(b"Content-Length: 3\r\nConnection: close\r\n") + b"abc")

    assert statuses(heard) == [200]
    assert heard.endswith(b"abc")
    assert b"server:" not in heard.lower()


@pytest.mark.parametrize(
    "request_",
    [
        head(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + b"0\r\n\r\n",
        head(b"Content-Length: 3\r\nContent-Length: 4\r\n") + b"abcd",
        head(b"Content-Length: 3\r\nContent-Length: 3\r\n") + b"abc",
        head(b"Content-Length: +3\r\n") + b"abc",
        head(b"Content-Length: 3, 3\r\n") + b"abc",
        head(b"Transfer-Encoding: gzip, chunked\r\n") + b"0\r\n\r\n",
        head(b"Transfer-Encoding: xchunked\r\n") + b"0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\n") + b"zz\r\nabc\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\n") + b"-3\r\nabc\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\n") + b"3\r\nabcX\r\n0\r\n\r\n",
        head(b"Transfer-Encoding: chunked\r\n") + b"ffffffffffffffffff\r\nabc",
        head(b"Host: b\r\n"),
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        head(b" folded: x\r\n"),
        head(b"X : y\r\n"),
        head(b"X: a\x00b\r\n"),
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        head(b"", path=b"/\xff"),
        head(b"", path=b"http://a:b:c/"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
    ],
)
def test_what_could_be_read_two_ways_is_refused_and_the_connection_closed(server: Running, request_: bytes) -> None:
    heard = server.say(request_ + GET)

    assert statuses(heard) == [400]
    assert b"request.malformed" in heard


def test_requests_one_after_another_are_answered_in_order(server: Running) -> None:
    body = [head(b"Content-Length: 1\r\n") + number for number in (b"1", b"2", b"3")]
    heard = server.say(b"".join(body) + LAST)

    assert statuses(heard) == [200] * 4
    assert re.findall(rb"\r\n\r\n(\d)", heard) == [b"1", b"2", b"3"]


def test_a_bad_request_behind_a_good_one_does_not_spoil_its_answer(server: Running) -> None:
    heard = server.say(head(b"Content-Length: 2\r\n", path=b"/slow") + b"ok" + b"garbage\r\n\r\n")

    assert statuses(heard) == [200]
    assert heard.endswith(b"ok")


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: y\r\n" % number for number in range(200)),
        b"X: " + b"y" * 70_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1_000) for number in range(80)),
    ],
)
def test_too_many_or_too_large_headers_are_refused(server: Running, headers: bytes) -> None:
    assert statuses(server.say(head(headers))) == [431]


def test_a_header_without_an_end_is_refused(server: Running) -> None:
    with server.connect() as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(30):
            peer.sendall(b"y" * 10_000)
        assert statuses(rest(peer)) == [431]


def test_an_endless_target_is_refused(server: Running) -> None:
    assert statuses(server.say(b"GET /" + b"a" * 100_000)) == [431]


def test_half_a_head_is_waited_for_only_so_long(server: Running) -> None:
    assert statuses(server.say(b"GET / HTTP/1.1\r\nHost: a\r\nX-")) == [408]


def test_a_head_that_drips_is_waited_for_only_so_long(server: Running) -> None:
    with server.connect() as peer:
        began = time.monotonic()
        peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        while time.monotonic() - began < 0.8:
            try:
                peer.sendall(b"X: y\r\n")
            except OSError:
                break
            time.sleep(0.05)
        assert statuses(rest(peer)) in ([408], [])


def test_a_body_that_drips_is_waited_for_only_so_long(server: Running) -> None:
    with server.connect() as peer:
        peer.sendall(head(b"Content-Length: 100\r\n"))
        for _ in range(4):
            peer.sendall(b"x")
            time.sleep(0.1)
        assert statuses(rest(peer)) == [408]


@pytest.mark.parametrize("noise", [b"", b"\r\n\r\n", b"\r\n" * 100])
def test_an_idle_connection_is_closed(server: Running, noise: bytes) -> None:
    assert server.say(noise) == b""


def test_a_connection_that_is_idle_after_an_answer_is_closed(server: Running) -> None:
    assert statuses(server.say(GET)) == [200]


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(server: Running) -> None:
    with server.connect() as peer:
        peer.sendall(head(b"", method=b"GET", path=b"/big"))
        time.sleep(1.5)
        assert len(rest(peer)) < 50_000_000


def test_a_request_that_takes_us_long_is_not_cut_off(server: Running) -> None:
    with server.connect() as peer:
        peer.sendall(head(b"", method=b"GET", path=b"/slow"))
        peer.sendall(head(b"Connection: close\r\n", method=b"GET", path=b"/slow"))
        assert statuses(rest(peer)) == [200, 200]


def test_an_oversized_body_is_answered_although_it_is_still_coming(server: Running) -> None:
    with server.connect() as peer:
        peer.sendall(head(b"Content-Length: 10000000\r\n"))
        for _ in range(100):
            peer.sendall(b"x" * 100_000)
        assert statuses(peer.recv(65536)) == [413]


def test_an_oversized_body_is_refused_before_it_is_sent(server: Running) -> None:
    heard = server.say(head(b"Content-Length: 10000000\r\nExpect: 100-continue\r\n"))

    assert statuses(heard) == [413]


def test_an_offer_of_another_protocol_is_passed_over(server: Running) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
    heard = server.say(head(offer + b"Content-Length: 3\r\n") + b"abc")

    assert statuses(heard) == [200]
    assert heard.endswith(b"abc")


def test_connections_that_wait_make_room_for_new_ones(server: Running) -> None:
    waiting = [server.connect() for _ in range(40)]
    try:
        for peer in waiting[:20]:
            try:
                peer.sendall(b"GET / HT")
            except OSError:
                continue
        assert statuses(server.say(LAST)) == [200]
    finally:
        for peer in waiting:
            peer.close()


def test_when_all_connections_are_at_work_the_next_is_told_to_come_again(server: Running) -> None:
    busy = [server.connect() for _ in range(20)]
    try:
        for peer in busy:
            peer.sendall(head(b"", method=b"GET", path=b"/slow"))
        time.sleep(0.2)
        heard = server.say()
        assert statuses(heard) == [503]
        assert b"retry-after" in heard
        assert all(statuses(peer.recv(65536)) == [200] for peer in busy)
    finally:
        for peer in busy:
            peer.close()


def test_what_is_in_work_is_answered_before_the_end() -> None:
    with running(SHORT) as door:
        idle, busy = door.connect(), door.connect()
        idle.sendall(GET)
        idle.recv(65536)
        busy.sendall(head(b"", method=b"GET", path=b"/slow"))
        time.sleep(0.1)
        door.server.drain()
        assert statuses(rest(busy)) == [200]
        assert rest(idle) == b""
        with pytest.raises(OSError, match="refused"):
            door.connect()
        idle.close()
        busy.close()


def test_both_families_are_served_under_the_unspecified_address() -> None:
    with running(SHORT, host="::") as door:
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, door.port), timeout=5) as peer:
                peer.sendall(LAST)
                assert statuses(rest(peer)) == [200]


def test_a_port_that_is_taken_is_named() -> None:
    with running(SHORT) as door:
        second = make_server(echo, host="127.0.0.1", port=door.port)
        with pytest.raises(CannotListen, match=str(door.port)):
            second.bind()
