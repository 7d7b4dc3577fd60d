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
from ai_worker.skills.tool import Asker
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
    assert list(tool.parameters["properties"]) == ["name", "size", "colour", "code", "exact", "tags"]
    assert tool.verb is not None
    assert tool.verb.slots[0].name == "name"


def test_a_worker_sees_the_tools_of_its_connectors_alone(tmp_path: Path) -> None:
    hub = load_connectors(write(tmp_path, GOOD), resolve=resolve)

    assert len(hub.tools(["*"])) == len(hub.tools(["store"])) == 1
    assert hub.tools(["crm"]) == hub.tools([]) == []


def test_every_read_is_allowed_by_a_star_and_no_write_is(tmp_path: Path) -> None:
    text = GOOD.replace('operations = ["get_thing"]', 'operations = ["*"]')

    tools = load_connectors(write(tmp_path, text), resolve=resolve).tools()
    assert [tool.name for tool in tools] == ["store.get_thing", "store.by_tag"]


def test_a_write_that_is_named_becomes_a_tool_that_asks_first(tmp_path: Path) -> None:
    text = GOOD.replace('operations = ["get_thing"]', 'operations = ["delete_thing"]')

    [tool] = load_connectors(write(tmp_path, text), resolve=resolve).tools()
    assert (tool.acts, tool.approved_by, tool.unattended) == (True, "asker", False)


def test_an_administrator_may_say_more_of_an_operation(tmp_path: Path) -> None:
    policy = """
[policies.delete_thing]
risk = "money"
title = "丢掉"
confirm = "把 {name} 丢掉"
idempotent = true
departments = ["仓库"]
[policies.delete_thing.read_back]
operation = "get_thing"
arguments = { name = "{name}" }
template = "现在：{status}"
"""
    text = GOOD.replace('["get_thing"]', '["get_thing", "delete_thing"]') + policy
    hub = load_connectors(write(tmp_path, text), resolve=resolve)

    tool = next(tool for tool in hub.tools() if tool.acts)
    assert (tool.approved_by, tool.title, tool.confirm, tool.idempotent) == (
        "colleague",
        "丢掉",
        "把 {name} 丢掉",
        True,
    )
    assert tool.read_back is not None
    assert tool.read_back.tool == "store.get_thing"
    assert [t.name for t in hub.tools(asker=Asker("wecom", "u1", department="仓库/夜班"))] == [
        "store.get_thing",
        "store.delete_thing",
    ]
    assert [t.name for t in hub.tools(asker=Asker("wecom", "u2", department="仓库外"))] == ["store.get_thing"]


def test_what_is_the_askers_own_is_asked_of_nobody(tmp_path: Path) -> None:
    access = """
[policies.get_thing]
asker = { name = "login" }
[access.logins]
"wecom/zhang" = "E1001"
"""
    hub = load_connectors(write(tmp_path, GOOD + access), resolve=resolve)

    [tool] = hub.tools(asker=Asker("wecom", "zhang"))
    assert "name" not in tool.parameters["properties"]
    assert tool.parameters["required"] == []
    assert hub.tools(asker=Asker("feishu", "zhang")) == []


def test_a_name_that_is_too_long_for_models_is_cut_and_stays_one_of_a_kind(tmp_path: Path) -> None:
    long = [f"{'x' * 60}{number}" for number in range(2)]
    paths = {f"/{name}": {"get": {"operationId": name}} for name in long}
    text = GOOD.replace('["get_thing"]', '["*"]')

    tools = load_connectors(write(tmp_path, text, {**DOCUMENT, "paths": paths}), resolve=resolve).tools()
    assert len({tool.name for tool in tools}) == 2
    assert max(len(tool.name) for tool in tools) <= 64


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
        (lambda text: 'kind = "erp"\n' + text, "'erp' is none of .*openapi"),
        (lambda text: text.replace('["get_thing"]', "[]"), "operations"),
        (
            lambda text: text.replace("get_thing", "get_things"),
            "no such operation; it has by_tag, delete_thing",
        ),
        (lambda text: text + "[policies.get_things]", "policies: the contract has no operation"),
        (lambda text: text + "[policies.get_thing]\nasker = { nome = 'id' }", "asker: there is no argument 'nome'"),
        (
            lambda text: (
                text.replace('["get_thing"]', '["**"]') + "[policies.delete_thing]\nrisk = 'money'\nunattended = true"
            ),
            "cannot be unattended",
        ),
        (
            lambda text: (
                text.replace('["get_thing"]', '["**"]')
                + "[policies.get_thing.read_back]\noperation = 'delete_thing'\ntemplate = 'x'"
            ),
            "would change something itself",
        ),
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
        (["a list"], "no object at its top"),
        ({"swagger": "2.0", "paths": {}}, "no operations"),
        (changed(("paths",), ["x"]), "no operations"),
        (changed(("paths", "/things/{name}"), {"$ref": "#/paths/~1none"}), "no such operation"),
        (changed(("paths", "/things/{name}"), {"$ref": "other.json"}), "no such operation"),
        (changed(("paths", "/things/{name}"), {"$ref": "#/paths/~1things~1{name}"}), "no such operation"),
        (changed((*GET, "operationId"), "another"), "no such operation"),
    ],
)
def test_a_broken_contract_is_refused_with_its_file_and_reason(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(ConnectorRefused, match=words):
        load_connectors(write(tmp_path, GOOD, document), resolve=resolve)


def test_what_is_no_contract_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store" / "openapi.json").write_text('{\n"openapi": }')

    with pytest.raises(ConnectorRefused, match="not OpenAPI"):
        load_connectors(folder, resolve=resolve)


def test_two_connectors_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store.toml").write_text(GOOD.replace("openapi.json", "store/openapi.json"))

    with pytest.raises(ConnectorRefused, match="another connector has the id 'store'"):
        load_connectors(folder, resolve=resolve)


@pytest.mark.parametrize("name", ["My Store", "add", "catalogue", "restore"])
def test_a_name_that_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "store").rename(folder / name)

    with pytest.raises(ConnectorRefused, match="is no id"):
        load_connectors(folder, resolve=resolve)


def test_no_repr_shows_the_secret(tmp_path: Path) -> None:
    hub = load_connectors(write(tmp_path, GOOD), resolve=resolve)

    assert KEY not in repr(vars(hub)["_connectors"]["store"].__dict__)
