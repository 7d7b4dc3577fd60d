"""Odoo over its real protocol: what is asked, what is written, and what its refusals become."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.registry import ConnectorHub
from ai_worker.connectors.rpc.snapshot import read_snapshot
from ai_worker.skills.tool import ToolFailed, ToolRefused
from tests.connectors.odoo.fake import DATABASE, KEY, USER, Odoo, odoo
from tests.connectors.rpc.connecting import call, connected, fetched

SETTINGS = f"""
kind = "odoo"
name = "华星 Odoo"
contract = "models.json"
base_url = "BASE"
operations = ["**"]
[options]
database = "{DATABASE}"
user = "{USER}"
password = "{KEY}"
language = "zh_CN"
[options.models."sale.order"]
methods = ["action_cancel"]
[options.models."sale.order.line"]
[options.lookups.get_order]
title = "查订单"
model = "sale.order"
by = {{ order_id = "name" }}
ignore_case = true
fields = ["name", "state", "note", "require_signature", "partner_id.name", "partner_shipping_id.street",
          "order_line.name", "order_line.product_uom_qty"]
[options.lookups.orders_of]
title = "客户的订单"
model = "sale.order"
by = {{ customer = "partner_id.name" }}
fields = ["name"]
many = true
order = "date_order"
[options.changes.set_shipping_address]
title = "改收货地址"
model = "sale.order"
by = {{ order_id = "name" }}
fields = ["name", "partner_shipping_id.street"]
only = {{ state = ["draft", "sale"] }}
[options.changes.set_shipping_address.set.partner_shipping_id]
create = "res.partner"
[options.changes.set_shipping_address.set.partner_shipping_id.values]
parent_id = {{ record = "partner_id" }}
type = {{ value = "delivery" }}
street = {{ argument = "address" }}
[options.changes.note]
title = "备注"
model = "sale.order"
by = {{ order_id = "name" }}
fields = ["name", "note"]
set = {{ note = {{ argument = "note" }} }}
"""


@pytest.fixture(params=["17.0", "19.0"])
async def system(request: pytest.FixtureRequest) -> AsyncIterator[Odoo]:
    async with odoo(request.param) as running:
        yield running


@pytest.fixture
async def hub(system: Odoo, tmp_path: Path) -> AsyncIterator[ConnectorHub]:
    home = tmp_path / "odoo"
    home.mkdir()
    (home / "connector.toml").write_text(SETTINGS.replace("BASE", system.base), "utf-8")
    await fetched(home / "connector.toml")
    system.calls.clear()
    async with connected(tmp_path) as opened:
        yield opened


async def test_one_call_tells_an_order_with_all_that_hangs_on_it(hub: ConnectorHub, system: Odoo) -> None:
    told = await call(hub, "odoo.get_order", order_id="s00012")

    assert told.data == {
        "name": "S00012",
        "state": "sale",
        "note": None,
        "require_signature": False,
        "partner_id": {"name": "晨光设计工作室"},
        "partner_shipping_id": {"street": "漕溪北路 18 号"},
        "order_line": [{"name": "人体工学椅", "product_uom_qty": 4.0}],
    }
    assert system.calls == [("sale.order", "web_search_read")]
    assert system.contexts[-1] == {"lang": "zh_CN"}


async def test_the_account_is_asked_for_once(hub: ConnectorHub, system: Odoo) -> None:
    connector = hub.get("odoo")
    assert connector is not None
    assert await connector.check() == "GET /odoo: 3 fields"
    told = await call(hub, "odoo.signed_in_as")
    assert told.data == {"user": "数字员工", "company": "华星办公", "language": "zh_CN"}


async def test_an_address_is_changed_and_the_same_one_is_used_again(hub: ConnectorHub, system: Odoo) -> None:
    for number in ("S00012", "S00013"):
        told = await call(hub, "odoo.set_shipping_address", order_id=number, address="南京西路 1 号")
        assert told.data == {"name": number, "partner_shipping_id": {"street": "南京西路 1 号"}}

    made = {number: one for number, one in system.records["res.partner"].items() if number > 2}
    assert [(one["parent_id"], one["type"], one["street"]) for one in made.values()] == [
        (1, "delivery", "南京西路 1 号")
    ]


async def test_a_refusal_in_an_answer_of_200_is_a_refusal(hub: ConnectorHub) -> None:
    with pytest.raises(ToolRefused, match="已取消的订单不能修改"):
        await call(hub, "odoo.note", order_id="S00014", note="x")
    with pytest.raises(ToolRefused, match="only while it is draft, sale"):
        await call(hub, "odoo.set_shipping_address", order_id="S00014", address="x")
    with pytest.raises(ToolRefused, match="serialize"):
        await call(hub, "odoo.note", order_id="S00013", note="撞车")
    with pytest.raises(ToolRefused, match="记录不存在"):
        await call(hub, "odoo.sale_order_read", ids=[99])
    with pytest.raises(ToolRefused, match="there is no record"):
        await call(hub, "odoo.get_order", order_id="S99999")


async def test_a_key_that_was_revoked_is_told(hub: ConnectorHub, system: Odoo) -> None:
    await call(hub, "odoo.get_order", order_id="S00012")
    system.key = "another"
    with pytest.raises(CredentialsRefused) as refused:
        await call(hub, "odoo.get_order", order_id="S00012")
    assert KEY not in str(refused.value)


async def test_a_wrong_key_is_told_and_not_tried_again_and_again(system: Odoo, tmp_path: Path) -> None:
    home = tmp_path / "odoo"
    home.mkdir()
    file = home / "connector.toml"
    file.write_text(SETTINGS.replace("BASE", system.base), "utf-8")
    await fetched(file)
    system.key = "another"
    async with connected(tmp_path) as hub:
        for _ in range(3):
            with pytest.raises(CredentialsRefused):
                await call(hub, "odoo.get_order", order_id="S00012")


async def test_many_are_a_list_and_the_newest_come_first(hub: ConnectorHub) -> None:
    told = await call(hub, "odoo.orders_of", customer="晨光设计工作室")
    assert told.data == [{"name": "S00013"}, {"name": "S00012"}]


async def test_records_are_made_with_their_lines_changed_and_searched(hub: ConnectorHub, system: Odoo) -> None:
    made = await call(
        hub,
        "odoo.sale_order_create",
        name="S00099",
        partner_id=1,
        partner_shipping_id=1,
        date_order="2026-12-01T08:00:00Z",
        tag_ids=[3, 4],
        order_line=[{"name": "升降桌", "product_uom_qty": 1, "price_unit": 2399}],
    )
    number = made.data["id"]
    record = system.records["sale.order"][number]
    assert (record["date_order"], record["tag_ids"]) == ("2026-12-01 08:00:00", [[6, 0, [3, 4]]])
    assert system.records["sale.order.line"][record["order_line"][0]]["name"] == "升降桌"

    await call(hub, "odoo.sale_order_update", id=number, note="加急")
    found = await call(
        hub, "odoo.sale_order_search", where=[{"field": "name", "is": "contains", "value": "0099"}], fields=["note"]
    )
    assert found.data == [{"id": number, "note": "加急"}]
    await call(hub, "odoo.sale_order_action_cancel", ids=[number])
    assert record["state"] == "cancel"


async def test_risk_and_rights_are_read_from_the_model(hub: ConnectorHub, tmp_path: Path, system: Odoo) -> None:
    risks = {tool.name: tool.risk for tool in hub.tools()}
    snapshot, _ = read_snapshot(tmp_path / "odoo" / "models.json", "odoo")

    assert snapshot.version == system.version
    assert "odoo.sale_order_delete" not in risks
    assert risks["odoo.sale_order_line_update"] == "money"
    assert risks["odoo.set_shipping_address"] == "write-reversible"
    assert risks["odoo.sale_order_action_cancel"] == "write-irreversible"
    assert "date_order" not in dict(_tool(hub, "odoo.sale_order_create"))["required"]


async def test_the_key_is_in_no_preview(hub: ConnectorHub) -> None:
    preview = hub.preview("odoo.get_order", {"order_id": "S00012"})
    assert KEY not in f"{preview}"
    assert "web_search_read" in preview.body
    changing = hub.preview("odoo.set_shipping_address", {"order_id": "S00012", "address": "南京西路 1 号"})
    assert "南京西路 1 号" in changing.body


async def test_a_server_that_breaks_down_is_a_failure(hub: ConnectorHub, system: Odoo) -> None:
    system.records["sale.order"][1]["partner_id"] = "no number"
    with pytest.raises(ToolFailed) as failed:
        await call(hub, "odoo.orders_of", customer="晨光设计工作室")
    assert not isinstance(failed.value, ToolRefused)


def _tool(hub: ConnectorHub, name: str) -> dict[str, list[str]]:
    (found,) = [tool for tool in hub.tools() if tool.name == name]
    return {"required": list(found.parameters["required"])}
