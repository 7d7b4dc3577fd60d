"""Connecting systems that are asked for their contract, or whose contract comes in several files."""

import asyncio
import io
import json
import re
import sqlite3
import zipfile
from pathlib import Path

import httpx
import pytest

from ai_worker.connectors.operation import ContractRefused, ContractTooLarge
from ai_worker.console import unpacking
from ai_worker.console.option_fields import OFFERED, option_fields
from ai_worker.console.unpacking import unpacked
from ai_worker.console.words import catalog
from tests.console.erp import CONTRACT
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.world import World

SPLIT = json.loads(json.dumps(CONTRACT))
SPLIT["paths"]["/elsewhere"] = {"get": {"$ref": "parts/elsewhere.json#/get"}}
PART = {"get": {"operationId": "list_parts", "summary": "列出备件", "responses": {"200": {"description": "ok"}}}}


def packed(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in files.items():
            target.writestr(name, text)
    return made.getvalue()


async def ready(reader: httpx.AsyncClient, where: str) -> httpx.Response:
    """Return the page of an import once it is done."""
    while "/parts/connectors/add/" in (page := await reader.get(where)).text:
        await asyncio.sleep(0.02)
    return page


async def asked(reader: httpx.AsyncClient, kind: str, **told: str) -> httpx.Response:
    """Send the form of a kind, and return what came of it."""
    data = {"kind": kind, **told}
    done = await reader.post("/connectors/add", headers={"X-CSRF-Token": await csrf_of(reader)}, data=data)
    return done if done.status_code != 303 else await ready(reader, done.headers["location"])


async def saved(reader: httpx.AsyncClient, page: httpx.Response, **told: str) -> httpx.Response:
    where = attribute(page_of(page), ".importing-form", "action")
    return await reader.post(where, headers={"X-CSRF-Token": await csrf_of(reader)}, data=told)


async def test_a_database_is_read_once_the_button_is_pressed_and_its_address_is_kept_apart(
    new_site: World, new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "erp.db") as database:
        database.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, status TEXT)")
    database.close()
    form = page_of(await new_reader.get("/connectors/add?kind=sql"))
    assert attribute(form, "[name='option.url']", "type") == "password"

    page = await asked(new_reader, "sql", **{"option.url": f"sqlite:///{tmp_path}/erp.db", "option.query": "1"})
    assert "describe_tables" in page.text
    done = await saved(new_reader, page, id="warehouse", name="仓库", all="*")

    assert done.headers["location"] == "/connectors/warehouse"
    written = (tmp_path / "connectors/warehouse/connector.toml").read_text("utf-8")
    assert 'contract = "tables.json"' in written
    reference = re.findall(r'url = "(file:.*)"', written)[0].removeprefix("file:")
    assert (tmp_path / reference).read_text().strip() == f"sqlite:///{tmp_path}/erp.db"
    assert {row.name for row in new_site.systems.tools("warehouse")} >= {"warehouse.query"}
    shown = page_of(await new_reader.get("/connectors/warehouse"))
    assert "写在 [options] 里： url" in words(shown.css_first(".about"))


async def test_what_is_missing_is_named_as_the_command_line_names_it(new_reader: httpx.AsyncClient) -> None:
    refused = await asked(
        new_reader, "tryton", base_url="https://erp.example.com", **{"option.user": "bot", "option.password": "s3cret"}
    )

    assert refused.status_code == 422
    page = page_of(refused)
    assert words(page.css_first(".refused")) == "缺少内容，或者有内容不能用。 options.database: Field required"
    assert attribute(page, "[name='option.user']", "value") == "bot"
    assert "s3cret" not in refused.text


async def test_a_system_that_is_not_there_says_so_and_leads_back(new_reader: httpx.AsyncClient) -> None:
    page = await asked(
        new_reader,
        "tryton",
        base_url="http://127.0.0.1:9",
        **{"option.database": "erp", "option.user": "bot", "option.password": "s3cret", "option.models": "party.party"},
    )

    trouble = words(page_of(page).css_first(".trouble"))
    assert "tool.failed" in trouble
    assert "s3cret" not in page.text
    assert attribute(page_of(page), ".act a", "href") == "/connectors/add?kind=tryton"


