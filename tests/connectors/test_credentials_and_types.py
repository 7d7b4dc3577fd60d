"""What a contract says twice is asked once: keys among the parameters, types among the headers."""

from typing import Any

import pytest

from tests.connectors.contracts import compiled, only, openapi, swagger

KEY = {
    "key": {"type": "apiKey", "in": "query", "name": "key"},
    "token": {"type": "apiKey", "in": "query", "name": "token"},
}


def given(name: str, place: str, *, required: bool, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string", **schema}}


def getting(*parameters: Any, security: Any, schemes: Any = KEY) -> Any:
    paths = {"/a": {"get": {"operationId": "a", "parameters": [*parameters], "security": security}}}
    return only(openapi(paths, components={"securitySchemes": schemes}))


def test_a_key_that_is_a_parameter_too_is_asked_of_nobody() -> None:
    operation = getting(
        given("key", "query", required=True), given("q", "query", required=False), security=[{"key": []}]
    )

    assert [*operation.input_schema["properties"]] == ["q"]
    assert operation.security == ({"key": ()},)


def test_required_keys_are_needed_beside_whichever_other_is_chosen() -> None:
    both = [given(name, "query", required=True) for name in ("key", "token")]
    operation = getting(*both, security=[{"key": []}, {"token": []}])

    assert operation.input_schema["properties"] == {}
    assert [{*needed} for needed in operation.security] == [{"key", "token"}]


@pytest.mark.parametrize(
    "scheme", [{"type": "http", "scheme": "bearer"}, {"type": "oauth2", "flows": {}}], ids=["bearer", "oauth2"]
)
def test_the_authorization_header_is_the_connections(scheme: Any) -> None:
    header = given("authorization", "header", required=True)

    assert getting(header, security=[{"s": []}], schemes={"s": scheme}).input_schema["properties"] == {}
    assert [*getting(header, security=[], schemes={}).input_schema["properties"]] == ["authorization"]


def test_what_the_contract_describes_and_asks_for_nowhere_is_given_by_whoever_has_it() -> None:
    schemes = {"s": {"type": "http", "scheme": "bearer"}, "key": KEY["key"]}
    silent = openapi({"/a": {"get": {"operationId": "a"}}}, components={"securitySchemes": schemes})

    assert only(silent).security == ({"s": ()}, {"key": ()}, {})
    assert only({**silent, "security": []}).security == ({"s": ()}, {"key": ()}, {})
    assert only({**silent, "security": [{"misspelt": []}]}).security == ({"s": ()}, {"key": ()}, {})


def test_one_operation_that_asks_makes_the_others_free() -> None:
    both = {"get": {"operationId": "a"}, "post": {"operationId": "b", "security": [{"key": []}]}}
    contract = compiled(openapi({"/a": both}, components={"securitySchemes": KEY}))

    assert {one.name: one.security for one in contract.operations} == {"a": (), "b": ({"key": ()},)}


BODY = {
    "name": "it",
    "in": "body",
    "required": True,
    "schema": {"type": "object", "properties": {"a": {"type": "string"}}},
}


def posting(*parameters: Any, **more: Any) -> Any:
    return only(swagger({"/a": {"post": {"operationId": "a", "parameters": [BODY, *parameters], **more}}}))


def test_json_is_assumed_only_where_the_contract_names_no_type() -> None:
    said = {"name": "Content-Type", "in": "header", "required": True, "type": "string", "default": "application/json"}

    assert posting().body.media.assumed
    assert not posting(consumes=["application/json"]).body.media.assumed
    assert not posting(said).body.media.assumed


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"default": "application/vnd.hua+json"}, "application/vnd.hua+json, */*;q=0.1"),
        ({"enum": ["application/vnd.hua+json"]}, "application/vnd.hua+json"),
        ({"default": "text/csv", "pattern": "^[a-z/]+$"}, "text/csv"),
    ],
    ids=["usual", "the only one", "of a form"],
)
def test_a_wished_for_type_must_not_lose_the_answer(schema: Any, sent: str) -> None:
    operation = getting(given("Accept", "header", required=True, **schema), security=[])

    assert [(one.name, one.fixed) for one in operation.parameters] == [("Accept", sent)]
