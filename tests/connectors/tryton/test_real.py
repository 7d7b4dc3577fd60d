"""Against a Tryton 8.2 with a small company in it: what is read, what is written, and what it refuses."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.registry import ConnectorHub, load_connectors
from ai_worker.connectors.rpc.snapshot import read_snapshot
from ai_worker.conversation.steps.verbs import slot_value, told
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused
from tests.connectors.rpc.connecting import call, connected, fetched
from tests.tryton.peer import Tryton

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "connectors" / "tryton"

OPEN = """
kind = "tryton"
name = "华星 Tryton"
contract = "models.json"
base_url = "env:TRYTON_BASE_URL"
operations = ["**"]
masked = ["comment"]

[options]
database = "env:TRYTON_DATABASE"
user = "env:TRYTON_USER"
password = "env:TRYTON_PASSWORD"
language = "zh_CN"

[options.models."sale.sale"]
fields = ["number", "party", "company", "currency", "state", "comment", "description", "lines", "sale_date",
          "total_amount", "invoice_method", "shipment_method"]
methods = ["quote", "cancel", "draft"]
[options.models."sale.line"]
fields = ["product", "quantity", "unit_price", "unit", "type", "description"]
[options.models."product.product"]
fields = ["code", "template"]
[options.models."party.party"]
fields = ["name", "code"]

[options.lookups.orders_of]
title = "客户的订单"
model = "sale.sale"
by = { customer = "party.code" }
fields = ["number", "state"]
many = true
order = "number"

[options.changes.cancel_order]
title = "取消订单"
model = "sale.sale"
by = { order_id = "number" }
fields = ["number", "state"]
call = "cancel"

[options.changes.note_on_order]
title = "给订单加备注"
model = "sale.sale"
by = { order_id = "number" }
fields = ["number", "description"]
[options.changes.note_on_order.set]
description = { argument = "note" }

[options.changes.deliver_to_stranger]
title = "把货送到别人那里"
model = "sale.sale"
by = { order_id = "number" }
fields = ["number"]
[options.changes.deliver_to_stranger.set.shipment_address]
create = "party.address"
[options.changes.deliver_to_stranger.set.shipment_address.values]
party = { value = 1 }
street_unstructured = { argument = "address" }

[access]
logins = { "wecom/zhangsan" = "C001" }
[policies.orders_of]
asker = { customer = "login" }
"""


@pytest.fixture
async def example(tryton: Tryton, tmp_path: Path) -> AsyncIterator[ConnectorHub]:
    """The connector of the examples, as it is delivered."""
    shutil.copytree(EXAMPLE, tmp_path / "connectors" / "tryton")
    async with connected(tmp_path / "connectors", tryton.resolve) as hub:
        yield hub


@pytest.fixture(scope="session")
def wide(tryton: Tryton, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connector with whole models, its contract read from the running system."""
    home = tmp_path_factory.mktemp("wide") / "erp"
    home.mkdir()
    (home / "connector.toml").write_text(OPEN, "utf-8")
    asyncio.run(fetched(home / "connector.toml", tryton.resolve))
    return home.parent


@pytest.fixture
async def erp(tryton: Tryton, wide: Path) -> AsyncIterator[ConnectorHub]:
    async with connected(wide, tryton.resolve) as hub:
        yield hub


async def test_one_call_tells_an_order_with_all_that_hangs_on_it(example: ConnectorHub) -> None:
    answer = await call(example, "tryton.get_order", order_id="ord12345")

    assert answer.data["number"] == "ORD12345"
    assert answer.data["party"] == {"name": "晨光设计工作室"}
    assert answer.data["shipment_address"]["full_address"] == "上海市徐汇区漕溪北路 18 号 6 楼"
    assert answer.data["lines"][0] == {"product": {"name": "人体工学椅"}, "quantity": 4.0}
    assert [one["state"] for one in answer.data["shipments"]] == ["done"]
    assert (answer.data["state_text"], answer.data["progress"]) == ("正在处理", "货已经全部发出。")
    assert answer.source == "华星 Tryton GET /sale.sale"


async def test_the_question_is_answered_in_a_sentence_without_a_model(example: ConnectorHub) -> None:
    (tool,) = [tool for tool in example.tools() if tool.name == "tryton.get_order"]
    assert tool.verb is not None
    said = {slot.name: slot_value(slot, "ord12345 发货了吗") for slot in tool.verb.slots}

    answer = await call(example, tool.name, **said)

    assert told(tool.verb.template, answer.data, values=said, no_value="—") == (
        "订单 ORD12345（晨光设计工作室）正在处理，货已经全部发出。收货地址：上海市徐汇区漕溪北路 18 号 6 楼。"
    )


@pytest.mark.parametrize("number", ["ORD99999", "ORD1234_", "ORD1234%", "%"])
async def test_a_number_that_nobody_has_is_refused(example: ConnectorHub, number: str) -> None:
    with pytest.raises(ToolRefused, match="there is no record"):
        await call(example, "tryton.get_order", order_id=number)


