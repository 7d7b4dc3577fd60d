"""Loading connector files: what becomes a tool, and that a broken file is refused by name."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.registry import load_connectors
from ai_worker.connectors.settings import WordsSettings
from ai_worker.connectors.words import worded
from ai_worker.foundation.errors import Misconfigured
from tests.connectors.system import CONNECTOR, DOCUMENT, KEY, resolve, write

GOOD = CONNECTOR.format(base="http://127.0.0.1:9", timeout=15, auth="header")

VERB = """
[[verbs]]
name = "thing.status"
operation = "get_thing"
triggers = ["东西"]
template = "{name} {status_text}"
[[verbs.slots]]
name = "name"
pattern = 'T\\d+'
ask = "哪一件？"
[[verbs.words]]
field = "status"
into = "status_text"
values = { OUT = "已出库，由{carrier}送" }
"""


def test_a_folder_without_connectors_gives_none(tmp_path: Path) -> None:
    assert load_connectors(tmp_path / "none", resolve=resolve).tools() == []


def test_an_allowed_read_becomes_a_tool(tmp_path: Path) -> None:
    hub = load_connectors(write(tmp_path, GOOD + VERB), resolve=resolve)

    [tool] = hub.tools()
    assert (tool.name, tool.connector, tool.risk) == ("store.get_thing", "store", "read")
    assert tool.parameters["required"] == ["name"]
    assert list(tool.parameters["properties"]) == ["name", "size", "colour", "code", "exact"]
    assert tool.verb is not None
    assert tool.verb.slots[0].name == "name"


def test_a_worker_sees_the_tools_of_its_connectors_alone(tmp_path: Path) -> None:
    hub = load_connectors(write(tmp_path, GOOD), resolve=resolve)

    assert len(hub.tools(["*"])) == len(hub.tools(["store"])) == 1
    assert hub.tools(["crm"]) == hub.tools([]) == []


def test_every_read_is_allowed_by_a_star_and_no_write_is(tmp_path: Path) -> None:
    text = GOOD.replace('operations = ["get_thing"]', 'operations = ["*"]')

    assert [tool.name for tool in load_connectors(write(tmp_path, text), resolve=resolve).tools()] == [
        "store.get_thing"
    ]


def test_one_file_is_enough(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store" / "connector.toml").rename(folder / "stock.toml")
    (folder / "store" / "openapi.json").rename(folder / "openapi.json")

    assert load_connectors(folder, resolve=resolve).ids() == ["stock"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('name = "仓库"', 'name = "仓库', 1), "line 2"),
        (lambda text: text.replace('name = "仓库"', "", 1), "name: Field required"),
        (lambda text: text + 'port = "x"', "auth.header.port: Extra inputs"),
        (lambda text: text.replace("http://", "ftp://"), "base_url: .*an address such as"),
        (lambda text: text.replace("http://", "http://user:pw@"), "base_url: .*no user"),
        (lambda text: text.replace("env:KEY", "env:NONE"), "env:NONE is not set"),
        (lambda text: text.replace("env:KEY", "two words"), "the secret is empty, or has spaces"),
        (lambda text: text.replace("openapi.json", "missing.json"), "missing.json: No such file"),
        (lambda text: text.replace("openapi.json", "openapi.yaml"), "a .json or .toml file"),
        (lambda text: text.replace('["get_thing"]', "[]"), "operations"),
        (lambda text: text.replace("get_thing", "get_things"), "no such operation; it has get_thing"),
        (lambda text: text.replace("get_thing", "delete_thing"), "only reads are allowed"),
        (lambda text: text.replace("get_thing", "by_tag"), "'tags' .in query. is of a form that is not supported"),
        (lambda text: text + VERB.replace("T\\d+", "T(\\d+"), "not a regular expression"),
        (lambda text: text + VERB.replace("{name}", "{name[0]}"), "must be the plain name of a field"),
        (lambda text: text + VERB.replace("{carrier}", "{carrier!r}"), "must be the plain name of a field"),
        (lambda text: text + VERB.replace('name = "name"', 'name = "size"'), "nothing fills the parameter 'name'"),
        (lambda text: text + VERB.replace('name = "name"', 'name = "sise"'), "no parameter 'sise'"),
        (lambda text: text + VERB.replace('"get_thing"', '"by_tag"'), "not among the allowed"),
        (lambda text: text + VERB + VERB.replace("thing.status", "thing.more"), "two verbs"),
    ],
)
def test_a_broken_connector_is_refused_with_its_file_and_reason(
    tmp_path: Path, change: Callable[[str], str], words: str
) -> None:
    folder = write(tmp_path, change(GOOD))

    with pytest.raises(ConnectorRefused, match=words) as refusal:
        load_connectors(folder, resolve=resolve)

    assert isinstance(refusal.value, Misconfigured)
    assert str(folder / "store" / "connector.toml") in str(refusal.value)
    assert KEY not in str(refusal.value)
    assert "two words" not in str(refusal.value)


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return the good contract with another value at `path`."""
    document = copy.deepcopy(DOCUMENT)
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return document


