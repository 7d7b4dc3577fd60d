"""Every kind of document is read from a real file of its kind."""

import io
from pathlib import Path

import docx
import openpyxl
import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import Passage

FAQ = """id,question,aliases,answer
f1,怎么申请退货,如何退货|我要退货,七天内在订单页申请退货。
f2,发票怎么开,,在订单详情里点开具发票。
"""
RETURNS = "收到商品之日起七天内，商品完好的，可以申请无理由退货。"
FREIGHT = "退货的运费由买家承担，质量问题由商家承担。"


def found(library: Library, question: str) -> Passage:
    return library.search(question)[0].passage


async def test_a_faq_table_keeps_ids_questions_aliases_and_answers(library: Library, folder: Path) -> None:
    (folder / "faq.csv").write_text(FAQ, "utf-8")

    report = await library.add([folder / "faq.csv"])

    assert (report.documents, report.passages, report.failed) == (1, 2, ())
    assert found(library, "我要退货") == Passage(
        "f1", "default", "faq.csv", "entry", "怎么申请退货", "七天内在订单页申请退货。", ("如何退货", "我要退货")
    )
    assert found(library, "我要退货").answer_id == "f1"


async def test_a_faq_table_may_have_chinese_headings_and_no_ids(library: Library, folder: Path) -> None:
    rows = [
        "2,发票怎么开,,在订单详情里点开具发票。",
        '1,怎么申请退货,"如何退货\n我要退货",七天内在订单页申请退货。',
        "3,,,没有问题的一行",
    ]
    (folder / "faq.csv").write_text("\n".join(["序号,标准问题,相似问法,答案", *rows]), "utf-8")

    report = await library.add([folder / "faq.csv"])
    (folder / "faq.csv").write_text("\n".join(["序号,标准问题,相似问法,答案", *reversed(rows)]), "utf-8")
    await library.add([folder / "faq.csv"])

    assert [(one.code, one.place) for one in report.failed] == [("knowledge.row_bad", "第 4 行")]
    passage = found(library, "我要退货")
    assert (passage.id, passage.kind, passage.title) == ("faq.csv:怎么申请退货", "entry", "怎么申请退货")
    assert passage.aliases == ("如何退货", "我要退货")
    assert passage.text == "七天内在订单页申请退货。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
async def test_a_table_is_read_whatever_excel_saved_it_as(library: Library, folder: Path, encoding: str) -> None:
    (folder / "faq.csv").write_bytes(FAQ.replace("\n", "\r\n").encode(encoding))

    report = await library.add([folder])

    assert report.failed == ()
    assert found(library, "发票怎么开").text == "在订单详情里点开具发票。"


@pytest.mark.parametrize("encoding", ["big5", "latin-1"])
async def test_an_encoding_that_cannot_be_told_is_refused_in_words(
    library: Library, folder: Path, encoding: str
) -> None:
    text = (
        "退貨須知：收到商品七日內可以申請退貨，運費由買家負擔。"
        if encoding == "big5"
        else "Où est ma commande passée à l'été ?"
    )
    (folder / "faq.txt").write_bytes(text.encode(encoding))

    report = await library.add([folder])

    assert [(failure.document, failure.code) for failure in report.failed] == [
        ("faq.txt", "knowledge.encoding_unknown")
    ]


async def test_tab_separated_text_from_excel_is_a_table_too(library: Library, folder: Path) -> None:
    (folder / "faq.csv").write_bytes(FAQ.replace(",", "\t").encode("utf-16"))

    assert (await library.add([folder])).passages == 2


async def test_a_formula_in_a_table_stays_text(library: Library, folder: Path) -> None:
    text = 'id,question,answer\nf1,怎么打开链接,"=HYPERLINK(""http://example.com"",""点这里"")"\n'
    (folder / "faq.csv").write_text(text, "utf-8")

    await library.add([folder])

    assert found(library, "怎么打开链接").text == '=HYPERLINK("http://example.com","点这里")'


async def test_rows_of_jsonl_are_entries_or_texts(library: Library, folder: Path) -> None:
    (folder / "rows.jsonl").write_text(
        '{"id": 7, "question": "怎么申请退货", "aliases": ["我要退货"], "answer": "在订单页申请。"}\n'
        '{"id": "t1", "title": "运费", "text": "退货的运费由买家承担。"}\n'
        '{"id": "t2", "question": "", "aliases": "", "answer": "营业时间是每天九点到十八点。"}\n',
        "utf-8",
    )

    report = await library.add([folder])

    assert report.failed == ()
    assert found(library, "我要退货").id == "7"
    freight, hours = found(library, "退货的运费谁承担"), found(library, "营业时间")
    assert (freight.kind, freight.title, freight.answer_id) == ("passage", "运费", "t1")
    assert (hours.kind, hours.title, hours.answer_id, hours.document_id) == ("passage", "", "t2", "rows.jsonl")


