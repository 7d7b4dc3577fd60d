"""What cannot be taken is named with a code and a reason, and never keeps the rest from being found."""

import io
import os
import zipfile
from pathlib import Path

import openpyxl
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.errors import BadInput
from ai_worker.knowledge.ingest.addition import AddReport
from ai_worker.knowledge.ingest.reader import Limits
from ai_worker.knowledge.library import Library
from tests.knowledge.memory_store import MemoryKnowledgeStore

GOOD = "id,question,answer\nf1,怎么申请退货,在订单页申请。\n"


def codes(report: AddReport) -> list[tuple[str, str]]:
    return [(failure.document, failure.code) for failure in report.failed]


@pytest.fixture
def strict(store: MemoryKnowledgeStore, tmp_path: Path) -> Library:
    """A library whose reader may use little."""
    limits = Limits(seconds=2, memory_bytes=400_000_000)
    return Library(store, clock=FixedClock(), index_folder=tmp_path / "index", limits=limits)


WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'


def docx_bomb() -> bytes:
    """A DOCX of 600 kilobytes whose one paragraph has 600 megabytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w") as document:
            document.write(WORD + b"<w:p><w:r><w:t>")
            for _ in range(600):
                document.write(b"x" * 1_000_000)
            document.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return made.getvalue()


def sheet_bomb() -> bytes:
    """A workbook with one cell, in the last corner of a sheet of 17 thousand million cells."""
    made = io.BytesIO()
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["XFD1048576"] = "远"
    book.save(made)
    return made.getvalue()


def entity_bomb() -> bytes:
    """A DOCX whose XML defines entities of entities."""
    made = io.BytesIO()
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 20}">' for n in range(1, 12))
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("word/document.xml", f'<!DOCTYPE d [<!ENTITY e0 "x">{entities}]><d>&e11;</d>')
    return made.getvalue()


async def test_broken_documents_are_named_and_the_rest_is_found(library: Library, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF-1.7 broken")
    (folder / "b.docx").write_bytes(b"PK\x03\x04 broken")
    (folder / "c.xlsx").write_bytes(b"not a workbook")
    (folder / "d.txt").write_bytes(b"")
    (folder / "e.exe").write_bytes(b"MZ")
    (folder / ".hidden.md").write_text("# 秘密", "utf-8")
    (folder / "z.csv").write_text(GOOD, "utf-8")

    report = await library.add([folder])

    assert sorted(codes(report)) == [
        (".hidden.md", "knowledge.unsupported_type"),
        ("a.pdf", "knowledge.document_unreadable"),
        ("b.docx", "knowledge.document_cut_off"),
        ("c.xlsx", "knowledge.document_unreadable"),
        ("d.txt", "knowledge.document_empty"),
        ("e.exe", "knowledge.unsupported_type"),
    ]
    assert all(failure.reason for failure in report.failed)
    assert library.search("怎么申请退货")[0].passage.id == "f1"


async def test_a_document_with_a_password_is_called_that(library: Library, folder: Path) -> None:
    page = canvas.Canvas(str(folder / "secret.pdf"), encrypt=StandardEncryption("密码".encode().hex(), canPrint=0))
    page.drawString(72, 720, "secret")
    page.save()
    (folder / "secret.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))

    report = await library.add([folder])

    assert sorted(codes(report)) == [
        ("secret.docx", "knowledge.document_encrypted"),
        ("secret.pdf", "knowledge.document_encrypted"),
    ]


async def test_a_scanned_pdf_says_that_it_has_no_text(library: Library, folder: Path) -> None:
    page = canvas.Canvas(str(folder / "scan.pdf"))
    page.rect(72, 72, 200, 200, fill=1)
    page.save()

    assert codes(await library.add([folder])) == [("scan.pdf", "knowledge.no_text_layer")]


@pytest.mark.slow
async def test_a_bomb_takes_only_itself_down(strict: Library, folder: Path) -> None:
    (folder / "a.docx").write_bytes(docx_bomb())
    (folder / "b.docx").write_bytes(entity_bomb())
    (folder / "c.xlsx").write_bytes(sheet_bomb())
    (folder / "z.csv").write_text(GOOD, "utf-8")

    report = await strict.add([folder])

    costly = {"knowledge.document_too_costly", "knowledge.reader_crashed"}
    assert dict(codes(report)).keys() == {"a.docx", "b.docx", "c.xlsx"}
    assert {code for document, code in codes(report) if document != "b.docx"} <= costly
    assert library_finds(strict)


def library_finds(library: Library) -> bool:
    return library.search("怎么申请退货")[0].passage.id == "f1"


@pytest.mark.slow
async def test_a_document_that_computes_for_too_long_is_cut_off(strict: Library, folder: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        paragraphs = b"<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 400_000
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", WORD + paragraphs + b"</w:body></w:document>")
    (folder / "a.docx").write_bytes(made.getvalue())
    (folder / "z.csv").write_text(GOOD, "utf-8")

    report = await strict.add([folder])

    assert codes(report) == [("a.docx", "knowledge.document_too_costly")]
    assert library_finds(strict)


async def test_a_link_out_of_the_folder_is_refused(library: Library, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# 秘密", "utf-8")
    (tmp_path / "outside").mkdir()
    (folder / "faq.csv").write_text(GOOD, "utf-8")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "away").symlink_to(tmp_path / "outside")

    report = await library.add([folder])

    assert sorted(codes(report)) == [
        ("away", "knowledge.link_leaves_folder"),
        ("link.md", "knowledge.link_leaves_folder"),
    ]
    assert report.documents == 1


async def test_files_that_are_links_inside_the_folder_are_read(library: Library, folder: Path) -> None:
    (folder / "..2026_11_22").mkdir()  # as Kubernetes mounts a ConfigMap
    (folder / "..2026_11_22" / "faq.csv").write_text(GOOD, "utf-8")
    (folder / "faq.csv").symlink_to(folder / "..2026_11_22" / "faq.csv")

    report = await library.add([folder])

    assert report.documents == 1
    assert library.search("怎么申请退货")[0].passage.document_id == "faq.csv"


async def test_a_pipe_does_not_make_it_wait(library: Library, folder: Path) -> None:
    os.mkfifo(folder / "pipe.md")

    assert codes(await library.add([folder])) == [("pipe.md", "knowledge.unsupported_type")]


async def test_a_path_that_is_not_there_is_named(library: Library, folder: Path) -> None:
    report = await library.add([folder / "missing.md"])

    assert [failure.code for failure in report.failed] == ["knowledge.path_unreadable"]


async def test_a_file_over_the_limit_is_refused_unread(library: Library, folder: Path) -> None:
    with (folder / "large.md").open("wb") as file:
        file.truncate(50_000_001)

    assert codes(await library.add([folder])) == [("large.md", "knowledge.document_too_large")]


async def test_bad_rows_are_named_by_number_and_the_others_are_taken(library: Library, folder: Path) -> None:
    (folder / "faq.csv").write_text(
        "id,question,answer\nf1,怎么申请退货,在订单页申请。\n,没有编号,答案\nf3,没有答案,\nf1,重复的编号,第二个\n"
        "faq.csv#1,冒充段落,答案\n",
        "utf-8",
    )

    report = await library.add([folder])

    assert report.passages == 1
    assert [failure.code for failure in report.failed] == [
        "knowledge.row_bad",
        "knowledge.row_bad",
        "knowledge.row_duplicate",
        "knowledge.row_bad",
    ]
    assert [failure.reason.split(" ")[1] for failure in report.failed[:3]] == ["3", "4", "5:"]


async def test_a_line_that_is_no_json_is_named(library: Library, folder: Path) -> None:
    deep = "[" * 100_000
    (folder / "rows.jsonl").write_text(f'{{"id": "a", "question": "问", "answer": "答"}}\n{deep}\n"文本"\n', "utf-8")

    report = await library.add([folder])

    assert report.passages == 1
    assert [failure.reason.split(" is")[0] for failure in report.failed] == ["line 2", "line 3"]


async def test_the_same_row_id_in_two_tables_is_named(library: Library, folder: Path) -> None:
    (folder / "a.csv").write_text(GOOD, "utf-8")
    (folder / "b.csv").write_text(GOOD + "f2,发票怎么开,在订单里。\n", "utf-8")

    report = await library.add([folder])

    assert codes(report) == [("b.csv", "knowledge.row_duplicate")]
    assert library.search("怎么申请退货")[0].passage.document_id == "a.csv"


async def test_two_files_with_one_id_are_named(library: Library, folder: Path) -> None:
    for name in ("甲", "乙"):
        (folder / name).mkdir()
        (folder / name / "faq.csv").write_text(GOOD, "utf-8")

    report = await library.add([folder / "甲", folder / "乙"])

    assert codes(report) == [("faq.csv", "knowledge.document_duplicate")]


async def test_a_document_that_became_unreadable_keeps_what_was_read_before(
    library: Library, folder: Path, store: MemoryKnowledgeStore
) -> None:
    path = folder / "faq.xlsx"
    (folder / "faq.csv").write_text(GOOD, "utf-8")
    await library.add([folder])
    (folder / "faq.csv").write_bytes(b"")
    path.write_bytes(b"broken")

    await library.add([folder])

    assert library_finds(library)
    assert [(document.id, document.state, document.code) for document in await store.documents()] == [
        ("faq.csv", "ready", ""),
        ("faq.xlsx", "failed", "knowledge.document_unreadable"),
    ]


@pytest.mark.parametrize("name", ["", "..", "/", "x" * 300 + ".md"])
async def test_an_upload_without_a_usable_name_is_bad_input(library: Library, name: str) -> None:
    with pytest.raises(BadInput):
        await library.add_upload(name, b"# x", base="default")


@pytest.mark.parametrize("base", ["", "*", "a b", "x" * 65])
async def test_a_base_needs_a_plain_name(library: Library, base: str) -> None:
    with pytest.raises(BadInput):
        await library.put_entries([{"id": "a", "question": "问", "answer": "答"}], base=base)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"question": "问", "answer": "答"}], "entry 1 has no id"),
        ([{"id": "a", "question": "问"}], "entry 1 .* has no answer"),
        ([{"id": "a", "question": "问", "answer": "答"}] * 2, "entry 2: the id 'a'"),
        ([{"id": "a", "question": ["问"], "answer": "答"}], "'question' must be text"),
        ([{"id": "a", "question": "问", "answer": "答", "aliases": [1]}], "'aliases' must be"),
        ([{"id": "a" * 201, "question": "问", "answer": "答"}], "longer than 200"),
    ],
)
async def test_entries_are_all_taken_or_none(
    library: Library, store: MemoryKnowledgeStore, entries: list[dict[str, object]], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        await library.put_entries(entries, base="default")

    assert await store.counts() == (0, 0)


def scan(path: Path, pages: str) -> None:
    """Write a PDF: `t` is a page of text, `p` one that is a picture."""
    drawn = canvas.Canvas(str(path))
    for number, kind in enumerate(pages, 1):
        if kind == "t":
            drawn.drawString(72, 700, f"Chapter {number}: the printer is in room {number}.")
        else:
            drawn.drawInlineImage(Image.new("RGB", (40, 40), "white"), 72, 700)
        drawn.showPage()
    drawn.save()


async def test_pages_that_are_pictures_are_named_and_the_others_are_found(library: Library, folder: Path) -> None:
    scan(folder / "手册.pdf", "tpt")
    scan(folder / "扫描.pdf", "pp")

    report = await library.add([folder])

    assert [(one.document, one.code, one.place) for one in report.failed] == [
        ("手册.pdf", "knowledge.no_text_layer", "第 2 页"),
        ("扫描.pdf", "knowledge.no_text_layer", ""),
    ]
    assert library.search("the printer is in room 3")[0].passage.locator == "第 3 页"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("表.csv", 'id,question,answer\nf1,怎么退货,"在订单页\nf2,怎么换货,可以\n'.encode()),
        ("字.csv", GOOD.encode()[:-3]),
        ("文.txt", "年假五天。".encode()[:-1]),
        ("书.docx", sheet_bomb()[:2_000]),
        ("簿.xlsx", sheet_bomb()[:3_000]),
    ],
    ids=["table", "character", "text", "document", "workbook"],
)
async def test_a_file_that_was_cut_off_is_called_that_and_the_old_text_stays(
    library: Library, name: str, content: bytes
) -> None:
    whole = {"csv": GOOD.encode(), "txt": "怎么申请退货：在订单页申请。".encode()}.get(name.rpartition(".")[2])
    if whole is not None:
        await library.add_upload(name, whole, base="default")

    report = await library.add_upload(name, content, base="default")

    assert codes(report) == [(name, "knowledge.document_cut_off")]
    assert bool(library.search("怎么申请退货")) is (whole is not None)


async def test_deep_nesting_takes_only_itself_down(strict: Library) -> None:
    deep = b"<div>" * 200_000 + "年假五天。".encode()

    report = await strict.add_upload("深.html", deep, base="default")

    assert {code for _, code in codes(report)} <= {"knowledge.reader_crashed", "knowledge.document_too_costly"}
    assert (await strict.add_upload("好.csv", GOOD.encode(), base="default")).documents == 1
