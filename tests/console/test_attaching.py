"""Pictures and files in the console: shown with what was said, harmless to look at, and attached to replies."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from ai_worker.conversation.message import Contact, InboundMessage, Part
from ai_worker.pipeline.board import PersonSaid
from ai_worker.pipeline.files import MOST_AT_ONCE, MOST_BYTES, attached
from tests.channels.files import PDF, png
from tests.console.reading import attribute, csrf_of, number_of, page_of, texts, words
from tests.console.world import World

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PICTURE, QUOTE = Part("image", media_id="MEDIA_1"), Part("file", text="报价单.pdf", media_id="MEDIA_2")


async def bring(site: World, *parts: Part, text: str = "") -> int:
    """Let a contact send parts; return the conversation's number."""
    message = InboundMessage(
        "service-desk", f"m-{text}-{len(parts)}", "hejing", Contact("hejing", "何静"), text, site.clock.now(), parts
    )
    return (await site.stores.pipeline.accept(message)).conversation_id


async def fetch(site: World, *contents: bytes) -> None:
    """Let what is wanted be fetched, in order."""
    wanted = await site.stores.files.claim(limit=9, lease=timedelta(minutes=1), now=site.clock.now())
    for one, content in zip(wanted, contents, strict=True):
        kept = attached(content, name=one.part.text, kind=one.part.kind, id=one.id)
        await site.stores.files.keep(one.id, kept, content)


async def taken_over(reader: httpx.AsyncClient, name: str = "林晓燕") -> tuple[int, str]:
    number = await number_of(reader, name)
    csrf = await csrf_of(reader)
    await reader.post(f"/conversations/{number}/take-over", data={"csrf": csrf})
    return number, csrf


async def test_a_picture_is_announced_then_shown_in_its_line(site: World, reader: httpx.AsyncClient) -> None:
    number = await bring(site, PICTURE, QUOTE, text="看看这个")
    page = page_of(await reader.get(f"/conversations/{number}"))
    assert texts(page, "#log .file") == ["图片 正在从平台取回", "报价单.pdf 正在从平台取回"]

    await fetch(site, png(), PDF)

    page = page_of(await reader.get(f"/conversations/{number}"))
    source = attribute(page, "#log .picture img", "src")
    assert attribute(page, "#log .picture img", "alt") == "图片.png"
    assert words(page.css_first("#log .said")) == "看看这个"
    assert texts(page, "#log a.file") == ["报价单.pdf 1 KB"]
    shown = await reader.get(source)
    assert (shown.content, shown.headers["content-type"]) == (png(), "image/png")
    assert shown.headers["content-disposition"].startswith("inline;")


async def test_why_a_picture_could_not_be_had_is_said(site: World, reader: httpx.AsyncClient) -> None:
    number = await bring(site, PICTURE)
    (wanted,) = await site.stores.files.claim(limit=1, lease=timedelta(minutes=1), now=site.clock.now())
    await site.stores.files.fail(wanted.id, error="wecom: 40007")
    page = page_of(await reader.get(f"/conversations/{number}"))
    assert texts(page, "#log .file.failed") == ["图片 没能取回：wecom: 40007"]
    assert (await reader.get(f"/conversations/{number}/files/{wanted.id}")).status_code == 404


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (SVG, "图标.svg", "image"),
        (b"<!doctype html><script>alert(1)</script>", "页面.html", "file"),
        (PDF, "报价单.pdf", "file"),
        (b"\x00\x01\x02binary", "a.png", "image"),
    ],
    ids=["svg", "html", "pdf", "not-a-picture"],
)
async def test_whatever_is_no_raster_picture_is_only_ever_saved(
    site: World, reader: httpx.AsyncClient, content: bytes, name: str, kind: str
) -> None:
    number = await bring(site, Part(kind, text=name, media_id="M"))  # type: ignore[arg-type]
    await fetch(site, content)

    page = page_of(await reader.get(f"/conversations/{number}"))
    assert page.css("#log img") == []
    served = await reader.get(attribute(page, "#log a.file", "href"))
    assert served.content == content
    assert served.headers["content-type"] == "application/octet-stream"
    assert served.headers["content-disposition"].startswith("attachment;")


async def test_a_file_comes_with_headers_that_keep_it_inert_and_is_asked_for_once(
    site: World, reader: httpx.AsyncClient
) -> None:
    number = await bring(site, PICTURE)
    await fetch(site, png())
    address = attribute(page_of(await reader.get(f"/conversations/{number}")), "#log img", "src")

    served = await reader.get(address)

    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["cross-origin-resource-policy"] == "same-origin"
    assert served.headers["cache-control"] == "private, no-cache"
    assert (await reader.get(address, headers={"If-None-Match": served.headers["etag"]})).status_code == 304
    other = await number_of(reader, "吴敏")
    assert (await reader.get(address.replace(f"/{number}/", f"/{other}/"))).status_code == 404
    async with site.client() as stranger:
        assert (await stranger.get(address)).status_code != 200


