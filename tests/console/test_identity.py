"""Who contacts are, groups, and linking: what the pages say and what they refuse."""

import httpx

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.message import Contact
from tests.console.meeting import LIN_ON_FEISHU, LIN_ON_WECOM, meet, write
from tests.console.reading import csrf_of, number_of, page_of, texts, words
from tests.console.world import World

HTMX = {"HX-Request": "true"}
WECOM, FEISHU = ContactKey("service-desk", LIN_ON_WECOM), ContactKey("feishu", LIN_ON_FEISHU)


async def lin_on_wecom(site: World) -> int:
    (conversation,) = await site.stores.conversations.of_contact(WECOM)
    return conversation.id


async def link(reader: httpx.AsyncClient, number: int, key: ContactKey, *, verb: str = "link") -> httpx.Response:
    form = {"csrf": await csrf_of(reader), "channel": key.channel, "contact": key.id}
    return await reader.post(f"/conversations/{number}/{verb}", data=form)


async def test_lists_and_heads_show_name_and_department(site: World, reader: httpx.AsyncClient) -> None:
    await meet(site)
    page = page_of(await reader.get(f"/conversations/{await lin_on_wecom(site)}"))

    rows = texts(page, "#rows .name")
    assert rows.count("林晓燕客户成功部") == 2
    assert "赵倩" in rows, "of whom no department is known"
    assert words(page.css_first("#head-who p")) == "企业微信 · 客户成功部 · 投诉"
    assert texts(page, "#context-contact dd") == ["林晓燕", "客户成功部", "企业微信", LIN_ON_WECOM]


async def test_a_group_is_marked_and_its_lines_say_who_speaks(site: World, reader: httpx.AsyncClient) -> None:
    _, group = await meet(site)
    page = page_of(await reader.get(f"/conversations/{group}"))

    assert "售后协作一群群聊" in texts(page, "#rows .name")
    assert words(page.css_first("#head-who")) == "售后协作一群飞书 · 群聊"
    said = texts(page, "#log article.contact header")
    assert said == ["林晓燕 · 客户成功部 · 14:24", "赵倩 · 14:24"]
    assert texts(page, "#context-contact dd")[:2] == ["售后协作一群", "赵倩"]
    assert page.css_first("#context-identity") is None, "a group is no person"


async def test_linking_begins_with_whoever_has_the_same_name(site: World, reader: httpx.AsyncClient) -> None:
    await meet(site)
    number = await lin_on_wecom(site)

    page = page_of(await reader.get(f"/conversations/{number}?link=1"))
    assert texts(page, "#link-found b") == ["林晓燕"]
    assert LIN_ON_FEISHU in words(page.css_first("#link-found"))

    part = page_of(await reader.get(f"/parts/conversations/{number}/link?link=1&q=赵", headers=HTMX))
    assert texts(part, "#link-found b") == ["赵倩"]
    nobody = page_of(await reader.get(f"/parts/conversations/{number}/link?link=1&q=%25", headers=HTMX))
    assert "没有找到别的联系人" in words(nobody.css_first("#link-found"))
    nothing = page_of(await reader.get(f"/parts/conversations/{number}/link?link=1&q=", headers=HTMX))
    assert words(nothing.css_first("#link-found")) == "输入姓名或编号查找。"
    assert (await reader.get(f"/parts/conversations/{number}/link", headers=HTMX)).text.strip() == ""


async def test_before_linking_it_is_said_what_that_means(site: World, reader: httpx.AsyncClient) -> None:
    await meet(site)
    address = f"/conversations/{await lin_on_wecom(site)}?link=1&channel=feishu&contact={LIN_ON_FEISHU}"

    sheet = words(page_of(await reader.get(address)).css_first("#link-sheet"))

    assert "是同一个人吗" in sheet
    assert "会话内容互不相通" in sheet
    assert LIN_ON_FEISHU in sheet


async def test_linked_contacts_stand_beside_each_other_until_they_are_taken_apart(
    site: World, reader: httpx.AsyncClient
) -> None:
    private, group = await meet(site)
    number = await lin_on_wecom(site)

    response = await link(reader, number, FEISHU)

    assert (response.status_code, response.headers["location"]) == (303, f"/conversations/{number}?state=all")
    here = page_of(await reader.get(f"/conversations/{number}"))
    assert texts(here, ".identity .person") == ["飞林晓燕飞书 · 客户成功部"]
    assert [node.attributes["href"] for node in here.css(".identity a.meeting")] == [f"/conversations/{private}"]
    assert "全勤" not in words(here.css_first("#log")), "they stand beside each other, not in one another"
    there = page_of(await reader.get(f"/conversations/{private}"))
    assert [node.attributes["href"] for node in there.css(".identity a.meeting")] == [f"/conversations/{number}"]
    assert f"/conversations/{group}" not in [link.attributes["href"] for link in there.css("#context a")]
    found = page_of(await reader.get(f"/conversations/{number}?link=1&q=林晓燕"))
    assert texts(found, "#link-found b") == [], "who is linked need not be found"

    await link(reader, private, WECOM, verb="unlink")
    assert page_of(await reader.get(f"/conversations/{number}")).css(".identity") == []


async def test_what_cannot_be_linked_is_refused_in_words(site: World, reader: httpx.AsyncClient) -> None:
    _, group = await meet(site)
    number = await lin_on_wecom(site)

    unknown = await link(reader, number, ContactKey("feishu", "ou_nobody"))
    same = await link(reader, number, WECOM)
    in_group = await link(reader, group, WECOM)

    assert (unknown.status_code, same.status_code, in_group.status_code) == (404, 409, 404)
    assert "没有这个联系人" in unknown.text
    assert "选的是同一个联系人" in same.text
    assert await site.stores.contacts.others(WECOM) == []
    asked = await reader.get(f"/parts/conversations/{number}/link?link=1&channel=feishu&contact=ou_nobody")
    assert asked.status_code == 404
    assert (await reader.get(f"/parts/conversations/{group}/link?link=1")).text.strip() == ""


async def test_a_link_that_nobody_meant_is_refused(site: World, reader: httpx.AsyncClient) -> None:
    await meet(site)
    number = await lin_on_wecom(site)
    form = {"channel": "feishu", "contact": LIN_ON_FEISHU}

    assert (await reader.post(f"/conversations/{number}/link", data=form)).status_code == 403
    async with site.client() as stranger:
        assert (await stranger.get(f"/parts/conversations/{number}/link?link=1&q=林")).status_code != 200
    assert await site.stores.contacts.others(WECOM) == []


async def test_a_name_is_shown_as_it_is_written(site: World, reader: httpx.AsyncClient) -> None:
    await write(site, "feishu", Contact("ou<b>", "<b>林</b>"), "在吗", reply="在的。")
    number = await number_of(reader, "<b>林</b>")
    page = page_of(await reader.get(f"/conversations/{number}?link=1&channel=feishu&contact=ou%3Cb%3E"))
    assert texts(page, "#link-sheet li b") == ["<b>林</b>"]
