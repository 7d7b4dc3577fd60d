"""OData over real sockets: what 2.0 and 4.0 want in an address, a header and a body, and what they give back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.odata.kind import KIND
from ai_worker.connectors.registry import load_connector, read_settings
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import ToolFailed, ToolRefused
from tests.connectors.http.business import served
from tests.connectors.odata.services import Shop, shop

CONNECTOR = 'kind = "odata"\nname = "商城"\nbase_url = "{base}"\ncontract = "metadata.xml"\noperations = ["**"]\n{more}'


@asynccontextmanager
async def connected(
    folder: Path, *, old: bool, csrf: bool = False, more: str = ""
) -> AsyncIterator[tuple[Shop, Connection]]:
    """Fetch the service's own contract, compile it, and connect."""
    async with shop(old=old, csrf=csrf) as (service, base):
        file = folder / "shop.toml"
        file.write_text(CONNECTOR.format(base=base, more=more), "utf-8")
        settings: ConnectorSettings = read_settings(file, str)
        parts = Parts(SystemClock())
        assert KIND.fetch is not None
        (folder / "metadata.xml").write_bytes(await KIND.fetch(settings, KIND.options(), parts))
        connection = load_connector(file, resolve=str, parts=parts)
        assert connection is not None
        service.asked.clear()
        await connection.start()
        try:
            yield service, connection
        finally:
            await connection.close()


async def call(connection: Connection, name: str, arguments: dict[str, Any]) -> Any:
    return (await connection.call(f"shop.{name}", arguments, idempotency_key="k")).data


@pytest.mark.parametrize("old", [True, False], ids=["2.0", "4.0"])
async def test_a_list_is_filtered_by_plain_arguments_and_followed_by_page(tmp_path: Path, old: bool) -> None:
    async with connected(tmp_path, old=old) as (service, connection):
        first = await call(connection, "Orders_list", {})
        assert len(first["items"]) == 2
        second = await call(connection, "Orders_list", {"page": first["next"]})
        assert [str(one["Id"]) for one in second["items"]] == ["3"]
        assert "next" not in second
        # Of the next page's address only the place in the list is taken over.
        assert service.asked[-1][1] == "/Orders?$skiptoken=2"
        found = await call(
            connection, "Orders_list", {"Customer": "华星", "Total_from": 50, "filter": "Customer eq '华星'"}
        )
        assert [str(one["Id"]) for one in found["items"]] == ["2"]
        quoted = await call(connection, "Orders_list", {"Customer": "O'Neil"})
        assert [str(one["Id"]) for one in quoted["items"]] == ["1"]


async def test_literals_of_2_0_carry_their_type(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True) as (service, connection):
        await call(connection, "Orders_list", {"Created_from": "2026-01-01", "Total_to": 12.5, "top": 1})
        assert service.asked[-1][1] == (
            "/Orders?$top=1&$filter=Created ge datetime'2026-01-01T00:00:00' and Total le 12.5M"
        )


async def test_an_entity_of_2_0_is_unwrapped_and_changed_with_its_etag(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True) as (service, connection):
        order = await call(connection, "Orders_get", {"Id": "1"})
        assert order["Created"] == "2025-12-01T00:00:00Z"
        assert "__metadata" not in order
        assert "Items" not in order
        await call(connection, "Orders_update", {"Id": "1", "Address": "新址", "etag": order["etag"]})
        assert service.asked[-1] == ("MERGE", "/Orders('1')")
        with pytest.raises(ToolRefused, match="changed by somebody else"):
            await call(connection, "Orders_update", {"Id": "1", "Address": "又改", "etag": order["etag"]})
        await call(connection, "Orders_update", {"Id": "1", "Address": "再改"})
        assert service.orders["1"]["Address"] == "再改"


async def test_a_new_entity_of_2_0_is_written_as_its_json_wants(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True) as (service, connection):
        made = {"Id": "9", "Total": 12.5, "Created": "2026-11-22T08:00:00+08:00", "Items": [{"Product": "键盘"}]}
        await call(connection, "Orders_create", made)
        assert service.bodies == [
            {"Id": "9", "Total": "12.5", "Created": "/Date(1795305600000)/", "Items": [{"Product": "键盘"}]}
        ]