async def test_a_reply_carries_what_is_attached(site: World, reader: httpx.AsyncClient) -> None:
    number, csrf = await taken_over(reader)
    uploads = [("file", ("截图.png", png(), "image/png")), ("file", ("报价单.pdf", PDF, "application/pdf"))]
    with site.board.conversation(number) as listener:
        sent = await reader.post(f"/conversations/{number}/say", data={"csrf": csrf, "text": "请看"}, files=uploads)
        assert sent.status_code == 303
        note = await listener.next()

    assert isinstance(note, PersonSaid)
    assert [file.name for file in note.reply.attachments] == ["截图.png", "报价单.pdf"]
    page = page_of(await reader.get(f"/conversations/{number}"))
    last = page.css("#log article")[-1]
    assert words(last.css_first(".said")) == "请看"
    assert [words(file) for file in last.css("a.file")] == ["报价单.pdf 1 KB"]
    shown = await reader.get(attribute(page, "#log article:last-of-type img", "src"))
    assert shown.content == png()


async def test_a_file_without_words_is_a_reply_and_nothing_at_all_is_none(
    site: World, reader: httpx.AsyncClient
) -> None:
    number, csrf = await taken_over(reader)
    say = f"/conversations/{number}/say"
    assert (await reader.post(say, data={"csrf": csrf, "text": ""}, files={"file": ("", b"")})).status_code == 422
    assert (
        await reader.post(say, data={"csrf": csrf, "text": ""}, files={"file": ("报价单.pdf", PDF)})
    ).status_code == 303
    page = page_of(await reader.get(f"/conversations/{number}"))
    assert page.css("#log article")[-1].css(".said") == []
    assert (await site.stores.conversations.conversation(number)).last_text == "[报价单.pdf]"


async def test_too_much_is_refused_and_nothing_of_it_is_kept(site: World, reader: httpx.AsyncClient) -> None:
    number, csrf = await taken_over(reader)
    say, form = f"/conversations/{number}/say", {"csrf": csrf, "text": "请看"}
    many = [("file", (f"{n}.txt", b"x")) for n in range(MOST_AT_ONCE + 1)]
    assert (await reader.post(say, data=form, files=many)).status_code == 422
    assert (await reader.post(say, data=form, files={"file": ("空.txt", b"")})).status_code == 422
    large = {"file": ("大.zip", bytes(MOST_BYTES + 1))}
    assert (await reader.post(say, data=form, files=large)).status_code == 413
    beyond = {"file": ("更大.zip", bytes(MOST_BYTES + 2_000_000))}
    assert (await reader.post(say, data=form, files=beyond)).status_code == 413
    assert page_of(await reader.get(f"/conversations/{number}")).css("#log a.file") == []


async def test_only_a_reply_may_be_that_large(reader: httpx.AsyncClient) -> None:
    number, csrf = await taken_over(reader)
    refused = await reader.post(
        f"/conversations/{number}/hand-back", data={"csrf": csrf}, files={"file": ("大.zip", bytes(100_000))}
    )
    assert refused.status_code == 413


async def test_a_foreign_page_cannot_attach_anything(site: World, reader: httpx.AsyncClient) -> None:
    number, _ = await taken_over(reader)
    sent = await reader.post(
        f"/conversations/{number}/say", data={"csrf": "guessed", "text": "x"}, files={"file": ("a.pdf", PDF)}
    )
    assert sent.status_code == 403


async def test_what_was_kept_for_a_reply_that_nobody_may_say_is_forgotten(
    site: World, reader: httpx.AsyncClient
) -> None:
    number = await number_of(reader, "吴敏")  # the worker answers it
    csrf = await csrf_of(reader)
    sent = await reader.post(
        f"/conversations/{number}/say", data={"csrf": csrf, "text": "给您"}, files={"file": ("报价单.pdf", PDF)}
    )
    assert sent.status_code == 409
    assert await site.stores.files.said_in([""]) == []


def test_files_are_named_harmlessly_and_known_by_their_content() -> None:
    made = attached(png(), name="C:\\报价\\..\\现场<照片>.png\n", media_type="text/html")
    assert (made.name, made.media_type) == ("现场照片.png", "image/png")
    assert attached(SVG, name="a.svg", media_type="image/svg+xml").media_type == "application/octet-stream"
    assert attached(PDF, name="", media_type="application/pdf").name == "文件.pdf"
    assert attached(b"x", name="a" * 300 + ".txt").name.endswith("a.txt")
    assert replace(made, media_type="application/pdf").is_picture is False
