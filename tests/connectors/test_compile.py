"""From contracts of all versions to operations."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ai_worker.connectors.openapi.compile import compile_contract, level
from ai_worker.connectors.operation import Contract, ContractRefused, Parameter
from tests.connectors.contracts import compiled, only, openapi, posting, swagger

ORDER = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "note": {"type": "string"}}}
YAML = """
swagger: '2.0'
info: {title: 老系统, version: 2024-01-01}
host: erp.example.com
basePath: /api
schemes: [https]
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters:
        - {name: id, in: path, required: true, type: string, enum: [no, yes, 12:30]}
"""


def names(contract: Contract) -> list[str]:
    return [operation.name for operation in contract.operations]


def argument(operation_id: str, parameter: Mapping[str, object], *, version: str = "2.0") -> Parameter:
    node = {"operationId": operation_id, "parameters": [parameter]}
    document = swagger({"/a/{p}": {"get": node}}) if version == "2.0" else openapi({"/a/{p}": {"get": node}})
    return next(one for one in only(document).parameters if one.place == parameter["in"])


def test_yaml_is_read_as_json_would_be() -> None:
    contract = compile_contract(YAML.encode(), name="erp.yaml")

    assert (contract.kind, contract.title, contract.version) == ("openapi-2.0", "老系统", "2024-01-01")
    assert contract.servers == ("https://erp.example.com/api",)
    assert contract.operations[0].input_schema["properties"]["id"]["enum"] == ["no", "yes", "12:30"]


def test_merge_keys_are_followed_and_own_keys_go_first() -> None:
    text = """
