"""Contracts made to harm: each is refused by name, or cut; nothing is fetched, and nothing grows."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.openapi.compile import compile_contract
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge
from ai_worker.foundation.errors import BadInput
from tests.connectors.contracts import compiled, openapi, posting, swagger

S = "#/components/schemas/"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that must never be called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def largest(contract: Contract) -> int:
    return max((len(json.dumps(one.input_schema)) for one in contract.operations), default=0)


def chain(link: Any) -> dict[str, Any]:
    """Return thirty schemas, each of which leads to the next as `link(reference)` says."""
    return {f"S{number}": link({"$ref": f"{S}S{number + 1}"}) for number in range(30)}


@pytest.mark.parametrize(
    "text",
    [
        b'{"openapi": "3.0.0", "paths": ' + b"[" * 500_000,
        b"openapi: 3.0.0\npaths: " + b"[" * 500_000,
        b"\n".join(b" " * level + b"a:" for level in range(1_000)),
        b'{"openapi": "3.0.0", "x": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
    ],
    ids=["json", "yaml flow", "yaml block", "json just too deep"],
)
def test_depth_is_refused(text: bytes) -> None:
    with pytest.raises(ContractRefused, match="deep"):
        compile_contract(text, name="deep")


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ContractTooLarge, match="20 MB"):
        compile_contract(b" " * (20 * 1024 * 1024 + 1), name="large")


def test_too_many_values_are_refused_unread() -> None:
    with pytest.raises(ContractTooLarge, match="values"):
        compile_contract(b'{"x": [' + b"{}," * 1_300_000 + b"{}]}", name="values")


def test_too_many_operations_are_refused() -> None:
    with pytest.raises(ContractTooLarge, match="operations"):
        compiled(openapi({f"/a{number}": {"get": {}} for number in range(20_001)}))


def test_aliases_that_multiply_do_not() -> None:
    lines = [b"swagger: '2.0'", b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 20)]
    lines += [b"info: {title: *a19, version: *a19}", b"basePath: *a19", b"schemes: *a19"]
    lines += [b"securityDefinitions: {k: {type: apiKey, name: *a19, in: *a19}, o: {type: oauth2, flow: *a19}}"]
    lines += [b"paths: {/a: {post: {parameters: *a19, tags: *a19, summary: *a19, operationId: *a19, produces: *a19}},"]
    field = b"{name: *a19, in: *a19, required: *a19, default: *a19, enum: *a19, type: *a19, description: *a19}"
    lines += [
        b"  /b: {post: {security: [{k: *a19}, *a19], parameters: [" + field + b", {in: query, name: q, enum: *a19,"
    ]
    lines += [
        b"    default: *a19, collectionFormat: *a19, type: *a19, pattern: *a19, required: *a19, minimum: *a19}]}}}"
    ]

    contract = compile_contract(b"\n".join(lines), name="laughs")

    assert len(contract.operations) == 2
    assert largest(contract) < 200


def test_merge_keys_that_multiply_are_refused() -> None:
    keys = b", ".join(b"k%d: 1" % number for number in range(1_000))
    text = b"swagger: '2.0'\na: &a {" + keys + b"}\nb: {<<: [" + b", ".join([b"*a"] * 1_000) + b"]}\n"

    with pytest.raises(ContractRefused, match="merge keys"):
        compile_contract(text, name="merge")


def test_a_value_inside_itself_is_cut() -> None:
    text = """
openapi: 3.0.0
paths:
  /a:
    post:
      requestBody:
        content: {application/json: {schema: &s {type: object, required: [x], properties: {x: *s}}}}