async def test_a_calendar_is_connected_without_calling_anybody(new_reader: httpx.AsyncClient, tmp_path: Path) -> None:
    page = await asked(
        new_reader,
        "caldav",
        base_url="https://dav.example.com",
        auth="basic",
        username="bot",
        secret="s3cret",
        **{"option.calendars": "三楼会议室 = /dav/rooms/3f/\n四楼＝/dav/rooms/4f/", "option.titles": "1"},
    )
    assert texts(page_of(page), ".choosing b")
    assert (await saved(new_reader, page, id="rooms", name="会议室", all="*")).status_code == 303

    written = (tmp_path / "connectors/rooms/connector.toml").read_text("utf-8")
    assert '"/dav/rooms/4f/"' in written
    assert "titles" not in written
    assert "s3cret" not in written


async def test_a_system_of_the_catalogue_begins_with_what_is_known(
    new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    form = page_of(await new_reader.get("/connectors/add?system=tryton"))
    assert words(form.css_first(".chips [aria-current]")) == "Tryton"
    assert "runtime" in words(form.css_first(".address code"))

    files = {"file": ("erp.json", json.dumps(CONTRACT), "application/json")}
    token = {"X-CSRF-Token": await csrf_of(new_reader)}
    begun = await new_reader.post("/connectors/add", headers=token, files=files, data={"system": "odoo"})
    page = await ready(new_reader, begun.headers["location"])
    assert attribute(page_of(page), "#c-id", "value") == "odoo"
    done = await saved(
        new_reader, page, id="odoo", name="Odoo", all="*", base_url="https://erp.example.com", auth="none"
    )

    assert done.status_code == 303
    assert 'catalogue = "odoo"' in (tmp_path / "connectors/odoo/connector.toml").read_text("utf-8")


async def test_a_contract_of_several_files_comes_as_a_zip(new_site: World, new_reader: httpx.AsyncClient) -> None:
    several = packed({"erp/openapi.json": json.dumps(SPLIT), "erp/parts/elsewhere.json": json.dumps(PART)})
    token = {"X-CSRF-Token": await csrf_of(new_reader)}
    begun = await new_reader.post("/connectors/add", headers=token, files={"file": ("erp.zip", several)})
    page = await ready(new_reader, begun.headers["location"])
    assert "列出备件" in page.text
    done = await saved(new_reader, page, id="erp", name="ERP", all="*", base_url="https://erp.example.com", auth="none")

    assert done.status_code == 303
    assert "erp.list_parts" in {row.name for row in new_site.systems.tools("erp")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed({"../openapi.json": "{}"}), "leads out"),
        (packed({"/etc/openapi.json": "{}"}), "leads out"),
        (packed({"a.json": "{}", "b.json": "{}"}), "openapi.yaml"),
        (packed({"readme.md": "x"}), "no JSON or YAML"),
        (b"PK\x03\x04" + b"\x00" * 40, "ZIP"),
    ],
    ids=["dots", "absolute", "no-first", "nothing", "broken"],
)
def test_a_zip_that_is_no_contract_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ContractRefused, match=said):
        unpacked(content, tmp_path / "contract")
    assert not list(tmp_path.rglob("openapi.json"))


def test_a_zip_that_grows_too_large_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    bomb = packed({"openapi.json": " " * (unpacking.MOST_BYTES + 1)})
    assert len(bomb) < 1_000_000

    with pytest.raises(ContractTooLarge):
        unpacked(bomb, tmp_path / "contract")

    assert sum(one.stat().st_size for one in tmp_path.rglob("*") if one.is_file()) <= unpacking.MOST_BYTES


def test_a_zip_with_one_file_is_that_file(tmp_path: Path) -> None:
    assert unpacked(packed({"x/Our API.YAML": "openapi: 3.0.0"}), tmp_path / "c") == tmp_path / "c/openapi.yaml"


def test_every_option_that_is_asked_for_has_its_word() -> None:
    options = {f"connectors.option.{field.name}" for kind in OFFERED for field in option_fields(kind)}
    kinds = {f"connectors.kinds.{kind}" for kind in OFFERED}
    details = {f"connectors.kind_detail.{kind}" for kind in OFFERED if kind != "openapi"}

    assert options | kinds | details <= catalog("zh-CN").keys()


def test_no_program_is_started_from_the_console() -> None:
    assert not {"command", "args", "env"} & {field.name for field in option_fields("mcp")}
