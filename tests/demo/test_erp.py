"""The sample ERP and its connector: they agree, and the answers read well."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ai_worker.connectors.registry import ConnectorHub, load_connectors
from ai_worker.demo.company import examples
from ai_worker.demo.erp import SimulatedErp, orders, refunds
from ai_worker.skills.tool import ToolFailed, ToolRefused

TODAY = date(2026, 11, 22)


@pytest.fixture
async def erp() -> AsyncIterator[SimulatedErp]:
    async with SimulatedErp(today=TODAY, api_key="erp-key-of-the-test") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo's connector, without those for systems that it does not have."""
    shutil.copytree(examples() / "connectors" / "erp", tmp_path / "connectors" / "erp")
    return tmp_path / "connectors"


@pytest.fixture
async def hub(erp: SimulatedErp, folder: Path) -> AsyncIterator[ConnectorHub]:
    values = {"env:ERP_BASE_URL": erp.base_url, "env:ERP_API_KEY": erp.api_key}
    hub = load_connectors(folder, resolve=lambda text: values.get(text, text))
    await hub.start()
    yield hub
    await hub.close()


async def say(hub: ConnectorHub, tool: str, order_id: str) -> str:
    """Return the verb's sentence, filled the way a turn fills it."""
    [verb] = [known.verb for known in hub.tools() if known.name == tool]
    assert verb is not None
    found = re.search(verb.slots[0].pattern, f"请查{order_id}，谢谢")
    assert found is not None
    result = await hub.call(tool, {verb.slots[0].name: found[0]}, idempotency_key="t-1")
    return verb.template.format_map(result.data)


async def test_an_order_that_is_on_its_way_is_told_with_carrier_and_day(hub: ConnectorHub) -> None:
    assert await say(hub, "erp.get_order", "ORD12345") == (
        "订单 ORD12345（惠达 M227 打印机等 2 件）已发货。由顺丰速运承运，运单号 SF1690238847512，预计 2026-11-23 送达。"
    )


@pytest.mark.parametrize(
    ("tool", "order_id", "words"),
    [
        ("erp.get_order", "ord12346", "待发货。仓库正在备货，预计 2026-11-25 送达。"),
        ("erp.get_order", "ORD12347", "已签收。德邦快递已于 2026-11-18 送达，运单号 DPK364812095587。"),
        ("erp.get_order", "ORD12348", "已取消。没有发货；已付的款项会原路退回。"),
        ("erp.get_refund", "ORD12340", "退款 1099.00 元，已于 2026-11-20 原路退回，最迟 2026-11-25 到账。"),
        ("erp.get_refund", "ORD12341", "退回的货已收到，正在质检"),
    ],
)
async def test_every_state_has_its_own_words(hub: ConnectorHub, tool: str, order_id: str, words: str) -> None:
    assert words in await say(hub, tool, order_id)


@pytest.mark.parametrize("order_id", list(orders(TODAY)))
async def test_no_order_is_told_with_a_blank_or_a_code(hub: ConnectorHub, order_id: str) -> None:
    sentence = await say(hub, "erp.get_order", order_id)

    assert not re.search(r"—|None|[A-Z]{4,}(?!\d)_?", re.sub(r"ORD\d+|DPK\d+|ZTO\d+|SF\d+", "", sentence))


async def test_an_order_that_nobody_placed_is_refused(hub: ConnectorHub) -> None:
    with pytest.raises(ToolRefused):
        await say(hub, "erp.get_order", "ORD99999")


async def test_an_order_without_a_refund_has_none(hub: ConnectorHub) -> None:
    with pytest.raises(ToolRefused):
        await say(hub, "erp.get_refund", "ORD12345")


async def test_a_longer_number_is_no_order_number(hub: ConnectorHub) -> None:
    [verb, _] = [tool.verb for tool in hub.tools()]
    assert verb is not None
    assert re.search(verb.slots[0].pattern, "ORD123456") is None


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "guessed"}, {"X-Api-Key": "密钥"}])
async def test_nothing_is_told_without_the_key(erp: SimulatedErp, headers: Mapping[str, str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{erp.base_url}/orders/ORD12345", headers=headers) as answer,
    ):
        assert answer.status == 401
        assert "顺丰" not in await answer.text()


async def test_a_wrong_key_is_a_failure_and_not_a_missing_order(erp: SimulatedErp, folder: Path) -> None:
    values = {"env:ERP_BASE_URL": erp.base_url, "env:ERP_API_KEY": "expired"}
    hub = load_connectors(folder, resolve=lambda text: values.get(text, text))
    await hub.start()
    with pytest.raises(ToolFailed, match="credentials") as failure:
        await hub.call("erp.get_order", {"order_id": "ORD12345"}, idempotency_key="t-1")
    await hub.close()

    assert not isinstance(failure.value, ToolRefused)


def test_the_data_is_what_the_contract_promises() -> None:
    contract = json.loads((examples() / "connectors" / "erp" / "openapi.json").read_text("utf-8"))
    for name, rows in (("Order", orders(TODAY)), ("Refund", refunds(TODAY))):
        schema = contract["components"]["schemas"][name]
        for row in rows.values():
            check(row, schema)


def check(row: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    assert set(schema["required"]) <= set(row) <= set(schema["properties"])
    for key, value in row.items():
        field = schema["properties"][key]
        assert value is not None or field.get("nullable"), key
        assert value is None or "enum" not in field or value in field["enum"], key
        if value is not None and field.get("format") == "date":
            date.fromisoformat(value)


def test_every_refund_belongs_to_a_returned_order() -> None:
    placed = orders(TODAY)
    assert {placed[order_id]["status"] for order_id in refunds(TODAY)} == {"RETURNED"}


def test_the_examples_are_where_an_installed_package_finds_them() -> None:
    assert isinstance(examples(), Path)
    assert (examples() / "knowledge").is_dir()
