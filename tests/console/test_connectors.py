"""The pages of business systems: how they do, trying their tools, switching them, importing a contract."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.console.system_cards import credentials_of
from ai_worker.console.words import Words
from ai_worker.skills.calls import Checked
from ai_worker.skills.tool import Called
from tests.console.erp import CONTRACT, Erp, describe, erp_running
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.world import World

HTMX = {"HX-Request": "true"}


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with erp_running() as running:
        yield running


@pytest.fixture
async def erp_file(new_site: World, tmp_path: Path, erp: Erp) -> Path:
    """The ERP, connected as `erp`."""
    file = describe(tmp_path, "erp", erp.url)
    assert await new_site.systems.folder.look() == ["erp"]
    return file


async def post(reader: httpx.AsyncClient, path: str, **data: str) -> httpx.Response:
    return await reader.post(path, headers={"X-CSRF-Token": await csrf_of(reader), **HTMX}, data=data)


async def sent(reader: httpx.AsyncClient, path: str, **data: str) -> str:
    """Send a form without any script, and return where it leads to."""
    done = await reader.post(path, headers={"X-CSRF-Token": await csrf_of(reader)}, data=data)
    return done.headers["location"]


def read(file: Path) -> str:
    return file.read_text("utf-8")


async def test_without_a_system_the_page_says_what_one_is_good_for(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/connectors"))

    assert "还没有接业务系统" in words(page.css_first("#systems-none"))
    assert attribute(page, "#systems-none a.primary", "href") == "/connectors/add"
    assert attribute(page, "nav.side a[aria-current]", "href") == "/connectors"


@pytest.mark.usefixtures("erp_file")
async def test_a_card_says_how_a_system_does_and_what_to_do_about_it(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    now = new_site.clock.now()
    calls = [Called("erp", "erp.get_order", code, ms, now) for code, ms in (("ok", 80.0), ("tool.failed", 1200.0))]
    await new_site.stores.calls.add(calls)
    await new_site.stores.calls.note(Checked("erp", now - timedelta(hours=2), "ok"))
    refused = Checked("erp", now, "connector.credentials_refused", "list_orders: 401")
    await new_site.stores.calls.note(refused)

    page = page_of(await new_reader.get("/connectors"))

    assert words(page.css_first("#system-erp .standing")) == "检查没通过 刚刚检查 · 上次正常：2 小时前"
    trouble = words(page.css_first("#system-erp-trouble"))
    assert "list_orders: 401" in trouble
    assert "不接受我们的凭据" in trouble
    assert "connector.credentials_refused" in trouble
    assert "凭据过期或不对" in trouble
    assert texts(page, "#system-erp dl div") == [
        "工具4 其中 2 个会改动内容",
        "24 小时调用2",
        "失败50.0 %",
        "P951 200 毫秒",
    ]


@pytest.mark.usefixtures("erp_file")
async def test_the_page_of_a_system_lists_tools_approvers_and_calls(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    made = Called("erp", "erp.get_order", "tool.refused", 8.0, new_site.clock.now(), "wecom/zhangsan", "t-7")
    await new_site.stores.calls.add([made])

    page = page_of(await new_reader.get("/connectors/erp"))

    assert texts(page, ".operations li") == [
        "列出订单erp.list_orders 只读 不用批准",
        "查询订单erp.get_order 只读 不用批准",
        "删除订单erp.delete_order 不可撤销的写 提出的人确认",
        "发起退款erp.create_refund 涉及钱 另一位同事批准",
    ]
    assert texts(page, ".calls .outcome") == ["系统拒绝 tool.refused"]
    assert texts(page, ".calls .who") == ["wecom/zhangsan · t-7"]
    assert "sesame" not in (await new_reader.get("/connectors/erp")).text
    assert (await new_reader.get("/connectors/nobody")).status_code == 404


@pytest.mark.usefixtures("erp_file")
async def test_a_connection_is_tested_in_place_and_the_outcome_is_kept(
    new_site: World, new_reader: httpx.AsyncClient, erp: Erp
) -> None:
    good = await post(new_reader, "/connectors/erp/check")
    assert "连接正常" in words(page_of(good).css_first("#system-erp-said"))
    assert erp.asked == ["GET /orders"]

    erp.down = True
    bad = page_of(await post(new_reader, "/connectors/erp/check"))
    assert words(bad.css_first("#system-erp-said")) == "这次没有通过，原因和办法写在上面。"
    assert "500" in words(bad.css_first("#system-erp-trouble"))
    standing = (await new_site.stores.calls.standings())["erp"]
    assert (standing.last.code, standing.good_at) == ("tool.failed", new_site.clock.now())


@pytest.mark.usefixtures("erp_file")
async def test_the_exact_request_is_shown_and_nothing_is_sent(new_reader: httpx.AsyncClient, erp: Erp) -> None:
    path = "/connectors/erp/tools/erp.list_orders"
    fields = page_of(await new_reader.get(path))
    assert texts(fields, ".editor label") == ["status", "limit", "open", "tags"]
    assert texts(fields, "select[name='a.status'] option") == ["不填", "PENDING", "SHIPPED"]

    filled = {"a.status": "SHIPPED", "a.limit": "5", "a.open": "true", "a.tags": '["急"]'}
    shown = page_of(await post(new_reader, path, act="preview", **filled))

    wire = words(shown.css_first(".wire"))
    assert wire.startswith(f"GET {erp.url}/orders?")
    assert {"status=SHIPPED", "limit=5", "open=true"} <= set(re.split(r"[?& ]", wire))
    assert "sesame" not in wire
    assert erp.asked == []
    wrong = page_of(await post(new_reader, path, act="preview", **{"a.limit": "五"}))
    assert "limit 的内容不是它要的格式" in words(wrong.css_first(".trouble"))


@pytest.mark.usefixtures("erp_file")
async def test_a_read_is_called_by_hand_and_a_write_is_not(new_reader: httpx.AsyncClient, erp: Erp) -> None:
    read = page_of(await post(new_reader, "/connectors/erp/tools/erp.get_order", act="call", **{"a.id": "ORD12345"}))
    assert "ORD12345" in texts(read, ".wire")[1]
    assert "sesame-4711" not in texts(read, ".wire")[1]
    assert erp.asked == ["GET /orders/ORD12345"]

    page = page_of(await new_reader.get("/connectors/erp/tools/erp.delete_order"))
    assert texts(page, ".editor button") == ["看请求"]
    refused = await post(new_reader, "/connectors/erp/tools/erp.delete_order", act="call", **{"a.id": "ORD1"})
    assert refused.status_code == 403
    assert "console.writes_not_from_here" in refused.text
    assert len(erp.asked) == 1


async def test_a_system_is_switched_off_and_removed_and_had_again(
    new_site: World, new_reader: httpx.AsyncClient, erp_file: Path
) -> None:
    former = read(erp_file)
    assert await sent(new_reader, "/connectors/erp/disable") == "/connectors/erp"
    page = page_of(await new_reader.get("/connectors/erp"))
    assert words(page.css_first(".standing")) == "已停用"
    assert new_site.systems.folder.hub.tools() == []
    await sent(new_reader, "/connectors/erp/enable")
    assert len(new_site.systems.folder.hub.tools()) == 4
    assert read(erp_file) == former

    assert await sent(new_reader, "/connectors/erp/remove") == "/connectors?removed=erp"
    assert "erp 已移除" in words(page_of(await new_reader.get("/connectors?removed=erp")).css_first(".said-so"))
    assert new_site.systems.folder.hub.ids() == []
    await sent(new_reader, "/connectors/restore", id="erp")
    assert new_site.systems.folder.hub.ids() == ["erp"]


async def test_a_broken_file_keeps_the_former_connection_and_is_told(
    new_site: World, new_reader: httpx.AsyncClient, erp_file: Path
) -> None:
    await asyncio.to_thread(erp_file.write_text, read(erp_file).replace('"**"', '"fly"'), "utf-8")
    assert await new_site.systems.folder.look() == []

    page = page_of(await new_reader.get("/connectors"))

    assert words(page.css_first("#system-erp .standing b")) == "文件有误"
    assert "fly" in words(page.css_first("#system-erp-trouble"))
    assert "原来的照常工作" in words(page.css_first("#system-erp-trouble"))
    assert len(new_site.systems.folder.hub.tools()) == 4


async def upload(reader: httpx.AsyncClient, content: bytes) -> str:
    """Upload a contract, wait until it is compiled, and return the path of its page."""
    csrf = {"X-CSRF-Token": await csrf_of(reader)}
    taken = await reader.post("/connectors/add", headers=csrf, files={"file": ("erp.json", content)})
    path = taken.headers["location"]
    while "hx-trigger" in (await reader.get(f"/parts{path}")).text:
        await asyncio.sleep(0.02)
    return path


async def test_a_contract_is_uploaded_looked_at_and_connected_with_chosen_operations(
    new_site: World, new_reader: httpx.AsyncClient, erp: Erp, tmp_path: Path
) -> None:
    path = await upload(new_reader, json.dumps(CONTRACT).encode())
    page = page_of(await new_reader.get(path))
    assert "4 个操作可以成为工具，跳过 1 个。" in words(page.css_first(".importing-form"))
    assert "POST /elsewhere" in words(page.css_first(".reasons"))
    ticked = [node.attributes["value"] for node in page.css("input[name=op][checked]")]
    assert ticked == ["list_orders", "get_order"]
    assert attribute(page, "#c-auth option[selected]", "value") == "header"

    form = {"id": "erp", "name": "华星 ERP", "base_url": erp.url, "auth": "header", "header": "X-Api-Key"}
    chosen = {"op": ["get_order", "delete_order"], "risk.get_order": "read", "risk.delete_order": "money", "all": ""}
    csrf = {"X-CSRF-Token": await csrf_of(new_reader)}
    bad = await new_reader.post(path, headers=csrf, data={**form, **chosen, "id": "ERP"})
    assert (bad.status_code, "no id" in words(page_of(bad).css_first(".refused"))) == (422, True)
    saved = await new_reader.post(path, headers=csrf, data={**form, **chosen, "secret": "sesame-4711"})

    assert saved.headers["location"] == "/connectors/erp"
    assert {(tool.name, tool.risk, tool.approved_by) for tool in new_site.systems.folder.hub.tools()} == {
        ("erp.get_order", "read", "nobody"),
        ("erp.delete_order", "money", "colleague"),
    }
    text = read(tmp_path / "connectors" / "erp" / "connector.toml")
    assert 'secret = "file:secrets/' in text
    assert "sesame" not in text
    assert (await new_reader.get(path)).status_code == 404


async def test_what_is_no_contract_says_why(new_reader: httpx.AsyncClient) -> None:
    path = await upload(new_reader, b"<!doctype html>")

    page = page_of(await new_reader.get(path))
    assert words(page.css_first("#import h2")) == "这份文件不能用"
    trouble = words(page.css_first("#import .trouble"))
    assert trouble.startswith("这份契约读不了，什么都没有编译。")
    assert trouble.endswith("contract.bad")


@pytest.mark.usefixtures("erp_file")
@pytest.mark.parametrize("path", ["/connectors", "/connectors/erp", "/connectors/erp/tools/erp.list_orders"])
async def test_strangers_see_nothing_and_change_nothing(new_site: World, path: str) -> None:
    async with new_site.client() as stranger:
        assert "华星" not in (await stranger.get(path)).text
    reader = await new_site.signed_in()
    assert (await reader.post("/connectors/erp/remove")).status_code == 403
    assert new_site.systems.folder.hub.ids() == ["erp"]
    await reader.aclose()


@pytest.mark.usefixtures("erp_file")
async def test_every_page_speaks_english(new_reader: httpx.AsyncClient) -> None:
    new_reader.cookies.set("ai_worker_language", "en")

    for path in ("/connectors", "/connectors/erp", "/connectors/erp/tools/erp.get_order", "/connectors/add"):
        page = page_of(await new_reader.get(path))
        said = words(page.css_first("main"))
        for own in ("华星 ERP", "华", "列出订单", "查询订单", "删除订单", "发起退款"):  # the system's own words
            said = said.replace(own, "")
        assert not re.search(r"[\u4e00-\u9fff]", said), path


@pytest.mark.parametrize(
    ("kind", "told", "shown"),
    [
        ("openapi", {"auth": {"kind": "none"}}, "没有设凭据"),
        (
            "openapi",
            {"auth": {"kind": "bearer", "secret": "s"}, "headers": {"X-Key": "s"}},
            "Bearer 令牌写在请求头里： X-Key",
        ),
        ("sql", {"options": {"url": "postgresql://reader:s@db/erp"}}, "写在 [options] 里： url"),
        ("tryton", {"options": {"database": "erp", "user": "bot", "password": "s"}}, "写在 [options] 里： password"),
        ("ldap", {"options": {"url": "ldaps://ldap", "base": "dc=example"}}, "没有设凭据"),
    ],
    ids=["openapi-none", "openapi-two", "sql", "tryton", "ldap-nobody"],
)
def test_where_credentials_stand_is_told_and_never_what_they_are(kind: str, told: dict[str, Any], shown: str) -> None:
    settings = ConnectorSettings.model_validate({"kind": kind, "name": "ERP", "operations": ["*"], **told})

    found = credentials_of(settings)

    t = Words("zh-CN", ZoneInfo("Asia/Shanghai"))
    said = [
        f"{t(f'connectors.credential_{one.kind}')} {one.names}" if one.names else t(f"connectors.auths.{one.kind}")
        for one in found
    ]
    assert ("".join(said) or t("connectors.no_credentials")) == shown
