"""The page of channels, their guides, and what people do with a channel."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ai_worker.channels.contract import ChannelHealth, Probe
from ai_worker.channels.sightings import Sightings, proofs, prove
from ai_worker.pipeline.sending import Need
from ai_worker.pipeline.store import OutboundMessage
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.sample import OWNER
from tests.console.world import ROBOT, DeskChannel, GroupRobot, World, world

HTMX = {"HX-Request": "true"}
DISPLACED = "another instance has taken the connection over; stop it, then resume this channel"


async def post(reader: httpx.AsyncClient, path: str, **data: str) -> httpx.Response:
    return await reader.post(path, headers={**HTMX, "X-CSRF-Token": await csrf_of(reader)}, data=data)


def put(site: World, name: str, health: ChannelHealth) -> DeskChannel:
    site.channels[name] = channel = DeskChannel(name, health)
    return channel


async def test_a_card_says_how_a_channel_is_and_when_it_last_heard_and_spoke(
    site: World, reader: httpx.AsyncClient
) -> None:
    page = page_of(await reader.get("/channels"))

    assert [node.attributes["id"] for node in page.css(".connection")] == [
        "channel-service-desk",
        "channel-procurement",
        "channel-website",
    ]
    card = page.css_first("#channel-procurement")
    assert card is not None
    assert words(card.css_first("header")) == "微企业微信procurement"
    assert words(card.css_first(".standing")) == "正常"
    assert [words(node) for node in card.css("dl div")] == ["最近收到6 分前", "最近发出6 分前"]
    assert attribute(page, "nav.side a[aria-current]", "href") == "/channels"


async def test_a_long_connection_says_for_how_long_it_has_stood(site: World, reader: httpx.AsyncClient) -> None:
    since = site.clock.now() - timedelta(hours=5, minutes=12)
    put(site, "bot", ChannelHealth("ready", connected_at=since))

    page = page_of(await reader.get("/channels"))

    assert words(page.css_first("#channel-bot .standing")) == "正常 长连接已保持 5 小时 12 分"


async def test_trouble_is_told_in_the_readers_words_with_what_to_do(site: World, reader: httpx.AsyncClient) -> None:
    put(
        site,
        "desk",
        ChannelHealth("degraded", "the last message could not be sent", last_error="wecom: no answer within 10 s"),
    )

    page = page_of(await reader.get("/channels"))
    overview = page_of(await reader.get("/"))

    assert words(page.css_first("#channel-desk-detail")) == "最近一条消息没有发出"
    assert "最近的错误 平台 10 秒没有回应" in words(page.css_first("#channel-desk-trouble"))
    assert "ai-worker channels test desk" in words(page.css_first("#channel-desk-trouble"))
    assert "平台 10 秒没有回应" in " ".join(texts(overview, "#alert-list li"))


async def test_a_displaced_channel_is_connected_again_on_the_operators_word(
    site: World, reader: httpx.AsyncClient
) -> None:
    bot = put(site, "bot", ChannelHealth("down", DISPLACED, displaced=True))
    page = page_of(await reader.get("/channels"))
    assert words(page.css_first("#channel-bot .standing")) == "被别处占用"
    assert "先停掉那一个" in words(page.css_first("#channel-bot-trouble"))
    assert len(page.css('form[action$="/resume"]')) == 1

    part = page_of(await post(reader, "/channels/bot/resume"))

    assert bot.resumed == 1
    assert words(part.css_first("#channel-bot-said")) == "5 秒内会重新连接。"


async def due(site: World) -> list[OutboundMessage]:
    """Return what a delivery would send now, but for what the sample day left behind."""
    claimed = await site.stores.pipeline.claim_outbound(owner=OWNER, limit=99, now=site.clock.now())
    return [message for message in claimed if message.kind == "proactive"]


async def test_a_test_message_waits_in_the_outbox_for_whom_it_is_said(site: World, reader: httpx.AsyncClient) -> None:
    part = page_of(await post(reader, "/channels/service-desk/test", to=" zhangsan "))

    (sent,) = await due(site)
    assert (sent.channel, sent.address) == ("service-desk", {"user": "zhangsan"})
    assert "测试消息" in sent.reply.text
    assert len(site.woken) == 1
    assert words(part.css_first("#channel-service-desk-said .good")) == "测试消息在发件箱里，能发时就发出。"


async def test_a_test_message_that_the_platform_took_is_said_to_be_so(site: World, reader: httpx.AsyncClient) -> None:
    channel = site.channels["service-desk"]
    channel.state = replace(channel.state, last_outbound_at=site.clock.now())

    part = page_of(await post(reader, "/channels/service-desk/test", to="zhangsan"))

    assert words(part.css_first(".good")) == "测试消息已被平台收下。"


async def test_a_channel_in_trouble_says_why_in_the_platforms_words(site: World, reader: httpx.AsyncClient) -> None:
    site.channels["service-desk"].state = ChannelHealth("degraded", last_error="wecom: errcode 81013 <b>")

    response = await post(reader, "/channels/service-desk/test", to="zhangsan")

    assert words(page_of(response).css_first(".good")).endswith("能发时就发出。wecom: errcode 81013 <b>")
    assert "<b>" not in response.text


async def test_a_test_message_to_nobody_is_not_sent(site: World, reader: httpx.AsyncClient) -> None:
    part = page_of(await post(reader, "/channels/service-desk/test", to=" "))

    assert await due(site) == []
    assert "先填发给谁" in words(part.css_first(".bad"))


async def test_a_groups_robot_needs_no_name_and_hears_nothing(site: World, reader: httpx.AsyncClient) -> None:
    site.channels["group"] = GroupRobot("group", ChannelHealth("ready"))
    page = page_of(await reader.get("/channels"))
    assert texts(page, "#channel-group dl dt") == ["最近发出", "近 61 秒已发"]
    assert not page.css("#test-group input[name=to]")

    await post(reader, "/channels/group/test")

    assert [(sent.channel, sent.address) for sent in await due(site)] == [("group", {})]


async def test_a_robots_card_says_how_much_of_the_platforms_limit_is_used_up(
    site: World, reader: httpx.AsyncClient
) -> None:
    site.channels["group"] = GroupRobot("group", ChannelHealth("ready"))
    await site.stores.channels.spend("group", [[Need(ROBOT, 3)]])
    await site.stores.channels.block("group", "robot", seconds=540)

    page = page_of(await reader.get("/channels"))

    (used,) = texts(page, "#channel-group dl div:last-child dd")
    assert used == "3 / 18 平台限流，9 分后恢复"


async def test_the_credentials_are_checked_and_what_was_expected_is_said(
    site: World, reader: httpx.AsyncClient
) -> None:
    desk = site.channels["service-desk"]

    good = page_of(await post(reader, "/channels/service-desk/probe"))
    desk.probed = Probe(ok=False, detail="errcode 40001: invalid credential", fix="把 Secret 重新复制一遍。")
    bad = page_of(await post(reader, "/channels/service-desk/probe"))

    assert words(good.css_first(".good")) == "凭据可用。"
    assert await proofs(site.stores.channels, "service-desk") == {"credentials": site.clock.now()}
    assert words(bad.css_first(".bad")) == ("凭据没有通过：errcode 40001: invalid credential。把 Secret 重新复制一遍。")


@pytest.mark.parametrize("act", ["resume", "probe", "test"])
async def test_an_act_that_was_not_meant_or_is_for_nobody_is_refused(reader: httpx.AsyncClient, act: str) -> None:
    assert (await reader.post(f"/channels/service-desk/{act}")).status_code == 403

    response = await post(reader, f"/channels/nowhere/{act}", to="x")
    assert response.status_code == 404
    assert "channels.not_found" in response.text


async def test_the_acts_work_without_a_script(site: World, reader: httpx.AsyncClient) -> None:
    token = await csrf_of(reader)

    tested = await reader.post("/channels/service-desk/test", data={"csrf": token, "to": "zhangsan"})
    probed = await reader.post("/channels/service-desk/probe?back=wecom-app", data={"csrf": token})

    assert words(page_of(tested).css_first("#channel-service-desk-said")) == "测试消息在发件箱里，能发时就发出。"
    assert (probed.status_code, probed.headers["location"]) == (303, "/channels/add/wecom-app?name=service-desk")


async def test_a_refresh_leaves_the_forms_alone_until_channels_come_or_go(
    site: World, reader: httpx.AsyncClient
) -> None:
    page = page_of(await reader.get("/channels"))
    known = attribute(page, "#channels-known input", "value")

    same = page_of(await reader.get("/parts/channels", params={"known": known}))
    del site.channels["website"]
    fewer = page_of(await reader.get("/parts/channels", params={"known": known}))

    assert not same.css("form.trial")
    assert len(same.css("[id$=-now]")) == 3
    assert len(fewer.css(".connection")) == 2
    assert attribute(fewer, "#channels-known input", "value") != known


async def test_without_a_channel_the_page_leads_to_the_first(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/channels"))

    assert "还没有接渠道" in words(page.css_first("#channels-none"))
    assert attribute(page, "#channels-none a", "href") == "/channels/add"


async def test_the_kinds_say_how_long_each_takes(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/channels/add"))

    assert texts(page, ".kinds h2") == ["企业微信", "网页对话"]
    assert texts(page, ".kinds a span:last-child") == [
        "企业微信约 5 分钟 · wecom-app",
        "企业微信群机器人约 2 分钟 · wecom-group",
        "网页对话约 1 分钟 · web",
    ]


async def test_a_guide_has_numbered_steps_our_address_and_settings_to_copy(reader: httpx.AsyncClient) -> None:
    asked = {"name": "hr", "public_url": "https://ai.huaxing.example/"}
    page = page_of(await reader.get("/channels/add/wecom-app", params=asked))

    assert texts(page, ".setup h2") == ["1创建应用", "2设置接收消息", "3说一句话", "4收到回答"]
    assert texts(page, ".address code") == ["https://ai.huaxing.example/channels/hr/callback"]
    assert texts(page, "#step-callback .asked dt") == ["Token token", "EncodingAESKey encoding_aes_key"]
    assert words(page.css_first("#step-callback-proof")) == "写好设置后：等待企业微信的验证请求"
    snippet = page.css_first("#snippet")
    assert snippet is not None
    section = tomllib.loads(snippet.text())["channels"]["hr"]
    assert section == {
        "kind": "wecom-app",
        "corp_id": "",
        "agent_id": "",
        "secret": "env:HR_SECRET",
        "token": "env:HR_TOKEN",
        "encoding_aes_key": "env:HR_ENCODING_AES_KEY",
    }
    assert "还没有渠道 hr" in words(page.css_first("#guide-running"))
    assert not page.css(".setup form")


async def test_each_step_is_verified_as_it_happens(site: World, reader: httpx.AsyncClient) -> None:
    path, asked = "/parts/channels/add/wecom-app", {"name": "hr"}
    before = page_of(await reader.get(path, params=asked))
    put(site, "hr", ChannelHealth("ready", proofs={"callback": site.clock.now()}))
    await prove(site.stores.channels, "hr", "credentials", site.clock.now() - timedelta(days=2))

    after = page_of(await reader.get(path, params=asked))

    assert words(before.css_first("#step-callback-proof")) == "写好设置后：等待企业微信的验证请求"
    assert words(after.css_first("#step-callback-seen")) == "收到企业微信的验证请求 14:24:00"
    assert words(after.css_first("#step-create-seen")) == "凭据可用 11 月 20 日 14:24:00"
    assert words(after.css_first("#step-hello-proof")) == "等待第一条消息"
    assert "已经用上渠道 hr" in words(after.css_first("#guide-running"))
    assert after.css("#step-create-probe")
    assert after.css("#test-hr")


@pytest.mark.parametrize(
    ("asked", "refused"),
    [({"name": "a/b"}, "名字"), ({"public_url": "javascript:alert(1)"}, "网址"), ({"public_url": "https://["}, "网址")],
)
async def test_what_cannot_be_an_address_or_a_name_is_replaced(
    reader: httpx.AsyncClient, asked: dict[str, str], refused: str
) -> None:
    response = await reader.get("/channels/add/wecom-app", params=asked)

    page = page_of(response)
    assert refused in words(page.css_first(".refused"))
    assert texts(page, ".address code") == ["http://127.0.0.1:18789/channels/wecom-app/callback"]
    assert "javascript:" not in response.text


async def test_a_name_in_chinese_is_quoted_in_the_settings(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/channels/add/web", params={"name": "官网"}))

    snippet = page.css_first("#snippet")
    assert snippet is not None
    assert tomllib.loads(snippet.text()) == {"channels": {"官网": {"kind": "web"}}}
    assert "# allowed_origins" in snippet.text()
    assert "/chat/官网" in words(page.css_first("#step-talk .text"))


async def test_an_unknown_kind_has_no_guide(reader: httpx.AsyncClient) -> None:
    response = await reader.get("/channels/add/telegram")

    assert response.status_code == 404
    assert "console.no_such_guide" in response.text


async def test_a_console_of_its_own_shows_what_the_connecting_process_says(tmp_path: Path) -> None:
    async with world(tmp_path, holds=False, filled=False) as site:
        put(site, "service-desk", ChannelHealth("ready"))
        elsewhere = DeskChannel("service-desk", ChannelHealth("down", DISPLACED, displaced=True))
        await Sightings({"service-desk": elsewhere}, site.stores.channels, holds=True, clock=site.clock).note()
        reader = await site.signed_in()

        page = page_of(await reader.get("/channels"))
        site.clock.advance(timedelta(minutes=1))
        later = page_of(await reader.get("/channels"))
        await reader.aclose()

    assert words(page.css_first("#channel-service-desk .standing")) == "被别处占用"
    assert words(later.css_first("#channel-service-desk .standing")) == "正常", "that process is gone"


@pytest.mark.parametrize("path", ["/channels", "/channels/add", "/channels/add/wecom-app", "/channels/add/web"])
@pytest.mark.parametrize("filled", [True, False])
async def test_the_pages_speak_english_too(tmp_path: Path, path: str, filled: bool) -> None:
    async with world(tmp_path, language="en", filled=filled) as site:
        reader = await site.signed_in()
        page = page_of(await reader.get(path))
        await reader.aclose()

    assert len(page.css("h1")) == 1
    frame = " ".join(texts(page, "h1, h2, .button, .lead, .chosen label, .proof, .hint, .card.centre"))
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in frame), frame
