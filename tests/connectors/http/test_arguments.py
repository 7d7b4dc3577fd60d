"""Nothing that does not fit is ever sent."""

from dataclasses import replace

import pytest

from ai_worker.connectors.arguments import ArgumentChecks, compiled
from ai_worker.connectors.contract import ArgumentsRefused
from tests.connectors.http.business import READ, connected, json


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({}, "'id' is required"), ({"id": None}, "'id' is required"), ({"id": 7}, "id: "), ({"id": "a", "x": 1}, "'x'")],
)
async def test_what_does_not_fit_is_stopped_before_it_is_sent(arguments: dict[str, object], words: str) -> None:
    async with connected() as (business, caller):
        business.says(json({}))
        with pytest.raises(ArgumentsRefused, match=words):
            await caller.call(READ, arguments)
        assert business.asked == []


def test_a_null_that_means_left_out_is_left_out() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "string"}}}
    operation = replace(READ, input_schema=schema)
    assert ArgumentChecks().checked(operation, {"a": None, "b": None}) == {"a": None}


def test_a_complaint_does_not_repeat_the_value() -> None:
    operation = replace(READ, input_schema={"type": "object", "properties": {"phone": {"type": "integer"}}})
    with pytest.raises(ArgumentsRefused) as caught:
        ArgumentChecks().checked(operation, {"phone": "13800138000"})
    assert "phone" in str(caught.value)
    assert "13800138000" not in str(caught.value)


def test_a_schema_never_leads_outside() -> None:
    assert compiled({"$ref": "file:///etc/hostname"}) is None
    assert compiled({"$ref": "http://127.0.0.1:9/schema"}) is None


@pytest.mark.parametrize("schema", [{"type": "strng"}, {"properties": {"id": {"pattern": "(?P<"}}}])
def test_a_broken_schema_still_stops_an_incomplete_request(schema: dict[str, object]) -> None:
    operation = replace(READ, input_schema={**schema, "required": ["id"]})
    checks = ArgumentChecks()
    with pytest.raises(ArgumentsRefused):
        checks.checked(operation, {})
    assert checks.checked(operation, {"id": "a"}) == {"id": "a"}


def test_a_hostile_pattern_ends() -> None:
    operation = replace(READ, input_schema={"properties": {"id": {"type": "string", "pattern": "^(a|aa)+(?!b)$"}}})
    with pytest.raises(ArgumentsRefused):
        ArgumentChecks().checked(operation, {"id": "a" * 60 + "!"})


def test_only_the_latest_schemas_are_kept() -> None:
    checks = ArgumentChecks(keep=2)
    for name in ("a", "b", "c"):
        checks.checked(replace(READ, name=name), {"id": "1"})
    # "a" is gone and is made anew, from the schema that it has now.
    assert checks.checked(replace(READ, name="a", input_schema={}), {}) == {}
