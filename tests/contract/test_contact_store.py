"""What every store of contacts promises, and what a group's messages tell of who said them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.contacts import NAME, ContactKey, KnownContact, NoSuchContact, SameContact
from ai_worker.conversation.message import Contact, Utterance
from ai_worker.pipeline.store import RETENTION
from tests.contract.material import SILENT, Stores

WANG = ContactKey("service-desk", "wang-fang")
LIN = ContactKey("service-desk", "lin")
OU = ContactKey("feishu", "ou_7d8a")
DING = ContactKey("dingtalk", "manager01")


async def write(stores: Stores, key: ContactKey, name: str | None = None, text: str = "在吗", **fields: object) -> None:
    """Let a contact write something in private, and answer it."""
    message = stores.message(text, id=f"{key.channel}/{key.id}/{text}", who=key.id, **fields)
    await stores.pipeline.accept(replace(message, channel=key.channel, contact=Contact(key.id, name)))
    stores.clock.advance(timedelta(seconds=1))


async def say_in_group(stores: Stores, who: str, text: str, *, name: str | None = None, group_name: str = "") -> None:
    message = stores.message(text, id=text, who="group:g1", group=True, group_name=group_name)
    await stores.pipeline.accept(replace(message, contact=Contact(who, name)))
    stores.clock.advance(timedelta(seconds=1))


async def test_what_the_directory_says_is_kept_and_replaced(stores: Stores) -> None:
    at = stores.clock.now()
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", "财务部"), at=at)
    assert await stores.contacts.known(WANG) == KnownContact(WANG, "王芳", "财务部", at)

    later = at + timedelta(days=1)
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", None), at=later)
    assert await stores.contacts.known(WANG) == KnownContact(WANG, "王芳", None, later)
    assert await stores.contacts.known(ContactKey("feishu", "wang-fang")) is None


async def test_a_long_name_is_cut_and_a_nul_does_no_harm(stores: Stores) -> None:
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王\0" + "芳" * 200), at=stores.clock.now())
    found = await stores.contacts.known(WANG)
    assert found is not None
    assert found.name is not None
    assert len(found.name) <= NAME


async def test_a_contact_who_has_written_is_known_by_the_name_in_the_messages(stores: Stores) -> None:
    assert await stores.contacts.known(WANG) is None
    await write(stores, WANG, "小王")
    assert await stores.contacts.known(WANG) == KnownContact(WANG, "小王")


async def test_lists_threads_and_turns_have_the_name_and_department_of_the_directory(stores: Stores) -> None:
    await write(stores, WANG)
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", "财务部"), at=stores.clock.now())

    claim = await stores.claim_one()
    assert claim.message.contact == Contact("wang-fang", "王芳", "财务部")
    (listed,) = await stores.conversations.conversations()
    assert (listed.contact_name, listed.department, listed.group) == ("王芳", "财务部", False)
    (line,) = await stores.conversations.thread(listed.id)
    assert (line.name, line.department) == ("王芳", "财务部")


async def test_without_a_directory_all_stays_as_the_messages_had_it(stores: Stores) -> None:
    await write(stores, WANG, "小王")
    assert (await stores.claim_one()).message.contact == Contact("wang-fang", "小王")
    (listed,) = await stores.conversations.conversations()
    assert (listed.contact_name, listed.department) == ("小王", None)


async def test_contacts_are_found_by_a_piece_of_name_or_id(stores: Stores) -> None:
    await write(stores, WANG, "小王")
    await write(stores, WANG, "小王", "再问一句")
    await write(stores, OU, "王芳")
    assert [contact.key for contact in await stores.contacts.search("小王")] == [WANG]
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", "财务部"), at=stores.clock.now())
    await stores.contacts.keep("dingtalk", Contact("manager01", "100%_Lin"), at=stores.clock.now())

    async def found(words: str, limit: int = 10) -> list[ContactKey]:
        return [contact.key for contact in await stores.contacts.search(words, limit=limit)]

    assert await found("王芳") == [OU, WANG]
    assert await found("WANG") == [WANG]
    assert await found("ou_7") == [OU]
    assert await found("%_l") == [DING]
    assert await found("_" * 3) == [], "what stands for anything else stands for itself"
    assert await found("王", limit=1) == [OU]
    assert await found("小王") == [], "the directory knows better"
    assert await found("没有这个人") == []


async def test_members_of_groups_and_lone_questions_are_nobodys_private_contacts(stores: Stores) -> None:
    await say_in_group(stores, "lin", "有人在吗", name="林晓燕")
    await write(stores, WANG, "小王", standalone=True)

    assert await stores.contacts.known(LIN) is None
    assert await stores.contacts.search("林晓燕") == []
    assert await stores.contacts.known(WANG) is None


async def test_two_contacts_become_one_person_and_two_again(stores: Stores) -> None:
    await write(stores, WANG, "王芳")
    await write(stores, OU, "王芳（飞书）")
    assert await stores.contacts.others(WANG) == []

    await stores.contacts.link(WANG, OU, at=stores.clock.now())
    (other,) = await stores.contacts.others(WANG)
    assert (other.key, other.name) == (OU, "王芳（飞书）")
    (back,) = await stores.contacts.others(OU)
    assert back.key == WANG
    assert back.person_id == other.person_id

    await stores.contacts.unlink(OU)
    assert await stores.contacts.others(WANG) == []
    assert await stores.contacts.others(OU) == []
    known = await stores.contacts.known(WANG)
    assert known is not None
    assert known.person_id is None, "nobody is a person with nobody"
    await stores.contacts.unlink(OU)
    await stores.contacts.unlink(ContactKey("feishu", "nobody"))


async def test_whoever_was_linked_before_is_the_same_person(stores: Stores) -> None:
    four = [WANG, OU, DING, LIN]
    for key in four:
        await write(stores, key)
    await stores.contacts.link(WANG, OU, at=stores.clock.now())
    await stores.contacts.link(DING, LIN, at=stores.clock.now())
    await stores.contacts.link(OU, LIN, at=stores.clock.now())
    await stores.contacts.link(OU, LIN, at=stores.clock.now())
    for key in four:
        assert {other.key for other in await stores.contacts.others(key)} == set(four) - {key}

    await stores.contacts.unlink(DING)
    assert {other.key for other in await stores.contacts.others(WANG)} == {OU, LIN}


async def test_who_is_not_known_or_the_same_cannot_be_linked(stores: Stores) -> None:
    await write(stores, WANG)
    with pytest.raises(NoSuchContact):
        await stores.contacts.link(WANG, OU, at=stores.clock.now())
    with pytest.raises(SameContact):
        await stores.contacts.link(WANG, WANG, at=stores.clock.now())
    assert await stores.count("contact") == 0


async def test_a_look_up_leaves_the_person_as_it_is(stores: Stores) -> None:
    await write(stores, WANG)
    await write(stores, OU)
    await stores.contacts.link(WANG, OU, at=stores.clock.now())
    await stores.contacts.keep("feishu", Contact("ou_7d8a", "王芳", "财务部"), at=stores.clock.now())
    (other,) = await stores.contacts.others(WANG)
    assert (other.name, other.department) == ("王芳", "财务部")


async def test_private_conversations_are_found_by_contact_the_latest_first(stores: Stores) -> None:
    await write(stores, WANG, conversation_key="thread-1")
    await write(stores, WANG, text="第二个", conversation_key="thread-2")
    await write(stores, LIN)
    await say_in_group(stores, "wang-fang", "在群里")
    await write(stores, WANG, text="只问一句", conversation_key="alone", standalone=True)

    found = await stores.conversations.of_contact(WANG)
    assert [one.key for one in found] == ["thread-2", "thread-1"]
    assert [one.key for one in await stores.conversations.of_contact(WANG, limit=1)] == ["thread-2"]
    assert await stores.conversations.of_contact(OU) == []


async def test_contacts_are_forgotten_once_they_are_old_and_have_no_conversation(stores: Stores) -> None:
    await write(stores, WANG)
    await stores.answer()
    for key in (WANG, OU):
        await stores.contacts.keep(key.channel, Contact(key.id, "王芳"), at=stores.clock.now())
    stores.clock.advance(RETENTION - timedelta(days=1))
    await stores.forget()
    assert await stores.count("contact") == 2

    stores.clock.advance(timedelta(days=2))
    await write(stores, WANG, text="又来了")
    await stores.forget()
    assert await stores.contacts.known(OU) is None
    assert await stores.contacts.known(WANG) is not None

    await stores.answer()
    stores.clock.advance(RETENTION + timedelta(days=1))
    await stores.forget()
    assert await stores.count("contact") == 0


async def test_a_group_is_marked_and_keeps_its_name(stores: Stores) -> None:
    await say_in_group(stores, "lin", "有人在吗", name="林晓燕", group_name="售后一群")
    await say_in_group(stores, "wang-fang", "在的", name="王芳")

    (listed,) = await stores.conversations.conversations()
    assert (listed.group, listed.group_name, listed.contact_name) == (True, "售后一群", "王芳")


async def test_in_a_group_history_and_thread_say_who_said_what(stores: Stores) -> None:
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", "财务部"), at=stores.clock.now())
    for who, name, text in (("lin", "林晓燕", "怎么退货"), ("wang-fang", None, "怎么报销"), ("zheng", None, "在吗")):
        await say_in_group(stores, who, text, name=name)
        await stores.answer(f"答：{text}")
    await say_in_group(stores, "lin", "那运费呢", name="林晓燕")

    claim = await stores.claim_one()
    assert claim.history == (
        Utterance("user", "怎么退货", Contact("lin", "林晓燕")),
        Utterance("assistant", "答：怎么退货"),
        Utterance("user", "怎么报销", Contact("wang-fang", "王芳")),
        Utterance("assistant", "答：怎么报销"),
        Utterance("user", "在吗", Contact("zheng", None)),
        Utterance("assistant", "答：在吗"),
    )
    thread = await stores.conversations.thread(claim.conversation_id)
    said = [(line.name, line.department) for line in thread if line.author == "contact"]
    assert said == [("林晓燕", None), ("王芳", "财务部"), ("zheng", None), ("林晓燕", None)]


async def test_a_dead_letter_of_a_group_is_whose_who_said_it(stores: Stores) -> None:
    await stores.contacts.keep("service-desk", Contact("wang-fang", "王芳", "财务部"), at=stores.clock.now())
    for who, name, text in (("lin", None, "毒消息"), ("wang-fang", None, "也是毒的"), ("zheng", "郑凯", "好消息")):
        await say_in_group(stores, who, text, name=name)
    for _ in range(2):
        await stores.pipeline.bury(await stores.claim_one(), error="ValueError: 读不懂", now=stores.clock.now())

    letters = await stores.dead_letters.dead_letters()
    assert [(one.contact_id, one.contact_name) for one in letters] == [("wang-fang", "王芳"), ("lin", None)]


async def test_in_private_nobody_needs_to_be_told_apart(stores: Stores) -> None:
    await write(stores, WANG, "王芳")
    await stores.answer()
    await write(stores, WANG, "王芳", "还有呢")
    assert [said.contact for said in (await stores.claim_one()).history] == [None, None]


async def test_no_turn_hears_what_was_said_elsewhere_before_linking_or_after(stores: Stores) -> None:
    secret = "我的工号是 E1042"
    await write(stores, WANG, text=secret)
    await stores.answer("记住了：E1042")

    async def heard() -> str:
        for n, key in enumerate((OU, ContactKey("service-desk", "ou_7d8a"))):
            await write(stores, key, text=f"我的工号是多少？{stores.clock.now():%H%M%S}{n}")
        await say_in_group(stores, "wang-fang", f"我的工号是多少？{stores.clock.now():%H%M%S}")
        claims = await stores.claim()
        assert len(claims) == 3
        for claim in claims:
            await stores.finish(claim, SILENT)
        return "".join(said.text for claim in claims for said in claim.history)

    assert "E1042" not in await heard()
    await stores.contacts.link(WANG, OU, at=stores.clock.now())
    assert "E1042" not in await heard()

    await write(stores, WANG, text="工号？")
    history = (await stores.claim_one()).history
    assert [said.text for said in history] == [secret, "记住了：E1042"], "and nothing of the group's"
