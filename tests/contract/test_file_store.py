"""What every store of files promises."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ai_worker.conversation.message import Attachment, Part, Reply
from ai_worker.conversation.store import AlreadyTaken
from ai_worker.pipeline.files import UNSAID_KEPT, NoSuchFile, Wanted, attached
from ai_worker.pipeline.store import RETENTION
from ai_worker.storage.filing import PIECE
from tests.contract.material import SILENT, Stores

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
LEASE = timedelta(seconds=60)
PICTURE = Part("image", media_id="MEDIA_1")
QUOTE = Part("file", text="报价单.pdf", media_id="MEDIA_2")


async def claim(stores: Stores, limit: int = 10) -> list[Wanted]:
    return await stores.files.claim(limit=limit, lease=LEASE, now=stores.clock.now())


async def upload(
    stores: Stores, conversation_id: int, name: str = "报价单.pdf", content: bytes = b"%PDF-1.7"
) -> Attachment:
    attachment = attached(content, name=name)
    await stores.files.put(
        attachment,
        content,
        kind="file",
        channel="service-desk",
        conversation_id=conversation_id,
        at=stores.clock.now(),
    )
    return attachment


async def taken_over(stores: Stores) -> int:
    await stores.accept("在吗", "请转人工")
    await stores.finish(await stores.claim_one(), SILENT)
    (conversation,) = await stores.conversations.conversations()
    await stores.conversations.take_over(conversation.id, "林晓", stores.clock.now())
    return conversation.id


async def states(stores: Stores, turns: Sequence[str]) -> list[str]:
    return [file.state for file in await stores.files.said_in(turns)]


async def test_what_a_message_brings_is_to_be_fetched_from_the_moment_it_is_accepted(stores: Stores) -> None:
    (turn,) = await stores.accept("看这两个", parts=(Part("text", text="看"), PICTURE, QUOTE))

    files = await stores.files.said_in([turn])
    assert [(file.state, file.kind, file.attachment.name) for file in files] == [
        ("waiting", "image", ""),
        ("waiting", "file", "报价单.pdf"),
    ]
    wanted = await claim(stores)
    assert [(one.part, one.attempt, one.message.text) for one in wanted] == [
        (PICTURE, 1, "看这两个"),
        (QUOTE, 1, "看这两个"),
    ]
    assert {one.id for one in wanted} == {file.attachment.id for file in files}


async def test_words_places_and_links_are_nothing_to_fetch(stores: Stores) -> None:
    parts = (
        Part("location", text="总部"),
        Part("link", text="公告", url="https://example.com/"),
        Part("voice", text="你好"),
    )
    (turn,) = await stores.accept("看", parts=parts)
    assert await stores.files.said_in([turn]) == []


async def test_a_message_that_comes_again_is_fetched_once(stores: Stores) -> None:
    message = stores.message("", id="m1", parts=(PICTURE,))
    first, again = await stores.pipeline.accept(message), await stores.pipeline.accept(message)
    assert again.duplicate
    assert len(await stores.files.said_in([first.turn_id])) == 1


async def test_one_owner_fetches_at_a_time_and_the_next_after_its_lease(stores: Stores) -> None:
    await stores.accept("图", parts=(PICTURE,))
    assert len(await claim(stores)) == 1
    assert await claim(stores) == []
    stores.clock.advance(LEASE + timedelta(seconds=1))
    (again,) = await claim(stores)
    assert again.attempt == 2


async def test_what_was_fetched_is_read_again_byte_by_byte(stores: Stores) -> None:
    await stores.accept("图", parts=(PICTURE,))
    (wanted,) = await claim(stores)
    content = PNG + bytes(2 * PIECE)  # three pieces
    attachment = attached(content, name="", kind="image", id=wanted.id)
    with pytest.raises(NoSuchFile):
        await stores.files.read(wanted.id)

    assert await stores.files.keep(wanted.id, attachment, content)

    kept = await stores.files.find(wanted.id)
    assert kept is not None
    assert (kept.state, kept.attachment) == ("kept", attachment)
    assert kept.conversation_id == wanted.conversation_id
    assert (attachment.name, attachment.media_type) == ("图片.png", "image/png")
    assert await stores.files.read(wanted.id) == content
    assert not await stores.files.keep(wanted.id, attachment, content)
    assert await claim(stores) == []


async def test_a_fetch_that_failed_comes_back_when_it_is_due(stores: Stores) -> None:
    await stores.accept("图", parts=(PICTURE,))
    (wanted,) = await claim(stores)
    await stores.files.postpone(wanted.id, until=stores.clock.now() + timedelta(seconds=5), error="平台正忙")
    assert await claim(stores) == []
    stores.clock.advance(timedelta(seconds=6))
    (again,) = await claim(stores)

    await stores.files.fail(again.id, error="media_id 已过期 " + "很长" * 500)

    failed = await stores.files.find(again.id)
    assert failed is not None
    assert failed.state == "failed"
    assert failed.error.startswith("media_id 已过期")
    assert len(failed.error) < 400
    stores.clock.advance(timedelta(days=1))
    assert await claim(stores) == []


async def test_a_file_goes_out_with_the_words_that_it_was_said_with(stores: Stores) -> None:
    number = await taken_over(stores)
    quote, picture = await upload(stores, number), await upload(stores, number, "截图.png", PNG)
    said = await stores.conversations.say(
        number, "林晓", Reply("请查收", attachments=(quote, picture)), stores.clock.now()
    )

    assert [file.attachment for file in await stores.files.said_in([said])] == [quote, picture]
    (outbound,) = await stores.claim_outbound()
    assert outbound.reply.attachments == (quote, picture)
    line = (await stores.conversations.thread(number))[-1]
    assert (line.text, line.attachments) == ("请查收", (quote, picture))


async def test_a_file_without_words_has_its_name_in_lists_and_histories(stores: Stores) -> None:
    number = await taken_over(stores)
    quote = await upload(stores, number)
    stores.clock.advance(timedelta(seconds=1))
    await stores.conversations.say(number, "林晓", Reply("", attachments=(quote,)), stores.clock.now())

    assert (await stores.conversations.conversation(number)).last_text == "[报价单.pdf]"
    assert (await stores.claim_one()).history[-1].text == "[报价单.pdf]"


async def test_nothing_is_said_with_a_file_of_another_conversation(stores: Stores) -> None:
    number = await taken_over(stores)
    foreign = await upload(stores, number + 1)
    with pytest.raises(NoSuchFile):
        await stores.conversations.say(number, "林晓", Reply("给您", attachments=(foreign,)), stores.clock.now())
    assert await stores.claim_outbound() == []


async def test_a_file_is_said_once(stores: Stores) -> None:
    number = await taken_over(stores)
    reply = Reply("给您", attachments=(await upload(stores, number),))
    await stores.conversations.say(number, "林晓", reply, stores.clock.now())
    with pytest.raises(NoSuchFile):
        await stores.conversations.say(number, "林晓", reply, stores.clock.now())


async def test_what_was_not_said_is_forgotten_and_what_was_said_is_not(stores: Stores) -> None:
    number = await taken_over(stores)
    quote, other, left = await upload(stores, number), await upload(stores, number), await upload(stores, number)
    await stores.conversations.say(number, "林晓", Reply("", attachments=(quote,)), stores.clock.now())
    with pytest.raises(AlreadyTaken):
        await stores.conversations.say(number, "周宁", Reply("", attachments=(other,)), stores.clock.now())
    for file in (quote, other):
        await stores.files.drop(file.id)
    assert await stores.files.find(other.id) is None

    stores.clock.advance(UNSAID_KEPT + timedelta(seconds=1))
    await stores.forget()

    assert await stores.files.find(left.id) is None
    assert await stores.files.read(quote.id) == b"%PDF-1.7"
    assert await stores.count("file_piece") == 1


async def test_a_visitors_upload_belongs_to_the_message_that_names_it(stores: Stores) -> None:
    attachment = attached(PNG, name="屏幕.png")
    await stores.files.put(
        attachment, PNG, kind="image", channel="service-desk", key="wang-fang", at=stores.clock.now()
    )
    brought = Part("image", text="屏幕.png", file=attachment.id)
    (stranger,) = await stores.accept("偷看", who="lin", parts=(brought,))
    assert await stores.files.said_in([stranger]) == []

    (turn,) = await stores.accept("看图", parts=(brought,))

    (kept,) = await stores.files.said_in([turn])
    assert (kept.state, kept.attachment) == ("kept", attachment)
    assert kept.conversation_id == (await stores.conversations.conversations())[0].id
    assert await claim(stores) == []


async def test_files_go_with_their_messages(stores: Stores) -> None:
    await stores.accept("图", parts=(PICTURE,))
    (wanted,) = await claim(stores)
    await stores.files.keep(wanted.id, attached(PNG, name="", id=wanted.id), PNG)
    await stores.finish(await stores.claim_one(), SILENT)

    stores.clock.advance(RETENTION - timedelta(days=1))
    await stores.forget()
    assert await stores.files.read(wanted.id) == PNG

    stores.clock.advance(timedelta(days=2))
    await stores.forget()
    assert await stores.count("file") == await stores.count("file_piece") == 0


async def test_a_file_whose_message_is_not_whole_any_more_has_failed(stores: Stores) -> None:
    (turn,) = await stores.accept("图", parts=(PICTURE,))
    await stores.finish(await stores.claim_one(), SILENT)
    stores.clock.advance(timedelta(days=8))
    await stores.forget()

    assert await claim(stores) == []
    assert await states(stores, [turn]) == ["failed"]


async def test_names_that_no_database_takes_do_no_harm(stores: Stores) -> None:
    (turn,) = await stores.accept("附件", parts=(replace(QUOTE, text="../\0报\n价/..\\单.pdf"),))
    (file,) = await stores.files.said_in([turn])
    assert file.attachment.name == "单.pdf"
