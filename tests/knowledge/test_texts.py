"""Which of the texts that share something with a question has what it seeks."""

import pytest

from ai_worker.knowledge import terms
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.text_fit import Sought, Text, text_fits

HANDBOOK: list[dict[str, object]] = [
    {"id": "搬迁", "title": "公司大事记", "text": "2012 年公司迁入滨江园区。园区的食堂在二楼，车位由行政部分配。"},
    {"id": "成立", "title": "公司大事记", "text": "公司由三位工程师于 2004 年在苏州创办，最初只做称重仪表。"},
    {
        "id": "仪表",
        "title": "产品手册",
        "text": "称重仪表通电后自检三秒。校准时先放标准砝码，再按校准键，屏幕显示 CAL 后松手。",
    },
    {
        "id": "接口",
        "title": "产品手册",
        "text": "仪表的 RS485 接口默认波特率为 9600，数据格式 8N1，可在参数 P07 中修改。",
    },
    {"id": "保养", "title": "产品手册", "text": "秤台每季度清洁一次，传感器的接线盒要防水。砝码存放在干燥处。"},
    {"id": "值班", "title": "行政制度", "text": "节假日由各部门轮流值班，值班表在每月二十五日前公布。"},
]


@pytest.fixture
async def handbook(library: Library) -> Library:
    await library.put_entries(HANDBOOK, base="default")
    return library


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("公司是哪一年由谁创办的？", "成立"),
        ("校准称重仪表要按哪个键", "仪表"),
        ("RS485 的波特率是多少", "接口"),
        ("P07参数改什么", "接口"),
        ("接線盒要不要防水", "保养"),
        ("值班表什么时候公布", "值班"),
    ],
)
async def test_the_text_that_has_what_is_sought_comes_first(handbook: Library, question: str, expected: str) -> None:
    assert handbook.search(question)[0].passage.id == expected


async def test_a_question_that_no_text_speaks_of_is_not_answered(handbook: Library) -> None:
    found = handbook.search("公积金怎么提取到银行卡")

    assert not found or found[0].score < ANSWER_AT


def closeness(question: str, *texts: str) -> list[float]:
    sought = Sought.of(terms.plain(question), One())
    return [fit.phrase + fit.sentence for fit in text_fits(sought, [Text("", text) for text in texts])]


class One(dict[str, float]):
    """Weighs all terms the same."""

    def __missing__(self, term: str) -> float:
        return 1.0


def test_what_stands_together_suits_better_than_what_is_scattered() -> None:
    together, scattered = closeness(
        "退款到账时限",
        "退款一般三天内完成，到账时限以银行为准。" + "其余条款见附件。" * 10,
        "退款由财务负责。" + "其余条款见附件。" * 10 + "工资到账当天有短信。" + "其余条款见附件。" * 10 + "时限另定。",
    )

    assert together > scattered


def test_question_words_are_not_sought() -> None:
    sought = Sought.of("发票为什么开错了怎么办", One())

    assert "为什么" not in sought.words
    assert "怎么办" not in sought.words
    assert "发票" in sought.words


def test_a_question_of_question_words_alone_still_seeks_something() -> None:
    assert Sought.of("为什么", One()).terms


def test_nothing_in_common_is_no_error() -> None:
    assert text_fits(Sought.of("退款", One()), [Text("", ""), Text("标题", "毫不相干")])[1].words == 0
    assert text_fits(Sought.of("退款", One()), []) == []


LETTER = """
My name is Ana and I moved to the coast last spring with two dogs, a piano and far too many boxes. Since the move my
parcel locker opens only at night. The landlord says the locker belongs to you, the courier says the landlord must
repair it, and the neighbour thinks mice chewed the cable. Last Tuesday the courier left a guitar in the rain because
the locker stayed shut; the guitar is ruined. I photographed the locker, the display and the wet guitar, wrote down the
serial number and waited three weeks. Please explain who repairs the locker, whether the insurance covers instruments,
how compensation works when a delivery was left outdoors, and how long a repair of the locker usually takes. My sister
had similar trouble abroad and received a voucher, though I would prefer money. I travel frequently, therefore evening
appointments suit me best, and my phone often has poor reception near the cliffs.
"""


async def test_a_letter_finds_what_it_comes_back_to_and_is_never_answered_outright(library: Library) -> None:
    rows = [
        {"id": "locker", "title": "Parcel locker repair", "text": "A broken locker is repaired by our technicians."},
        {"id": "claims", "title": "Compensation claims", "text": "Deliveries left outdoors are compensated in money."},
        {"id": "dogs", "title": "Pets in the office", "text": "Two dogs may come along on Tuesday."},
        {"id": "piano", "title": "Club room", "text": "The piano was moved in spring with its boxes."},
    ]
    await library.put_entries(rows, base="default")

    found = library.search(LETTER)

    assert {scored.passage.id for scored in found[:2]} == {"locker", "claims"}
    assert all(scored.score < ANSWER_AT for scored in found)


async def test_a_letter_searches_in_its_bases_only(library: Library) -> None:
    await library.put_entries([{"id": "a", "title": "Locker", "text": "The locker is repaired."}], base="one")
    await library.put_entries([{"id": "b", "title": "Locker", "text": "The locker is replaced."}], base="two")

    assert [scored.passage.id for scored in library.search(LETTER, bases=("two",))] == ["b"]


async def test_a_heading_that_is_but_a_word_of_the_question_stands_behind_the_texts(library: Library) -> None:
    handbook = [
        {"id": "门禁", "title": "门禁", "text": "门禁系统由物业维护，读卡器每季度检查一次。"},
        {"id": "夜班", "title": "夜间值守", "text": "夜里十点以后大楼侧门关闭，值夜班的同事凭工卡从地下一层进出。"},
    ]
    await library.put_entries(handbook, base="default")

    assert library.search("值夜班的人十点以后门禁关了，侧门进不去，从哪一层进出")[0].passage.id == "夜班"


async def test_a_text_goes_before_a_heading_too_unsure_to_be_asked_back_and_both_are_read(library: Library) -> None:
    handbook = [
        {"id": "报错", "title": "称重系统手册 › 启动报错", "text": "照屏幕上的代码查附录。"},
        {"id": "编号", "title": "", "text": "换过机器以后会沿用旧的编号，删掉旧编号即可。"},
        {"id": "考勤", "title": "员工手册 › 考勤", "text": "每天两次打卡，漏打卡的在当月内补。"},
        {"id": "年假", "title": "员工手册 › 年假", "text": "满一年的员工有五天年假，可以分两次休。"},
        {"id": "清洁", "title": "设备手册 › 秤台清洁", "text": "秤台每季度清洁一次，接线盒要防水。"},
        {"id": "值班", "title": "行政制度 › 值班", "text": "节假日由各部门轮流值班。"},
    ]
    await library.put_entries(handbook, base="default")

    found = library.search("换了新机器，称重程序一启动就报错，说设备编号重复，是什么原因")

    assert [scored.passage.id for scored in found[:2]] == ["编号", "报错"]
    assert all(CLARIFY_AT / 2 < scored.score < CLARIFY_AT for scored in found[:2])
