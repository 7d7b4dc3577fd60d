"""A call goes to the connection's own hosts, at addresses that lie where it was opened for."""

import ipaddress
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from ai_worker.connectors.gate import AddressRefused, Gate, LedInside, gated_pool
from ai_worker.skills.tool import ToolFailed, ToolUnsure
from tests.connectors.http.business import READ, WRITE, Answer, connected, json, served
from tests.connectors.http.names import name_server

INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2001::1",
    "::ffff:0:10.0.0.1", "64:ff9b:1::a00:1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_unless_the_connection_is_open_for_it(address: str) -> None:
    with pytest.raises(AddressRefused):
        Gate().check_address(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_an_address_outside_is_let_through(address: str) -> None:
    Gate().check_address(ipaddress.ip_address(address))


def test_a_network_is_opened_by_naming_it_and_a_cloud_s_credentials_only_by_their_address() -> None:
    wide = Gate(networks=["0.0.0.0/0", "::/0"])
    wide.check_address(ipaddress.ip_address("10.2.3.4"))
    wide.check_address(ipaddress.ip_address("::ffff:10.2.3.4"))
    for address in ("169.254.169.254", "100.100.100.200", "::ffff:169.254.169.254", "fd00:ec2::254"):
        with pytest.raises(AddressRefused):
            wide.check_address(ipaddress.ip_address(address))
    Gate(networks=["169.254.169.254/32"]).check_address(ipaddress.ip_address("169.254.169.254"))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://erp.example.com/x", True),
        ("https://ERP.example.com./x", True),
        ("https://erp.example.com:8443/x", False),
        ("http://erp.example.com/x", False),
        ("https://token.example.com:9/x", True),
        ("https://erp.example.com.evil.example/x", False),
        ("https://erp.example.com@evil.example/x", False),
        ("https://user@erp.example.com/x", False),
        ("ftp://erp.example.com/x", False),
        ("https://2130706433/x", False),
        ("https://[::1]/x", False),
    ],
)
def test_only_the_connection_s_hosts_and_ports_are_called(url: str, allowed: bool) -> None:
    gate = Gate(addresses=["https://erp.example.com/api"], hosts=["token.example.com"])
    if allowed:
        gate.check(URL(url))
        return
    with pytest.raises(AddressRefused):
        gate.check(URL(url))


async def test_an_address_in_the_base_address_itself_is_looked_at() -> None:
    async with connected(networks=()) as (business, caller):
        business.says(json({}))
        with pytest.raises(AddressRefused, match=r"127\.0\.0\.1 lies inside"):
            await caller.call(READ, {"id": "1"})
        assert business.asked == []


async def test_every_socket_passes_the_gate_whoever_opens_it() -> None:
    """A host that is an address asks no resolver; what opens the socket looks at it all the same."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    async with served(answer) as port, aiohttp.ClientSession(connector=gated_pool(Gate(), limit=1)) as session:
        with pytest.raises(LedInside):
            await session.get(f"http://127.0.0.1:{port}/")


async def test_a_name_that_leads_inside_is_not_called() -> None:
    async with (
        name_server(["127.0.0.1"]) as (_, resolver),
        connected(host="erp.example", resolver=resolver, networks=()) as (business, caller),
    ):
        business.says(json({}))
        with pytest.raises(AddressRefused):
            await caller.call(READ, {"id": "1"})
        assert business.asked == []


async def test_one_address_inside_among_several_refuses_the_name() -> None:
    async with (
        name_server(["93.184.216.34", "10.0.0.1"]) as (_, resolver),
        connected(host="erp.example", resolver=resolver) as (_, caller),
    ):
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
            await caller.call(READ, {"id": "1"})


async def test_a_name_that_changes_after_it_was_checked_gains_nothing() -> None:
    """The name server says 127.0.0.1, for which the connection is open, and from then on 127.0.0.2, which is shut."""

    async def hang_up(request: web.Request) -> web.Response:
        return web.json_response({"ok": True}, headers={"Connection": "close"})

    async with (
        name_server(["127.0.0.1"], ["127.0.0.2"]) as (server, resolver),
        connected(host="erp.example", resolver=resolver, networks=("127.0.0.1/32",)) as (business, caller),
    ):
        business.says(hang_up)
        for number in range(3):
            # Every call opens a socket of its own; all go to the address that was checked.
            await caller.call(READ, {"id": str(number)})
        assert server.questions == 1
        assert len(business.asked) == 3


async def test_a_name_that_was_moved_inside_by_the_next_look_is_refused() -> None:
    async with name_server(["127.0.0.1"], ["127.0.0.2"]) as (server, resolver):
        for shut in (False, True):
            async with connected(host="erp.example", resolver=resolver, networks=("127.0.0.1/32",)) as (
                business,
                caller,
            ):
                business.says(json({"ok": True}))
                if not shut:
                    await caller.call(READ, {"id": "1"})
                    continue
                with pytest.raises(AddressRefused, match=r"127\.0\.0\.2"):
                    await caller.call(READ, {"id": "1"})
        assert server.questions == 2


def elsewhere(location: str, status: int = 302) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": location})

    return answer


async def test_a_read_follows_a_redirect_on_the_same_host() -> None:
    async with connected() as (business, caller):
        business.says(elsewhere("/v2/orders/1"), json({"id": "1"}))
        assert (await caller.call(READ, {"id": "1"})).data == {"id": "1"}
        assert [path for _, path, _, _ in business.asked] == ["/orders/1", "/v2/orders/1"]


async def test_a_redirect_never_leads_to_another_host_or_port() -> None:
    stolen: list[str] = []

    async def other(request: web.Request) -> web.Response:
        stolen.append(request.path)
        return web.json_response({})

    async with served(other) as port, connected() as (business, caller):
        for location in (
            f"http://127.0.0.1:{port}/x",
            f"http://localhost:{business.port}/x",
            "http://169.254.169.254/",
        ):
            business.says(elsewhere(location))
            with pytest.raises(ToolFailed, match="elsewhere"):
                await caller.call(READ, {"id": "1"})
    assert stolen == []


async def test_redirects_end() -> None:
    async with connected() as (business, caller):
        business.says(elsewhere("/again"))
        with pytest.raises(ToolFailed, match="elsewhere"):
            await caller.call(READ, {"id": "1"})
        assert len(business.asked) == 4


async def test_what_acts_is_not_sent_on() -> None:
    async with connected() as (business, caller):
        business.says(elsewhere("/done", 303))
        with pytest.raises(ToolUnsure):
            await caller.call(WRITE, {"order": "1"})
        business.says(elsewhere("/v2", 308))
        with pytest.raises(ToolFailed) as caught:
            await caller.call(replace(WRITE, risk="write-reversible"), {"order": "1"})
        assert not isinstance(caught.value, ToolUnsure)
        assert len(business.asked) == 2
