"""Models and an administrator's options become operations; what does not fit is said before anything is called."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge, Operation
from ai_worker.connectors.rpc.compile import WHO, compile_snapshot
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.rpc.snapshot import MAX_BYTES, read_snapshot, written

MODELS: dict[str, Any] = {
    "sale.sale": {
        "title": "销售",
        "fields": {
            "number": {"type": "text", "title": "单号", "readonly": True},
            "party": {"type": "one", "relation": "party.party", "required": True},
            "state": {"type": "choice", "readonly": True, "choices": [["draft", "草稿"], ["done", "完成"]]},
            "day": {"type": "date", "title": "日期"},
            "total": {"type": "decimal", "readonly": True},
            "discount": {"type": "decimal"},
            "file": {"type": "file"},
            "lines": {"type": "rows", "relation": "sale.line"},
        },
        "may": ["read", "write"],
        "methods": ["quote"],
    },
    "party.party": {"fields": {"name": {"type": "text"}, "code": {"type": "text"}}},
}
ACCOUNT = {"database": "d", "user": "u", "password": "p"}
LOOKUP = {"title": "查", "model": "sale.sale", "by": {"order_id": "number"}, "fields": ["number", "party.name"]}


def options(**more: Any) -> RpcOptions:
    return RpcOptions.model_validate({**ACCOUNT, **more})


def compiled(folder: Path, snapshot: Mapping[str, Any] = MODELS, **more: Any) -> Contract:
    file = folder / "models.json"
    file.write_text(json.dumps({"kind": "tryton", "version": "8.2", "models": snapshot}), "utf-8")
    return compile_snapshot(file, options(**more), kind="tryton")


def offered(folder: Path, **about: Any) -> Contract:
    """Compile the model of orders as it is, or narrowed."""
    return compiled(folder, models={"sale.sale": about} if about else ["sale.sale"])


def named(contract: Contract, name: str) -> Operation:
    (found,) = [one for one in contract.operations if one.name == name]
    return found


def test_a_list_of_models_offers_all_that_our_account_may_do(tmp_path: Path) -> None:
    contract = offered(tmp_path)

    assert [one.name for one in contract.operations] == [
        WHO, "sale_sale_search", "sale_sale_read", "sale_sale_update",
    ]  # fmt: skip
    assert [one.operation for one in contract.skipped] == ["sale_sale_create", "sale_sale_delete"]
    assert {one.transport for one in contract.operations} == {"rpc"}


def test_what_cannot_be_written_is_no_argument(tmp_path: Path) -> None:
    update = named(offered(tmp_path), "sale_sale_update")

    assert update.input_schema["properties"].keys() == {"id", "party", "day", "discount"}
    assert update.input_schema["required"] == ["id"]
    assert update.input_schema["additionalProperties"] is False
    assert update.risk == "money"  # its discount


def test_a_model_can_be_narrowed_to_fields_actions_and_buttons(tmp_path: Path) -> None:
    contract = offered(tmp_path, fields=["number", "day"], actions=["search", "update"], methods=["quote"])

    assert [one.name for one in contract.operations][1:] == ["sale_sale_search", "sale_sale_update", "sale_sale_quote"]
    assert named(contract, "sale_sale_search").input_schema["properties"]["where"]["items"]["properties"]["field"] == {
        "enum": ["day", "number"]
    }
    assert named(contract, "sale_sale_update").risk == "write-reversible"


def test_a_lookup_asks_for_its_number_alone(tmp_path: Path) -> None:
    operation = named(compiled(tmp_path, lookups={"get_order": LOOKUP}), "get_order")

    assert operation.risk == "read"
    assert operation.input_schema["required"] == ["order_id"]
    assert operation.input_schema["properties"]["order_id"]["minLength"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"set": {"number": {"argument": "x"}}}, "cannot be written"),
        ({"set": {"nothing": {"argument": "x"}}}, "no field 'nothing'"),
        ({"set": {"day": {"create": "party.party", "values": {"name": {"argument": "x"}}}}}, "leads to no record"),
        ({"set": {"party": {"create": "party.party", "values": {"age": {"argument": "x"}}}}}, "no field 'age'"),
        ({"set": {"party": {"create": "res.user", "values": {"name": {"argument": "x"}}}}}, "party.party"),
        ({"set": {"file": {"argument": "x"}}}, "cannot be asked for"),
        ({"set": {"day": {"record": "nothing"}}}, "no field 'nothing'"),
        ({"call": "destroy"}, "no method 'destroy'"),
        ({"call": "quote", "only": {"nothing": ["a"]}}, "no field 'nothing'"),
        ({"call": "quote", "fields": ["party.age"]}, "no field 'age'"),
        ({"call": "quote", "fields": ["day.name"]}, "leads to no other record"),
        ({"call": "quote", "model": "sale.other"}, "'sale.other'"),
    ],
)
def test_a_change_that_the_models_do_not_have_is_refused(tmp_path: Path, change: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ContractRefused, match=words):
        compiled(tmp_path, changes={"c": {**LOOKUP, **change}})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"changes": {"c": LOOKUP}}, "needs `set` or `call`"),
        ({"changes": {"c": {**LOOKUP, "call": "x", "many": True}}}, "one record"),
        ({"changes": {"c": {**LOOKUP, "set": {"day": {"argument": "order_id"}}}}}, "named twice"),
        ({"changes": {"c": {**LOOKUP, "call": "quote"}}, "lookups": {"c": LOOKUP}}, "is a lookup and a change"),
        ({"lookups": {"C": LOOKUP}}, "pattern"),
        ({"lookups": {"c": {**LOOKUP, "fields": ["a.b.c.d.e.f"]}}}, "pattern"),
        ({"lookups": {"c": {**LOOKUP, "fields": ["__class__"]}}}, "pattern"),
        ({"models": {"sale.sale": {"methods": ["_private"]}}}, "pattern"),
        ({"models": ["sale sale"]}, "pattern"),
        ({"language": "zh_CN'); drop"}, "pattern"),
    ],
)
def test_options_that_make_no_sense_are_refused(more: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        options(**more)


def test_how_dangerous_a_change_is_comes_from_its_words_its_button_and_its_fields(tmp_path: Path) -> None:
    models = {"sale.sale": {**MODELS["sale.sale"], "methods": None}, "party.party": MODELS["party.party"]}
    by = {**LOOKUP, "set": {"day": {"argument": "day"}}}
    contract = compiled(
        tmp_path,
        models,
        changes={
            "set_day": by,
            "refund_order": by,
            "cancelled_by_button": {**LOOKUP, "call": "cancel"},
            "give_discount": {**LOOKUP, "set": {"discount": {"argument": "discount"}}},
            "named": {**by, "title": "取消订单"},
        },
    )

    assert {one.name: one.risk for one in contract.operations if one.name != WHO} == {
        "set_day": "write-reversible",
        "refund_order": "money",
        "cancelled_by_button": "write-irreversible",
        "give_discount": "money",
        "named": "write-irreversible",
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"kind":"tryton"}', b'{"kind":"odoo","version":"","models":{}}', b"[" * 100_000, b"\xff"],
    ids=["empty", "list", "short", "other-kind", "deep", "bytes"],
)
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "models.json").write_bytes(content)
    with pytest.raises(ContractRefused):
        read_snapshot(tmp_path / "models.json", "tryton")


def test_a_snapshot_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ContractRefused, match="connectors refresh"):
        read_snapshot(tmp_path / "models.json", "tryton")


def test_a_snapshot_larger_than_any_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "models.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ContractTooLarge):
        read_snapshot(tmp_path / "models.json", "tryton")


def test_models_that_lead_to_one_another_are_no_circle(tmp_path: Path) -> None:
    around = {"a.a": {"fields": {"b": {"type": "one", "relation": "a.a"}, "number": {"type": "text"}}}}
    lookup = {"title": "t", "model": "a.a", "by": {"n": "number"}, "fields": ["b.b.b.b.number"]}

    assert named(compiled(tmp_path, around, lookups={"look": lookup}), "look").risk == "read"


def test_a_snapshot_is_written_the_same_every_time(tmp_path: Path) -> None:
    compiled(tmp_path)
    first, _ = read_snapshot(tmp_path / "models.json", "tryton")
    (tmp_path / "models.json").write_bytes(written(first))
    again, _ = read_snapshot(tmp_path / "models.json", "tryton")

    assert (first, written(first)) == (again, written(again))


def test_a_model_of_many_fields_stays_a_slim_tool(tmp_path: Path) -> None:
    fields = {f"field_number_{number}": {"type": "text", "title": "字段"} for number in range(60)}
    contract = compiled(tmp_path, {"a.a": {"fields": fields}}, models=["a.a"])

    assert len(json.dumps(named(contract, "a_a_search").input_schema, ensure_ascii=False)) < 2_500
