"""The judge's copy says what the contract says, in words that the judge can read."""

import json
from typing import Any

from ai_worker.connectors.catalogue.copies import readable
from tests.connectors.contracts import only, openapi, swagger

TYPED = {"name": "content-type", "in": "header", "required": True, "type": "string", "default": "application/json\r"}
BODY = {"name": "body", "in": "body", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}


def copy(document: Any) -> Any:
    return json.loads(readable(json.dumps(document).encode()))


def in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def test_a_contract_that_the_judge_can_read_is_not_touched() -> None:
    data = json.dumps(openapi({"/orders/{id}": {"get": {"parameters": [in_path("id")]}}}), indent=3).encode()

    assert readable(data) == data
    assert readable(b"no contract") == b"no contract"


def test_placeholders_get_names_that_can_be_read_wherever_their_parameters_stand() -> None:
    shared = {"year": in_path("the year")}
    paths = {
        "/{the year}/{the_year}/{a+b}": {
            "parameters": [{"$ref": "#/components/parameters/year"}, in_path("the_year")],
            "get": {"parameters": [in_path("a+b"), {"name": "a+b", "in": "query", "schema": {"type": "string"}}]},
        },
        "/orders": {"get": {"operationId": "list"}},
    }
    made = copy(openapi(paths, components={"parameters": shared}))

    assert [*made["paths"]] == ["/{the_year_}/{the_year}/{a_b}", "/orders"]
    item = made["paths"]["/{the_year_}/{the_year}/{a_b}"]
    assert [one["name"] for one in item["parameters"]] == ["the_year_", "the_year"]
    assert [(one["name"], one["in"]) for one in item["get"]["parameters"]] == [("a_b", "path"), ("a+b", "query")]
    assert made["paths"]["/orders"] == paths["/orders"]


def test_two_paths_that_would_become_one_stay_as_they_are() -> None:
    document = openapi({"/{a b}": {"get": {}}, "/{a_b}": {"get": {}}})

    assert copy(document) == document


def test_a_type_that_a_parameter_names_is_the_body_s_for_the_judge_and_for_us() -> None:
    document = swagger({"/a": {"post": {"operationId": "a", "parameters": [TYPED, BODY]}}}, consumes=[])

    assert copy(document)["paths"]["/a"]["post"]["consumes"] == ["application/json"]
    body = only(document).body
    assert body is not None
    assert (body.media.type, body.media.assumed) == ("application/json", False)
    form = swagger({"/a": {"post": {"parameters": [{**TYPED, "default": "application/x-www-form-urlencoded"}, BODY]}}})
    sent = only(form).body
    assert sent is not None
    assert sent.media.type == "application/x-www-form-urlencoded"


def test_what_the_contract_says_itself_stands_above_the_parameter() -> None:
    document = swagger({"/a": {"post": {"consumes": ["text/xml"], "parameters": [TYPED, BODY]}}})
    silent = swagger({"/a": {"post": {"parameters": [BODY]}}})

    assert copy(document) == document
    assert copy(silent) == silent