async def test_markdown_is_cut_at_headings_and_keeps_their_path(library: Library, folder: Path) -> None:
    (folder / "policy.md").write_text(
        f"---\nowner: 客服部\n---\n# 售后政策\n\n## 退货\n\n{RETURNS}\n\n### 3.2 运费\n\n{FREIGHT}\n"
        "\n```sh\n# 这不是标题\n```\n<!-- 内部备注 -->\n",
        "utf-8",
    )

    await library.add([folder])

    returns, freight = found(library, "七天内可以无理由退货吗"), found(library, "退货运费谁承担")
    assert (returns.id, returns.title, returns.locator, returns.text) == (
        "policy.md#1",
        "售后政策 › 退货",
        "§1",
        RETURNS,
    )
    assert (freight.title, freight.locator) == ("售后政策 › 退货 › 运费", "§3.2")
    assert "# 这不是标题" in freight.text
    assert "备注" not in freight.text
    assert freight.answer_id == "policy.md"


async def test_long_text_is_cut_between_sentences(library: Library, folder: Path, store: object) -> None:
    sentences = [f"第{number}条规定说明了第{number}种情形下的处理办法以及需要提交的材料。" for number in range(60)]
    (folder / "long.txt").write_text("".join(sentences), "utf-8")

    report = await library.add([folder])

    assert report.passages > 3
    texts = [scored.passage.text for scored in library.search("第30条规定", limit=50)]
    assert all(len(text) <= 500 and text.endswith("。") for text in texts)


async def test_a_word_document_is_read_by_its_styles(library: Library, folder: Path) -> None:
    document = docx.Document()
    document.add_heading("售后政策", 1)
    document.add_heading("运费", 2)
    document.add_paragraph(FREIGHT)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "上门取件费", "十二元"
    document.save(str(folder / "policy.docx"))

    report = await library.add([folder])

    assert report.failed == ()
    assert found(library, "退货运费谁承担").title == "售后政策 › 运费"
    assert "上门取件费 | 十二元" in found(library, "上门取件费多少").text


async def test_a_pdf_is_read_page_by_page(library: Library, folder: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = canvas.Canvas(str(folder / "policy.pdf"))
    for text in (RETURNS, FREIGHT):
        page.setFont("STSong-Light", 14)
        page.drawString(72, 720, text[:12])
        page.drawString(72, 700, text[12:])
        page.showPage()
    page.save()

    report = await library.add([folder])

    assert report.failed == ()
    freight = found(library, "退货运费谁承担")
    assert (freight.text, freight.locator, freight.document_id) == (FREIGHT, "第 2 页", "policy.pdf")


async def test_a_workbook_holds_entries_and_tables(library: Library, folder: Path) -> None:
    book = openpyxl.Workbook()
    faq = book.active
    assert faq is not None
    faq.title = "问答"
    for row in (("id", "question", "aliases", "answer"), (12, "怎么申请退货", "我要退货", "在订单页申请。")):
        faq.append(row)
    prices = book.create_sheet("价格")
    for price_row in (("型号", "单价"), ("打印机 A1", 1299), ("打印机 B2", 899.5)):
        prices.append(price_row)
    secret = book.create_sheet("内部")
    secret.append(("成本", 3))
    secret.sheet_state = "hidden"
    book.save(folder / "book.xlsx")

    report = await library.add([folder])

    assert (report.passages, report.failed) == (3, ())
    assert found(library, "我要退货").id == "12"
    price = found(library, "打印机 B2 单价是多少")
    assert (price.text, price.locator) == ("型号：打印机 B2\n单价：899.5", "表 价格!A3")


async def test_an_html_page_is_read_without_its_scripts_and_menus(library: Library, folder: Path) -> None:
    (folder / "page.html").write_bytes(
        f"""<html><head><meta charset="gbk"><title>售后政策</title><script>var 秘密 = 1</script></head>
        <body><nav>首页 产品</nav><div><h2>退货</h2><p>{RETURNS[:9]}<b>{RETURNS[9:]}</b></p>
        <ul><li>{FREIGHT}</li></ul></div></body></html>""".encode("gbk")
    )

    report = await library.add([folder])

    assert (report.passages, report.failed) == (1, ())
    passage = found(library, "退货运费谁承担")
    assert (passage.title, passage.text) == ("售后政策 › 退货", f"{RETURNS}\n{FREIGHT}")


async def test_an_upload_is_read_like_a_file(library: Library) -> None:
    book = io.BytesIO()
    docx.Document().save(book)

    report = await library.add_upload("..\\..\\C:/faq.csv", FAQ.encode(), base="default")
    empty = await library.add_upload("empty.docx", book.getvalue(), base="default")

    assert found(library, "发票怎么开").document_id == "faq.csv"
    assert (report.documents, report.passages) == (1, 2)
    assert [failure.code for failure in empty.failed] == ["knowledge.document_empty"]
