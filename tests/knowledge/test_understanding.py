"""One question in many guises: another script, other sounds, slips, filler, other words, English among Chinese."""

import pytest

from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library

LEISURE = {
    "pool": ("游泳馆几点关门", "泳池晚上开到什么时候", "游泳馆营业时间"),
    "card": ("健身卡怎么办理", "我想办一张健身卡", "办健身卡要带什么"),
    "freeze": ("健身卡可以暂停吗", "出差两个月，卡能不能停", "健身卡冻结"),
    "refund": ("健身卡怎么退款", "不想练了能退钱吗", "退卡流程"),
    "coach": ("怎么预约私人教练", "想约教练上课", "私教课预约"),
    "cancel": ("怎么取消预约的课程", "约好的课不去了怎么退", "取消团课"),
    "locker": ("更衣柜打不开怎么办", "柜子锁住了", "储物柜密码忘记了"),
    "parking": ("停车免费吗", "来锻炼停车收费不", "车停哪里"),
    "child": ("小孩可以进游泳馆吗", "儿童游泳有年龄限制吗", "多大的孩子能下水"),
    "invoice": ("可以开发票吗", "办卡的发票在哪里开", "开票"),
}


@pytest.fixture
async def leisure(library: Library) -> Library:
    rows = [
        {"id": entry, "question": first, "aliases": others, "answer": f"答案：{entry}"}
        for entry, (first, *others) in LEISURE.items()
    ]
    await library.put_entries(rows, base="default")
    return library


def best(library: Library, question: str) -> tuple[str, float]:
    found = library.search(question, limit=3)
    return (found[0].passage.id, found[0].score) if found else ("", 0.0)


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        pytest.param("健身卡怎麼退款", "refund", id="traditional"),
        pytest.param("請問游泳館幾點關門", "pool", id="traditional-with-filler"),
        pytest.param("建身卡怎么办里", "card", id="homophones"),
        pytest.param("游永馆几点关门", "pool", id="homophone"),
        pytest.param("fapiao可以开吗", "invoice", id="pinyin"),
        pytest.param("怎么yuyue私人教练", "coach", id="pinyin-in-the-middle"),
        pytest.param("私人练教怎么预约", "coach", id="swapped"),
        pytest.param("更衣打不开怎么办", "locker", id="a-character-lost"),
        pytest.param("你好老师，麻烦问一下哈，停车免费吗亲", "parking", id="filler"),
        pytest.param("预约的课程怎么取消", "cancel", id="word-order"),
        pytest.param("怎么 cancel 约好的课", "cancel", id="english-among-chinese"),
        pytest.param("健身卡 refund 流程", "refund", id="english-noun"),
        pytest.param("如何撤销已经订的课程", "cancel", id="synonyms"),
        pytest.param("停车要钱吗", "parking", id="other-words"),
    ],
)
async def test_a_question_in_another_guise_finds_its_entry(leisure: Library, question: str, entry: str) -> None:
    assert best(leisure, question)[0] == entry


@pytest.mark.parametrize("question", ["健身卡怎麼退款？", "您好，请问健身卡怎么退款呢", "健身卡如何退款"])
async def test_what_differs_in_nothing_that_matters_is_answered(leisure: Library, question: str) -> None:
    entry, sure = best(leisure, question)

    assert entry == "refund"
    assert sure >= ANSWER_AT


@pytest.mark.parametrize("question", ["美团的健身卡怎么退款", "支付宝怎么退款", "12306怎么退款"])
async def test_another_companys_business_is_not_answered(leisure: Library, question: str) -> None:
    assert best(leisure, question)[1] < ANSWER_AT


async def test_a_company_that_the_knowledge_speaks_of_is_no_stranger(library: Library) -> None:
    await library.put_entries(
        [
            {"id": "wallet", "question": "支付宝可以付款吗", "answer": "可以，扫码即可。"},
            {"id": "cash", "question": "现金可以付款吗", "answer": "可以，到前台。"},
            {"id": "towel", "question": "有毛巾吗", "answer": "前台免费借用。"},
        ],
        base="default",
    )

    entry, sure = best(library, "请问支付宝可以付款吗")

    assert entry == "wallet"
    assert sure >= ANSWER_AT


@pytest.mark.parametrize("question", ["今天股市怎么样", "给我讲个故事", "哈哈哈", "月亮为什么会发光"])
async def test_what_the_knowledge_does_not_answer_is_handed_over(leisure: Library, question: str) -> None:
    assert best(leisure, question)[1] < CLARIFY_AT


async def test_a_question_that_means_several_entries_is_asked_back(library: Library) -> None:
    await library.put_entries(
        [
            {"id": "room", "question": "怎么申请宿舍", "answer": "到后勤处。"},
            {"id": "loan", "question": "怎么申请助学贷款", "answer": "到资助中心。"},
            {"id": "leave", "question": "怎么申请休学", "answer": "到教务处。"},
            {"id": "card", "question": "校园卡丢了怎么办", "answer": "到卡务中心。"},
        ],
        base="default",
    )

    found = library.search("怎么申请？", limit=3)

    assert {one.passage.id for one in found} == {"room", "loan", "leave"}
    assert CLARIFY_AT <= found[0].score < ANSWER_AT


async def test_different_answers_to_one_question_are_never_answered(library: Library) -> None:
    await library.put_entries(
        [
            {"id": "north", "question": "食堂几点开门", "answer": "北区六点半。"},
            {"id": "south", "question": "食堂几点开门", "answer": "南区七点。"},
        ],
        base="default",
    )

    found = library.search("食堂几点开门", limit=2)

    assert {one.passage.id for one in found} == {"north", "south"}
    assert CLARIFY_AT <= found[0].score < ANSWER_AT
