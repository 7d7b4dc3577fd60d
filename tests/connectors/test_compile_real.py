"""Real contracts compile: a bounded sample of the development data."""

import gzip
import json
import statistics
from pathlib import Path

import pytest

from ai_worker.connectors.openapi.compile import compile_contract, level
from ai_worker.connectors.operation import Contract

pytestmark = pytest.mark.shared

EVERY = 6


@pytest.fixture(scope="module")
def contracts(shared_dir: Path) -> list[Contract]:
    files = sorted((shared_dir / "connectors" / "specs").iterdir())[::EVERY]
    return [compile_contract(gzip.decompress(file.read_bytes()), name=file.name) for file in files]


def test_nearly_all_operations_become_tools(contracts: list[Contract]) -> None:
    tools = sum(len(one.operations) for one in contracts)

    assert tools >= 0.95 * (tools + sum(len(one.skipped) for one in contracts))
    assert sum(level(one) == "L1" for one in contracts) >= 0.95 * len(contracts)


def test_schemas_are_small_and_whole(contracts: list[Contract]) -> None:
    schemas = [operation.input_schema for one in contracts for operation in one.operations]

    assert statistics.median(len(json.dumps(schema, ensure_ascii=False)) for schema in schemas) <= 1_500
    assert "$ref" not in json.dumps([schema["properties"] for schema in schemas])
    assert all({*schema["required"]} <= {*schema["properties"]} for schema in schemas)


def test_names_are_short_and_unique(contracts: list[Contract]) -> None:
    for contract in contracts:
        names = [operation.name for operation in contract.operations]
        assert len({*names}) == len(names)
        assert all(len(name) <= 48 and name.replace("_", "").replace("-", "").isalnum() for name in names)


def test_every_placeholder_and_every_argument_has_its_place(contracts: list[Contract]) -> None:
    for operation in (operation for one in contracts for operation in one.operations):
        asked = {parameter.argument for parameter in operation.parameters if parameter.fixed is None}
        body = operation.body
        if body is not None:
            asked |= {*body.properties} if body.properties is not None else {body.whole}
        assert asked == {*operation.input_schema["properties"]}
        for parameter in operation.parameters:
            assert parameter.place != "path" or f"{{{parameter.name}}}" in operation.path


def test_compiling_again_changes_nothing(contracts: list[Contract], shared_dir: Path) -> None:
    files = sorted((shared_dir / "connectors" / "specs").iterdir())[:: EVERY * 10]

    for file, before in zip(files, contracts[::10], strict=True):
        assert compile_contract(gzip.decompress(file.read_bytes()), name=file.name) == before
