"""For whom something may be changed, and what a tool is called with that nobody fills in."""

from pathlib import Path

import pytest

from ai_worker.connectors.connection import NotForAsker
from ai_worker.connectors.registry import ConnectorHub, load_connectors
from ai_worker.skills.tool import Asker, Bound, Tool
from tests.connectors.system import CONNECTOR, DOCUMENT, resolve, write

GOOD = CONNECTOR.format(base="http://127.0.0.1:9", timeout=15, auth="header")
KNOWN, LISTED, STRANGER = Asker("wecom", "u1", department="仓库"), Asker("wecom", "zhang"), Asker("kf", "u9")
MEMBER = Asker("feishu", "ou_1", member=True)
LOGINS = '\n[access.logins]\n"wecom/zhang" = "E1001"\n'


def hub(folder: Path, more: str = LOGINS) -> ConnectorHub:
    text = GOOD.replace('["get_thing"]', '["get_thing", "delete_thing"]')
    return load_connectors(write(folder, text + more), resolve=resolve)


def writing(made: ConnectorHub, asker: Asker) -> Tool:
    return next(tool for tool in made.tools(asker=asker) if tool.acts)


@pytest.mark.parametrize(
    "asker", [KNOWN, LISTED, MEMBER], ids=["in-the-directory", "listed-by-the-administrator", "the-companys-own"]
)
async def test_for_whom_we_know_something_may_be_changed(tmp_path: Path, asker: Asker) -> None:
    made = hub(tmp_path)
    assert (writing(made, asker).approved_by, writing(made, asker).for_known_only) == ("asker", False)
    made.check("store.delete_thing", {"name": "a"}, asker=asker)


async def test_for_a_stranger_nothing_is_changed_and_everything_may_be_read(tmp_path: Path) -> None:
    made = hub(tmp_path, LOGINS + "[policies.delete_thing]\nunattended = true\n")
    tool = writing(made, STRANGER)
    assert (tool.approved_by, tool.unattended, tool.for_known_only) == ("never", False, True)
    with pytest.raises(NotForAsker):
        made.check("store.delete_thing", {"name": "a"}, asker=STRANGER)
    with pytest.raises(NotForAsker):
        await made.call("store.delete_thing", {"name": "a"}, idempotency_key="k", asker=STRANGER)
    made.check("store.get_thing", {"name": "a"}, asker=STRANGER)


async def test_where_the_connector_says_so_anybody_may_have_something_changed(tmp_path: Path) -> None:
    made = hub(tmp_path, '\n[access]\nwriters = "anybody"\n')
    assert writing(made, STRANGER).approved_by == "asker"
    made.check("store.delete_thing", {"name": "a"}, asker=STRANGER)


@pytest.mark.parametrize(
    ("operations", "more", "minds"),
    [
        ('["get_thing"]', "", False),
        ('["delete_thing"]', "", False),
        ('["get_thing"]', '\n[access]\ndepartments = ["仓库"]\n', True),
        ('["get_thing"]', '\n[policies.get_thing]\ndepartments = ["仓库"]\n', True),
    ],
    ids=["only-reads", "writes-for-known", "for-a-department", "one-for-a-department"],
)
def test_the_directory_is_asked_first_where_it_matters(tmp_path: Path, operations: str, more: str, minds: bool) -> None:
    text = GOOD.replace('["get_thing"]', operations) + more
    assert load_connectors(write(tmp_path, text), resolve=resolve).minds_departments() is minds


async def test_a_tool_says_what_it_is_called_with_besides_its_parameters(tmp_path: Path) -> None:
    made = hub(tmp_path, '\n[policies.delete_thing]\nasker = { name = "login" }\n' + LOGINS)
    assert writing(made, LISTED).bound == (Bound("name", "name", "E1001"),)
    assert [tool.bound for tool in made.tools() if tool.acts] == [()], "nobody in particular"


async def test_what_the_contract_or_the_administrator_calls_a_secret_is_masked(tmp_path: Path) -> None:
    secret = {"name": "pin", "in": "query", "schema": {"type": "string", "format": "password"}}
    path = {"delete": {**DOCUMENT["paths"]["/things/{name}"]["delete"], "parameters": [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}, secret]}}  # fmt: skip
    text = 'masked = ["phone"]\n' + GOOD.replace('["get_thing"]', '["delete_thing"]')
    document = {**DOCUMENT, "paths": {"/things/{name}": path}}
    [tool] = load_connectors(write(tmp_path, text, document), resolve=resolve).tools()
    assert tool.masked == {"pin", "phone"}
