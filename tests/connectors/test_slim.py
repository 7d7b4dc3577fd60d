"""Schemas that fit into a prompt, and refuse nothing that the contract takes."""

import json

from tests.connectors.contracts import only, posting, shape

LINE = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "x": {"type": "integer"}}}


def test_what_only_an_answer_has_is_not_asked_for() -> None:
    schema = {
        "type": "object",
        "required": ["id", "name"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "name": {"type": "string"},
            "at": {"$ref": "#/x-at"},
        },
    }
    document = {**posting(schema), "x-at": {"type": "string", "readOnly": True}}

    assert only(document).input_schema["properties"] == {"name": {"type": "string"}}
    assert only(document).input_schema["required"] == ["name"]


def test_all_of_is_merged() -> None:
    merged = shape(
        {
            "allOf": [
                {"$ref": "#/components/schemas/Line"},
                {"required": ["n"], "properties": {"n": {"type": "number"}}},
            ]
        },
        Line=LINE,
    )

    assert merged["required"] == ["sku", "n"]
    assert [*merged["properties"]] == ["n", "sku", "x"]


def test_nullable_is_a_type() -> None:
    assert shape({"type": "string", "nullable": True, "enum": ["a"]}) == {
        "type": ["string", "null"],
        "enum": ["a", None],
    }
    assert shape({"anyOf": [{"type": "integer"}, {"type": "null"}]})["type"] == ["integer", "null"]


def test_a_choice_is_never_one_of() -> None:
    chosen = shape({"oneOf": [LINE, {"type": "string", "maxLength": 5}]})

    assert [branch["type"] for branch in chosen["anyOf"]] == ["object", "string"]


def test_a_discriminator_pins_the_branch() -> None:
    choice = {
        "oneOf": [{"$ref": "#/components/schemas/Card"}, {"$ref": "#/components/schemas/Cash"}],
        "discriminator": {"propertyName": "kind", "mapping": {"card": "#/components/schemas/Card"}},
    }
    pay = {"type": "object", "properties": {"kind": {"type": "string"}}}

    branches = shape(choice, Card=pay, Cash={**pay, "required": ["kind"]})["anyOf"]

    assert [branch["properties"]["kind"]["enum"] for branch in branches] == [["card"], ["Cash"]]
    assert all(branch["required"] == ["kind"] for branch in branches)


def test_a_circle_is_cut_where_it_closes() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}}}

    assert shape({"$ref": "#/components/schemas/Node"}, Node=node)["properties"] == {"name": {"type": "string"}}


def test_what_is_required_is_kept_however_deep() -> None:
    deep: dict[str, object] = {"type": "string"}
    for number in reversed(range(9)):
        deep = {"type": "object", "required": [f"l{number}"], "properties": {f"l{number}": deep, "other": deep}}

    slim = shape(deep)

    for number in range(9):
        assert slim["required"] == [f"l{number}"]
        slim = slim["properties"][f"l{number}"]
    assert slim == {"type": "string"}


def test_the_limits_of_3_0_become_those_of_2020() -> None:
    assert shape({"type": "integer", "minimum": 0, "exclusiveMinimum": True}) == {
        "type": "integer",
        "exclusiveMinimum": 0,
    }


def test_long_lists_of_values_become_a_note() -> None:
    slim = shape({"type": "string", "enum": [f"value-{number}" for number in range(5_000)]})

    assert "enum" not in slim
    assert "one of 5000 values: value-0" in slim["description"]


def test_numbers_that_yaml_made_of_texts_are_texts() -> None:
    assert shape({"type": "string", "enum": [1, True, "b"]})["enum"] == ["1", "true", "b"]


def test_allowed_values_have_the_type_of_their_schema() -> None:
    assert shape({"type": "boolean", "enum": ["true", "false"]})["enum"] == [True, False]
    assert shape({"type": "integer", "enum": ["1", "2 (two)"]})["enum"] == [1]
    assert shape({"type": "array", "enum": ["a"]}) == {"type": "array"}


def test_a_default_of_the_wrong_type_is_mended_or_left_out() -> None:
    assert shape({"type": "integer", "default": "30"})["default"] == 30
    assert shape({"type": "boolean", "default": "False"})["default"] is False
    assert "default" not in shape({"type": "integer", "default": "many"})


def test_words_are_cut_and_hidden_characters_dropped() -> None:
    slim = shape(
        {"type": "string", "description": "<p>订单\u200b号</p>\n\n* see [here](https://example.com) " + "长" * 500}
    )

    assert slim["description"].startswith("订单号 see here")
    assert len(slim["description"]) <= 200


def test_extensions_and_examples_are_left_out() -> None:
    assert shape({"type": "string", "x-secret": "a", "example": "b", "xml": {}, "title": "T"}) == {"type": "string"}


def test_a_huge_body_keeps_its_arguments_and_loses_its_inside() -> None:
    wide = {
        "type": "object",
        "properties": {f"f{n}": {"type": "string", "description": "说明" * 80} for n in range(40)},
    }
    schema = {"type": "object", "required": ["p0"], "properties": {f"p{number}": wide for number in range(30)}}

    made = only(posting(schema)).input_schema

    assert len(made["properties"]) == 30
    assert made["required"] == ["p0"]
    assert len(json.dumps(made, ensure_ascii=False)) < 12_000