async def test_4_0_creates_changes_and_deletes(tmp_path: Path) -> None:
    async with connected(tmp_path, old=False) as (service, connection):
        made = await call(
            connection, "Orders_create", {"Customer": "新客户", "State": "Open", "Place": {"City": "杭州"}}
        )
        assert (made["Id"], made["Customer"]) == (4, "新客户")
        changed = await call(connection, "Orders_update", {"Id": 4, "State": "Shipped", "etag": made["etag"]})
        assert changed["State"] == "Shipped"
        await call(connection, "Orders_delete", {"Id": 4})
        assert [method for method, _ in service.asked] == ["POST", "PATCH", "DELETE"]
        with pytest.raises(ToolRefused, match="没有这个订单"):
            await call(connection, "Orders_get", {"Id": 4})


async def test_functions_and_actions_are_called_in_the_way_of_their_version(tmp_path: Path) -> None:
    async with connected(tmp_path, old=False) as (service, connection):
        assert await call(connection, "Tax", {"Of": 100}) == {"value": 13}
        assert await call(connection, "Orders_Latest", {"Count": 1}) is not None
        cancelled = await call(connection, "Orders_Cancel", {"Id": 1, "Reason": "客户不要了"})
        assert service.asked[-1] == ("POST", "/Orders(1)/Shop.Cancel")
        assert (service.bodies, cancelled["State"]) == ([{"Reason": "客户不要了"}], "Shipped")
    async with connected(tmp_path, old=True) as (service, connection):
        assert (await call(connection, "Release", {"Id": "1"}))["Id"] == "1"
        assert (await call(connection, "Search", {"Text": "a"}))[0]["Id"] == "1"
        assert service.asked == [("POST", "/Release?Id='1'"), ("GET", "/Search?Text='a'")]


async def test_a_forgery_token_is_fetched_once_kept_with_its_session_and_renewed(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True, csrf=True, more="[csrf]\n") as (service, connection):
        for address in ("一", "二"):
            await call(connection, "Orders_update", {"Id": "1", "Address": address})
        assert [method for method, _ in service.asked] == ["GET", "MERGE", "MERGE"]
        service.token = "token-2"
        await call(connection, "Orders_update", {"Id": "1", "Address": "三"})
        assert [method for method, _ in service.asked[3:]] == ["MERGE", "GET", "MERGE"]
        assert service.orders["1"]["Address"] == "三"


async def test_an_error_inside_an_answer_of_success_is_a_refusal(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True) as (service, connection):
        service.refuses_inside = True
        with pytest.raises(ToolRefused, match="账期已关闭"):
            await call(connection, "Orders_list", {})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Orders_list", {"Created_from": "2026-01-01' or 1 eq 1"}),
        ("Orders_list", {"Total_from": "1 or true"}),
        ("Orders_list", {"nonsense": 1}),
        ("Orders_get", {}),
    ],
)
async def test_what_is_none_of_its_type_is_not_sent(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    async with connected(tmp_path, old=True) as (service, connection):
        with pytest.raises(ToolFailed):
            await call(connection, name, arguments)
        assert service.asked == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"}), "elsewhere"),
        (web.Response(body=b" " * (20 * 1024 * 1024 + 1), content_type="application/xml"), "larger than"),
        (web.Response(status=401, text="who are you"), "credentials"),
    ],
    ids=["redirect", "huge", "stranger"],
)
async def test_a_contract_that_leads_elsewhere_or_never_ends_is_not_fetched(
    tmp_path: Path, answer: web.Response, words: str
) -> None:
    async def reply(_: web.Request) -> web.StreamResponse:
        return answer

    async with served(reply) as port:
        file = tmp_path / "shop.toml"
        file.write_text(CONNECTOR.format(base=f"http://127.0.0.1:{port}", more=""), "utf-8")
        assert KIND.fetch is not None
        with pytest.raises(ToolFailed, match=words):
            await KIND.fetch(read_settings(file, str), KIND.options(), Parts(SystemClock()))


async def test_a_dry_run_shows_the_request_and_sends_nothing(tmp_path: Path) -> None:
    async with connected(tmp_path, old=True, csrf=True, more="[csrf]\n") as (service, connection):
        shown = connection.preview("shop.Orders_update", {"Id": "A/1'", "Address": "新址"})
        assert (shown.method, shown.address.rpartition("/")[2]) == ("MERGE", "Orders('A%2F1''')")
        assert (shown.headers["If-Match"], shown.body) == ("*", '{"Address":"新址"}')
        assert service.asked == []