def test_words_stand_in_for_codes_and_may_name_other_fields() -> None:
    rule = WordsSettings(field="state.code", into="told", values={"OUT": "由{by.name}送，{day}到"}, otherwise="在处理")
    plain = WordsSettings(field="day", into="when", values={})

    assert worded({"state": {"code": "OUT"}, "by": {"name": "顺丰"}, "day": None}, [rule, plain]) == {
        "state": {"code": "OUT"},
        "by": {"name": "顺丰"},
        "day": None,
        "told": "由顺丰送，—到",
        "when": "—",
    }
    assert worded({"state": "OUT", "day": 3}, [rule, plain]) == {
        "state": "OUT",
        "day": 3,
        "told": "在处理",
        "when": "3",
    }


GET = ("paths", "/things/{name}", "get")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (["a list"], "not OpenAPI 3"),
        ({"swagger": "2.0", "paths": {}}, "not OpenAPI 3"),
        (changed(("paths",), ["x"]), "an object is missing"),
        (changed(("paths", "/things/{name}"), {"$ref": "#/paths/~1none"}), "leads nowhere"),
        (changed(("paths", "/things/{name}"), {"$ref": "other.json"}), "leads outside"),
        (changed(("paths", "/things/{name}"), {"$ref": "#/paths/~1things~1{name}"}), "in a circle"),
        (changed((*GET, "parameters"), "x"), "not a list"),
        (changed((*GET, "parameters"), [{"name": "h", "in": "header", "required": True}]), "'h' .in header."),
        (changed(("paths", "/things/{name}", "parameters"), []), "placeholders"),
        (changed((*GET, "parameters"), [{"name": "q", "in": "query", "schema": {"pattern": "("}}]), "the pattern of"),
        (changed(("paths", "/again"), {"get": {"operationId": "get_thing"}}), "two operations are called"),
        (changed((*GET, "operationId"), "x" * 60), "no such operation"),
    ],
)
def test_a_broken_contract_is_refused_with_its_file_and_reason(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(ConnectorRefused, match=words):
        load_connectors(write(tmp_path, GOOD, document), resolve=resolve)


def test_broken_json_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store" / "openapi.json").write_text('{\n"openapi": }')

    with pytest.raises(ConnectorRefused, match="line 2"):
        load_connectors(folder, resolve=resolve)


def test_two_connectors_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store.toml").write_text(GOOD.replace("openapi.json", "store/openapi.json"))

    with pytest.raises(ConnectorRefused, match="another connector has the id 'store'"):
        load_connectors(folder, resolve=resolve)


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store").rename(folder / "My Store")

    with pytest.raises(ConnectorRefused, match="is no id"):
        load_connectors(folder, resolve=resolve)


def test_no_repr_shows_the_secret(tmp_path: Path) -> None:
    hub = load_connectors(write(tmp_path, GOOD), resolve=resolve)

    assert KEY not in repr(vars(hub)["_connectors"]["store"].__dict__)