swagger: '2.0'
x-one: &one {summary: 一, description: 甲}
x-two: &two {summary: 二, operationId: two}
paths: {/a: {get: {<<: [*one, *two], description: 乙}}}
"""
    (operation,) = compile_contract(text.encode(), name="erp.yaml").operations

    assert (operation.name, operation.title, operation.description) == ("two", "一", "乙")


def test_json_with_slips_is_read_with_a_warning() -> None:
    text = '{"swagger": "2.0", /* ours */ "paths": {"/a": {"get": {"summary": "see // here, }",},},}, // end\n}'

    contract = compile_contract(text.encode(), name="erp.json")

    assert contract.operations[0].title == "see // here, }"
    assert "not quite JSON" in contract.warnings[0]


def test_a_missing_operation_id_becomes_method_and_path() -> None:
    assert names(compiled(swagger({"/orders/{id}/lines": {"get": {}}}))) == ["get_orders_id_lines"]


def test_operations_with_one_name_are_told_apart_in_any_order() -> None:
    one, other = {"/a": {"get": {"operationId": "x y"}}}, {"/b": {"get": {"operationId": "x_y"}}}

    first, second = names(compiled(swagger(one | other))), names(compiled(swagger(other | one)))

    assert sorted(first) == sorted(second)
    assert len(set(first)) == 2


def test_another_operation_leaves_a_name_as_it_is() -> None:
    paths = {"/a": {"get": {"operationId": "订单/查询 get order " + "x" * 80}}}

    (before,) = names(compiled(swagger(paths)))

    assert before in names(compiled(swagger(paths | {"/b": {"get": {"operationId": "another"}}})))
    assert len(before) <= 48


@pytest.mark.parametrize(
    ("parameter", "style", "explode"),
    [
        ({"in": "query", "collectionFormat": "multi"}, "form", True),
        ({"in": "query"}, "form", False),
        ({"in": "query", "collectionFormat": "ssv"}, "spaceDelimited", False),
        ({"in": "query", "collectionFormat": "tsv"}, "tabDelimited", False),
        ({"in": "query", "collectionFormat": "pipes"}, "pipeDelimited", False),
        ({"in": "path"}, "simple", False),
        ({"in": "header"}, "simple", False),
    ],
)
def test_a_collection_format_is_a_style(parameter: Mapping[str, object], style: str, explode: bool) -> None:
    made = argument("a", {"name": "p", "type": "array", "items": {"type": "string"}, **parameter})

    assert (made.style, made.explode) == (style, explode)


@pytest.mark.parametrize(
    ("parameter", "style", "explode"),
    [
        ({"in": "query"}, "form", True),
        ({"in": "query", "explode": False}, "form", False),
        ({"in": "query", "style": "deepObject"}, "deepObject", True),
        ({"in": "query", "style": "spaceDelimited"}, "spaceDelimited", False),
        ({"in": "path", "style": "matrix", "explode": True}, "matrix", True),
        ({"in": "path", "style": "label"}, "label", False),
        ({"in": "header"}, "simple", False),
        ({"in": "cookie"}, "form", True),
        ({"in": "query", "style": "nonsense"}, "form", True),
    ],
)
def test_a_style_is_kept_or_the_usual_one(parameter: Mapping[str, object], style: str, explode: bool) -> None:
    made = argument("a", {"name": "p", "schema": {"type": "array"}, **parameter}, version="3.0")

    assert (made.style, made.explode) == (style, explode)


def test_a_parameter_with_content_is_written_as_that() -> None:
    node = {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}}

    assert argument("a", node, version="3.0").media_type == "application/json"


def test_a_bodys_properties_stand_among_the_arguments() -> None:
    operation = only(posting(ORDER))

    assert operation.body is not None
    assert operation.body.properties == {"sku": "sku", "note": "note"}
    assert operation.input_schema["required"] == ["sku"]


def test_a_body_that_shares_a_name_with_a_parameter_stays_whole() -> None:
    document = posting(ORDER)
    document["paths"]["/orders"]["post"]["parameters"] = [{"name": "sku", "in": "query", "schema": {"type": "string"}}]

    operation = only(document)

    assert operation.body is not None
    assert (operation.body.properties, operation.body.whole) == (None, "body")
    assert operation.input_schema["required"] == ["body"]
    assert operation.input_schema["properties"]["body"]["required"] == ["sku"]


def test_what_an_optional_body_needs_is_needed() -> None:
    operation = only(posting(ORDER, required=False))

    assert operation.input_schema["required"] == ["sku"]


def test_a_form_of_2_0_with_a_file_is_multipart() -> None:
    fields = [
        {"name": "file", "in": "formData", "type": "file", "required": True},
        {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
    ]
    operation = only(swagger({"/upload": {"post": {"parameters": fields}}}))

    assert operation.body is not None
    media = operation.body.media
    assert (media.type, [*media.binary], dict(media.styles)) == (
        "multipart/form-data",
        ["file"],
        {"tags": ("form", True)},
    )
    assert operation.input_schema["properties"]["file"]["contentEncoding"] == "base64"


def test_a_binary_body_is_one_argument_in_base64() -> None:
    operation = only(posting({"type": "string", "format": "binary"}, kind="application/octet-stream"))

    assert operation.body is not None
    assert operation.body.media.binary == {""}
    assert operation.input_schema["properties"]["body"]["contentEncoding"] == "base64"


def test_json_is_preferred_to_other_types_of_content() -> None:
    document = posting(ORDER, kind="application/xml")
    document["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json; v=1"] = {"schema": ORDER}

    body = only(document).body

    assert body is not None
    assert body.media.type == "application/json"


def test_a_placeholder_without_parameter_is_asked_for() -> None:
    operation = only(openapi({"/orders/{id}": {"get": {}}}))

    assert operation.input_schema["required"] == ["id"]
    assert operation.parameters[0].place == "path"


def test_a_placeholder_and_its_parameter_may_differ_in_capitals() -> None:
    node = {"parameters": [{"name": "orderID", "in": "path", "required": True, "schema": {"type": "integer"}}]}

    operation = only(openapi({"/orders/{orderId}": {"get": node}}))

    assert operation.input_schema["properties"] == {"orderId": {"type": "integer"}}


def test_what_stands_in_the_paths_own_query_is_always_sent() -> None:
    operation = only(openapi({"/api?action=list": {"get": {}}}))

    assert operation.path == "/api"
    assert [(one.name, one.fixed) for one in operation.parameters] == [("action", "list")]
    assert operation.input_schema["properties"] == {}


def test_nobody_is_asked_for_headers_that_the_caller_sets() -> None:
    asked = [
        {"name": "Content-Type", "in": "header", "required": True, "type": "string", "enum": ["application/json"]},
        {"name": "Accept", "in": "header", "type": "string"},
        {"name": "X-Request-Id", "in": "header", "type": "string"},
    ]
    operation = only(swagger({"/a": {"get": {"parameters": asked}}}))

    assert [*operation.input_schema["properties"]] == ["X-Request-Id"]
    assert [one.fixed for one in operation.parameters] == [None, "application/json"]


def test_security_is_the_operations_own_or_the_documents() -> None:
    schemes = {"key": {"type": "apiKey", "in": "query", "name": "k"}, "login": {"type": "http", "scheme": "Basic"}}
    contract = compiled(
        openapi(
            {"/a": {"get": {}}, "/b": {"get": {"security": []}}, "/c": {"get": {"security": [{"missing": []}]}}},
            components={"securitySchemes": schemes},
            security=[{"key": []}, {"login": []}],
        )
    )

    assert [one.security for one in contract.operations] == [({"key": ()}, {"login": ()}), (), ()]
    assert (contract.schemes["key"].place, contract.schemes["login"].kind) == ("query", "basic")
    assert any("'missing' is not defined" in warning for warning in contract.warnings)


def test_the_flow_of_2_0_has_the_name_of_3() -> None:
    login = {"type": "oauth2", "flow": "accessCode", "tokenUrl": "https://x/t", "scopes": {"read": "读"}}
    contract = compiled(swagger({"/a": {"get": {}}}, securityDefinitions={"login": login}))

    flows = {"authorizationCode": {"tokenUrl": "https://x/t", "scopes": {"read": "读"}}}
    assert contract.schemes["login"].flows == flows


def test_variables_of_a_server_have_their_default() -> None:
    servers = [{"url": "https://{region}.example.com/{v}/", "variables": {"region": {"default": "cn"}}}]

    assert compiled(openapi({"/a": {"get": {}}}, servers=servers)).servers == ("https://cn.example.com/{v}",)


def test_a_contract_without_servers_compiles() -> None:
    assert compiled(openapi({"/a": {"get": {}}})).servers == ()


def test_a_contract_that_does_not_say_its_version_is_guessed() -> None:
    contract = compiled({"paths": {"/a": {"get": {}}}, "definitions": {}})

    assert contract.kind == "openapi-2.0"
    assert "guessed" in contract.warnings[0]


def test_broken_parts_are_left_out_and_the_rest_compiles() -> None:
    contract = compiled(
        swagger(
            {
                "/none": None,
                "/list": [],
                "/bad": {"get": [1], "post": {"parameters": {"a": 1}, "tags": 5, "security": [5], "operationId": 7}},
                "/good": {"get": {"parameters": [None, 5, {"in": "query"}, {"in": "moon", "name": "x"}]}},
            }
        )
    )

    assert names(contract) == ["post_bad", "get_good"]


def test_a_level_needs_nearly_all_operations() -> None:
    outside = {"$ref": "elsewhere.yaml"}
    paths: dict[str, object] = {f"/a{number}": {"post": {}} for number in range(19)}

    assert level(compiled(openapi(paths | {"/b": {"post": outside}}))) == "L1"
    assert level(compiled(openapi(paths | {"/b": {"post": outside}, "/c": {"post": outside}}))) == "L0"


def test_files_of_a_folder_are_followed_inside_it(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    root = openapi({"/a": {"post": {"$ref": "parts/create.json"}}, "/b": {"$ref": "parts/gone.json"}})
    body = {"content": {"application/json": {"schema": {"$ref": "shapes.yaml#/Order"}}}}
    (tmp_path / "parts" / "create.json").write_text(json.dumps({"operationId": "create", "requestBody": body}))
    shapes = "Order: {type: object, properties: {line: {$ref: '#/Line'}}}\nLine: {type: integer}\n"
    (tmp_path / "parts" / "shapes.yaml").write_text(shapes)

    contract = compile_contract(json.dumps(root).encode(), name="openapi.json", folder=tmp_path)

    assert contract.operations[0].input_schema["properties"] == {"line": {"type": "integer"}}
    assert "parts/gone.json: it cannot be read" in contract.warnings


@pytest.mark.parametrize(
    "text", ["", "<!doctype html>", "[]", "{}", "- a", '{"openapi": "3.0.0"}', '{"swagger": "2.0"', "\0"]
)
def test_what_is_no_contract_is_refused(text: str) -> None:
    with pytest.raises(ContractRefused):
        compile_contract(text.encode(), name="erp.json")