async def test_the_delivered_contract_is_what_the_system_tells(tryton: Tryton, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "tryton")

    content = await fetched(tmp_path / "tryton" / "connector.toml", tryton.resolve)

    assert content == (EXAMPLE / "models.json").read_bytes()


async def test_the_check_tells_that_we_are_taken(example: ConnectorHub) -> None:
    connector = example.get("tryton")
    assert connector is not None
    assert await connector.check() == "GET /tryton: 3 fields"


async def test_an_address_is_changed_in_the_database_itself(example: ConnectorHub, tryton: Tryton) -> None:
    number = tryton.new_order()

    answer = await call(
        example, "tryton.set_shipping_address", order_id=number.lower(), address="上海市静安区南京西路 1 号"
    )

    assert answer.data["shipment_address"]["full_address"] == "上海市静安区南京西路 1 号"
    assert tryton.order(number)["address"] == "上海市静安区南京西路 1 号"


async def test_the_same_address_twice_is_one_address(example: ConnectorHub, tryton: Tryton) -> None:
    for number in (tryton.new_order(), tryton.new_order()):
        await call(example, "tryton.set_shipping_address", order_id=number, address="上海市闵行区七莘路 2 号")

    assert tryton.addresses("晨光设计工作室").count("上海市闵行区七莘路 2 号") == 1


@pytest.mark.parametrize("number", ["ORD12345", "ORD12346", "ORD12348", "ORD12350"])
async def test_an_order_that_is_under_way_keeps_its_address(example: ConnectorHub, tryton: Tryton, number: str) -> None:
    before = tryton.order(number)

    with pytest.raises(ToolRefused, match="only while it is draft"):
        await call(example, "tryton.set_shipping_address", order_id=number, address="别处 9 号")

    assert tryton.order(number) == before


async def test_what_the_system_refuses_is_a_refusal_in_its_words(erp: ConnectorHub, tryton: Tryton) -> None:
    shipped = tryton.order("ORD12345")

    with pytest.raises(ToolRefused, match="cancel"):
        await call(erp, "erp.cancel_order", order_id="ORD12345")
    with pytest.raises(ToolRefused, match="ORD12345"):
        await call(erp, "erp.sale_sale_delete", id=shipped["id"])
    with pytest.raises(ToolRefused, match="Tryton refused"):
        await call(erp, "erp.sale_sale_update", id=999_999, description="x")
    with pytest.raises(ToolRefused, match="exist"):
        await call(erp, "erp.party_party_read", ids=[999_999])

    assert tryton.order("ORD12345") == shipped


async def test_what_was_made_for_a_refused_change_is_gone_again(erp: ConnectorHub, tryton: Tryton) -> None:
    number = tryton.new_order()
    before = tryton.order(number)

    with pytest.raises(ToolRefused):
        await call(erp, "erp.deliver_to_stranger", order_id=number, address="不该留下的地址 1 号")

    assert tryton.order(number) == before
    assert "不该留下的地址 1 号" not in tryton.addresses("华星办公")


async def test_a_button_is_pressed_for_the_order_that_is_named(erp: ConnectorHub, tryton: Tryton) -> None:
    number = tryton.new_order()

    answer = await call(erp, "erp.cancel_order", order_id=number)

    assert answer.data == {"number": number, "state": "cancelled"}
    assert tryton.order(number)["state"] == "cancelled"


async def test_of_changes_made_at_once_a_refused_one_is_not_in_the_database(erp: ConnectorHub, tryton: Tryton) -> None:
    number = tryton.new_order()
    notes = [f"第 {turn} 个" for turn in range(4)]

    ended = await asyncio.gather(
        *(call(erp, "erp.note_on_order", order_id=number, note=note) for note in notes), return_exceptions=True
    )

    refused = [note for note, one in zip(notes, ended, strict=True) if isinstance(one, ToolRefused)]
    numbered = [{"field": "number", "is": "=", "value": number}]
    (order,) = (await call(erp, "erp.sale_sale_search", where=numbered, fields=["description"])).data
    assert order["description"] in set(notes) - set(refused)


async def test_a_session_that_has_run_out_is_begun_anew(example: ConnectorHub, tryton: Tryton) -> None:
    await call(example, "tryton.get_order", order_id="ORD12345")
    number = tryton.new_order()
    tryton.end_sessions()

    answer = await call(example, "tryton.set_shipping_address", order_id=number, address="上海市杨浦区国权路 3 号")

    assert answer.data["shipment_address"]["street_unstructured"] == "上海市杨浦区国权路 3 号"


async def test_records_are_searched_made_changed_and_deleted(erp: ConnectorHub, tryton: Tryton) -> None:
    made = await call(erp, "erp.party_party_create", name="青山书店", code="C077")
    number = made.data["id"]
    try:
        await call(erp, "erp.party_party_update", id=number, name="青山书店（总店）")
        where = [{"field": "name", "is": "contains", "value": "青山"}, {"field": "code", "is": "in", "value": ["C077"]}]
        found = await call(erp, "erp.party_party_search", where=where, fields=["name"])
        assert found.data == [{"id": number, "name": "青山书店（总店）"}]
    finally:
        await call(erp, "erp.party_party_delete", id=number)

    assert (await call(erp, "erp.party_party_search", where=where)).data == []


