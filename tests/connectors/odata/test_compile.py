"""What becomes of $metadata, and what hostile XML does not do."""

import json
from typing import Any

import pytest

from ai_worker.connectors.odata.compile import Choices, compile_metadata
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge, Operation
from tests.connectors.odata.services import METADATA_2, METADATA_4

PLAIN = Choices({}, raw_filter=True, update_method="")


def compiled(text: str, choices: Choices = PLAIN) -> Contract:
    return compile_metadata(text.encode(), choices)


def of(contract: Contract, name: str) -> Operation:
    return next(one for one in contract.operations if one.name == name)


def names(contract: Contract) -> list[str]:
    return [one.name for one in contract.operations]


def test_what_sap_forbids_becomes_no_operation() -> None:
    contract = compiled(METADATA_2)
    assert contract.kind == "odata-2.0"
    assert names(contract) == [
        "Orders_list", "Orders_get", "Orders_create", "Orders_update", "Items_list", "Items_get", "Release", "Search",
    ]  # fmt: skip
    assert of(contract, "Orders_update").method == "MERGE"
    made = of(contract, "Orders_create").input_schema
    assert made["required"] == ["Id"]
    assert "Changed" not in made["properties"]
    assert made["properties"]["Total"] == {"type": "number", "description": "金额"}
    assert "Changed" not in of(contract, "Orders_list").input_schema["properties"]


def test_what_the_capabilities_forbid_becomes_no_operation() -> None:
    contract = compiled(METADATA_4)
    assert contract.kind == "odata-4.0"
    assert [one for one in names(contract) if one.startswith("Archive")] == [
        "Archive_list", "Archive_get", "Archive_Cancel", "Archive_Latest",
    ]  # fmt: skip
    assert [one for one in names(contract) if one.startswith("Me_")] == ["Me_get", "Me_update", "Me_Cancel"]
    made = of(contract, "Orders_create").input_schema
    assert made["required"] == ["Customer"]
    assert made["properties"]["State"] == {"enum": ["Open", "Shipped"]}
    assert "Made" not in made["properties"]


def test_reading_reads_and_acts_are_told_apart() -> None:
    contract = compiled(METADATA_4)
    assert {one.name: one.risk for one in contract.operations if one.name.startswith("Orders")} == {
        "Orders_list": "read",
        "Orders_get": "read",
        "Orders_create": "write-reversible",
        "Orders_update": "write-reversible",
        "Orders_delete": "write-irreversible",
        "Orders_Cancel": "write-irreversible",
        "Orders_Latest": "read",
    }


def test_a_function_that_does_not_say_how_it_is_called_is_taken_to_act() -> None:
    silent = METADATA_2.replace(' EntitySet="Orders" m:HttpMethod="GET"', ' EntitySet="Orders"')
    assert (of(compiled(METADATA_2), "Search").risk, of(compiled(silent), "Search").risk) == (
        "read",
        "write-reversible",
    )


def test_an_administrator_chooses_what_a_list_is_asked_by() -> None:
    choices = Choices({"Orders": ("Address",)}, raw_filter=False, update_method="PATCH")
    contract = compiled(METADATA_2, choices)
    asked = of(contract, "Orders_list").input_schema["properties"]
    assert list(asked) == ["Address", "orderby", "top", "skip", "page", "select", "expand"]
    assert of(contract, "Orders_update").method == "PATCH"


def test_schemas_stay_slim_and_end_where_types_turn_in_circles() -> None:
    contract = compiled(METADATA_4)
    assert max(len(json.dumps(one.input_schema)) for one in contract.operations) < 2_000
    place: Any = of(contract, "Orders_create").input_schema["properties"]["Place"]
    assert place["properties"]["Inside"]["properties"]["Inside"] == {"type": "object"}


def test_a_type_of_many_properties_loses_the_labels_that_nobody_must_read() -> None:
    many = "".join(f'<Property Name="P{n}" Type="Edm.String" MaxLength="9" sap:label="字段{n}"/>' for n in range(60))
    text = METADATA_2.replace('<Property Name="Customer"', f'{many}<Property Name="Customer"')
    made = of(compiled(text), "Orders_create").input_schema
    assert made["properties"]["P7"] == {"type": "string"}
    assert made["properties"]["Id"] == {"type": "string", "maxLength": 10, "description": "订单号"}


def test_types_that_come_from_one_another_are_got_over() -> None:
    text = METADATA_4.replace(
        '<EntityType Name="Thing" Abstract="true">', '<EntityType Name="Thing" BaseType="S.Order">'
    )
    contract = compiled(text)
    assert any("circle" in warning for warning in contract.warnings)
    assert "Orders_list" in names(contract)


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<edmx:Edmx Version="4.0" xmlns:edmx="e">&b;</edmx:Edmx>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><edmx:Edmx Version="4.0" xmlns:edmx="e"/>"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("<a>" * 100, "deeper"),
        ("{}", "no XML"),
        ("<html><body>Log in</body></html>", "root is <html>"),
        ('<Edmx Version="4.0"><DataServices><Schema Namespace="a"/></DataServices></Edmx>', "no entity container"),
        ("", "no XML"),
    ],
)
def test_hostile_and_foreign_documents_are_refused(text: str, words: str) -> None:
    with pytest.raises(ContractRefused, match=words):
        compiled(text)


def test_a_document_of_too_many_elements_or_bytes_is_refused() -> None:
    with pytest.raises(ContractTooLarge, match="elements"):
        compiled("<a>" + "<b/>" * 800_001 + "</a>")
    with pytest.raises(ContractTooLarge, match="20 MB"):
        compiled(" " * (20 * 1024 * 1024 + 1))


def test_sets_that_name_unknown_types_are_left_out_and_said() -> None:
    contract = compiled(METADATA_4.replace('Name="Archive" EntityType="S.Order"', 'Name="Archive" EntityType="S.Gone"'))
    assert not [one for one in names(contract) if one.startswith("Archive")]
    assert any("Archive" in warning for warning in contract.warnings)