"""
    assert largest(compile_contract(text.encode(), name="inside")) < 2_000


def test_references_in_a_circle_are_cut() -> None:
    contract = compiled(posting({"$ref": f"{S}A"}, A={"$ref": f"{S}B"}, B={"$ref": f"{S}A"}))

    assert largest(contract) < 200


@pytest.mark.parametrize(
    "schemas",
    [
        chain(lambda next_one: {"allOf": [next_one] * 10}),
        chain(lambda next_one: {"oneOf": [next_one] * 8}),
        chain(lambda next_one: {"type": "array", "items": {"anyOf": [next_one, next_one]}}),
        chain(lambda next_one: {"type": "object", "properties": {f"p{n}": next_one for n in range(9)}}),
        chain(lambda one: {"required": list("abcdefgh"), "properties": dict.fromkeys("abcdefgh", one)}),
        chain(lambda next_one: {"type": "object", "additionalProperties": next_one}),
    ],
    ids=["allOf", "oneOf", "items", "properties", "required", "additionalProperties"],
)
def test_schemas_that_multiply_are_cut_or_named(schemas: dict[str, Any]) -> None:
    contract = compiled(posting({"$ref": f"{S}S0"}, **schemas))

    assert largest(contract) < 13_000
    assert len(contract.operations) + len(contract.skipped) == 1


def test_a_huge_enum_becomes_a_note() -> None:
    values = [f"value number {number}" for number in range(400_000)]
    contract = compiled(posting({"type": "object", "properties": {"e": {"type": "string", "enum": values}}}))

    assert largest(contract) < 500


def test_more_parameters_than_anybody_could_fill_are_named() -> None:
    asked = [{"name": f"p{number}", "in": "query", "required": True, "type": "string"} for number in range(20_000)]
    contract = compiled(swagger({"/a": {"get": {"parameters": asked}}, "/b": {"get": {}}}))

    assert [one.operation for one in contract.skipped] == ["GET /a"]
    assert [one.path for one in contract.operations] == ["/b"]


def test_a_contract_that_wants_endless_work_is_compiled_in_part() -> None:
    wide = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(7_000)}}
    body = {"content": {"application/json": {"schema": {"$ref": f"{S}Wide"}}}}
    paths: dict[str, Any] = {f"/a{number}": {"post": {"requestBody": body}} for number in range(200)}

    contract = compiled(openapi(paths, components={"schemas": {"Wide": wide}}))

    assert contract.operations
    assert "too much work" in contract.skipped[-1].reason


@pytest.mark.parametrize(
    "reference",
    [
        "file:///etc/hostname",
        "/etc/hostname",
        "../../../../etc/hostname",
        "//127.0.0.1:{port}/a",
        "http://127.0.0.1:{port}/a",
    ],
)
def test_no_reference_leads_out_of_the_folder(reference: str, listener: socket.socket, tmp_path: Path) -> None:
    reference = reference.format(port=listener.getsockname()[1])
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.yaml").write_text("type: object\nproperties: {secret: {type: string}}\n")
    document = posting({"type": "object", "properties": {"a": {"$ref": reference}, "b": {"$ref": "../secret.yaml"}}})

    for folder in (None, tmp_path / "inner"):
        contract = compile_contract(json.dumps(document).encode(), name="openapi.json", folder=folder)
        assert contract.operations[0].input_schema["properties"] == {"a": {}, "b": {}}
        assert len(contract.warnings) == 2
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_link_in_the_folder_leads_nowhere_outside(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.yaml").write_text("{type: string}")
    (tmp_path / "inner" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    document = posting({"type": "object", "properties": {"a": {"$ref": "link.yaml"}}})

    contract = compile_contract(json.dumps(document).encode(), name="openapi.json", folder=tmp_path / "inner")

    assert contract.operations[0].input_schema["properties"] == {"a": {}}


def test_a_write_whose_body_cannot_be_read_is_no_tool() -> None:
    document = openapi({"/a": {"post": {"requestBody": {"$ref": "https://169.254.169.254/body"}}}})

    assert [one.reason for one in compiled(document).skipped] == ["its body stands nowhere that can be read"]


def test_servers_that_point_inside_are_named_and_not_called(listener: socket.socket) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    contract = compiled(openapi({"/a": {"get": {}}}, servers=[{"url": address}, {"url": "http://169.254.169.254"}]))

    assert contract.servers == (address, "http://169.254.169.254")
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1' + b"/*" * 1_000_000,
        b'{"a": "' + b'\\"' * 1_000_000,
        b'{"a": 1' + b", " * 1_000_000 + b"}",
        b"{" + b"// \n" * 500_000,
    ],
    ids=["comments", "quotes", "commas", "lines"],
)
def test_slips_without_end_are_refused_in_time(text: bytes) -> None:
    with pytest.raises(BadInput):
        compile_contract(text, name="slips")


def test_odd_numbers_and_characters_do_no_harm() -> None:
    text = (
        '{"swagger": "2.0", "paths": {"/a\\ud800": {"get": {"operationId": "\\ud800\\udfff", "summary": "\\ud800",'
        ' "parameters": [{"name": "n", "in": "query", "type": "integer", "minimum": 1e999, "default": NaN}]}}}}'
    )
    (operation,) = compile_contract(text.encode(), name="odd").operations

    assert operation.input_schema["properties"] == {"n": {"type": "integer"}}
    assert operation.name == "get_a"


def test_warnings_do_not_grow_without_end() -> None:
    paths: dict[str, Any] = {f"/a{number}/{{x}}": {"get": {}} for number in range(1_000)}

    assert len(compiled(openapi(paths)).warnings) == 201