async def test_an_order_is_made_with_its_lines(erp: ConnectorHub, tryton: Tryton) -> None:
    numbered = [{"field": "number", "is": "=", "value": "ORD12347"}]
    order = (await call(erp, "erp.sale_sale_search", where=numbered)).data[0]
    product = (await call(erp, "erp.product_product_search", limit=1)).data[0]

    made = await call(
        erp,
        "erp.sale_sale_create",
        **{key: order[key] for key in ("company", "currency", "party")},
        invoice_method="order",
        shipment_method="order",
        sale_date="2026-12-01",
        lines=[{"product": product["id"], "quantity": 2, "unit_price": "1299.50", "unit": 1}],
    )

    read = await call(erp, "erp.sale_sale_read", ids=[made.data["id"]], fields=["total_amount", "sale_date", "state"])
    assert read.data == [
        {"id": made.data["id"], "total_amount": "2599.00", "sale_date": "2026-12-01", "state": "draft"}
    ]


async def test_only_what_belongs_to_the_asker_is_looked_up(erp: ConnectorHub) -> None:
    asker = Asker("wecom", "zhangsan")

    mine = await call(erp, "erp.orders_of", asker, customer="C003")

    assert "ORD12345" in {order["number"] for order in mine.data}
    assert "ORD12348" not in {order["number"] for order in mine.data}
    with pytest.raises(ToolRefused):
        await call(erp, "erp.orders_of", Asker("wecom", "lisi"), customer="C001")


async def test_a_masked_field_is_neither_told_nor_found_out(erp: ConnectorHub) -> None:
    found = await call(erp, "erp.sale_sale_search", fields=["number", "comment"], limit=1)
    assert found.data[0]["comment"] == "***"
    with pytest.raises(ArgumentsRefused, match="masked"):
        await call(erp, "erp.sale_sale_search", where=[{"field": "comment", "is": "contains", "value": "a"}])


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "party", "is": "contains", "value": "晨"},
        {"field": "party", "is": "=", "value": "晨光设计工作室"},
        {"field": "party", "is": "in", "value": ["晨光设计工作室"]},
        {"field": "sale_date", "is": ">=", "value": "昨天"},
        {"field": "total_amount", "is": "=", "value": "NaN"},
        {"field": "number", "is": "in", "value": "ORD12345"},
        {"field": "number", "is": "=", "value": {"__class__": "bytes", "base64": ""}},
        {"field": "number", "is": "where", "value": []},
        {"field": "password", "is": "=", "value": "x"},
    ],
    ids=["part of a name", "a name", "names", "no date", "no number", "no list", "an object", "operator", "field"],
)
async def test_a_condition_that_the_field_does_not_take_is_not_sent(erp: ConnectorHub, condition: object) -> None:
    with pytest.raises(ArgumentsRefused):
        await call(erp, "erp.sale_sale_search", where=[condition])


async def test_what_our_account_may_not_do_is_no_tool(wide: Path, tryton: Tryton) -> None:
    hub = load_connectors(wide, resolve=tryton.resolve)
    names = {tool.name for tool in hub.tools()}
    snapshot, _ = read_snapshot(wide / "erp" / "models.json", "tryton")

    assert snapshot.version == "8.2"
    assert "erp.product_product_search" in names
    assert "erp.product_product_create" not in names
    risks = {tool.name: tool.risk for tool in hub.tools()}
    assert risks["erp.sale_line_update"] == "money"  # its unit price
    assert risks["erp.sale_sale_search"] == "read"
    assert risks["erp.party_party_update"] == "write-reversible"
    assert risks["erp.party_party_delete"] == "write-irreversible"
    assert risks["erp.cancel_order"] == "write-irreversible"


@pytest.mark.parametrize("wrong", ["TRYTON_PASSWORD", "TRYTON_USER"])
async def test_a_wrong_password_is_told_and_not_tried_again_and_again(
    tryton: Tryton, tmp_path: Path, wrong: str
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "tryton")

    def resolve(text: str) -> str:
        return "never-4711-right" if text == f"env:{wrong}" else tryton.resolve(text)

    async with connected(tmp_path, resolve) as hub:
        before = tryton.failed_logins()
        for _ in range(3):
            with pytest.raises(CredentialsRefused) as refused:
                await call(hub, "tryton.get_order", order_id="ORD12345")
        assert "never-4711-right" not in str(refused.value)
        assert tryton.failed_logins() == before + 1


async def test_a_database_that_is_not_there_is_told(tryton: Tryton, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "tryton")

    def resolve(text: str) -> str:
        return "elsewhere" if text == "env:TRYTON_DATABASE" else tryton.resolve(text)

    async with connected(tmp_path, resolve) as hub:
        with pytest.raises(ToolFailed, match="no such database") as failed:
            await call(hub, "tryton.get_order", order_id="ORD12345")
        assert not isinstance(failed.value, CredentialsRefused)
