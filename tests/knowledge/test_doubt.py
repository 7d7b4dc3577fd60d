"""In a small knowledge base, what comes near an entry and is not in it is asked back, never answered."""

import pytest

from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT, TIED
from ai_worker.knowledge.library import Library

LIBRARY = (
    ("borrow", "怎么借书", ("如何办理借书", "想借本书"), "在自助机上扫读者证和书后的条码即可。"),
    ("return", "怎么还书", ("还书流程是什么", "书看完了还到哪里"), "放进一楼还书箱，当天入账，请带读者证。"),
    ("renew", "怎么续借", ("借的书可以延期吗", "如何申请续借"), "到期前在小程序点「续借」，可续一次，30 天。"),
    ("card", "读者证怎么办", ("如何申请读者证", "办证流程"), "带身份证到服务台，押金 100 元。"),
    ("hours", "几点开门", ("开放时间", "周末开不开"), "9:00 到 21:00，周一闭馆。"),
)


@pytest.fixture
async def reading_room(library: Library) -> Library:
    rows = [
        {"id": name, "question": first, "aliases": others, "answer": answer} for name, first, others, answer in LIBRARY
    ]
    await library.put_entries(rows, base="default")
    return library


def best(library: Library, question: str) -> tuple[str, float]:
    found = library.search(question, limit=3)
    return (found[0].passage.id, found[0].score) if found else ("", 0.0)


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        pytest.param("还书地址", "return", id="address"),
        pytest.param("读者证的费用", "card", id="written-in-no-such-word"),
        pytest.param("续借的电话", "renew", id="phone"),
        pytest.param("怎么借雨伞", "borrow", id="another-thing"),
        pytest.param("怎么还充电宝", "return", id="another-thing-to-return"),
    ],
)
async def test_what_the_nearest_entry_does_not_say_is_asked_back(
    reading_room: Library, question: str, entry: str
) -> None:
    found, sure = best(reading_room, question)

    assert sure < ANSWER_AT
    assert (found, sure >= CLARIFY_AT) in {(entry, True), (found, False)}


@pytest.mark.parametrize("question", ["怎么申请", "如何办理", "怎么弄", "几点"])
async def test_a_question_that_names_no_thing_is_never_answered(reading_room: Library, question: str) -> None:
    assert best(reading_room, question)[1] <= TIED


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        pytest.param("还书流程", "return", id="another-word-for-how"),
        pytest.param("开门时间", "hours", id="a-time-where-an-hour-is-told"),
        pytest.param("借书怎么办理", "borrow", id="an-act-that-says-nothing-more"),
        pytest.param("请问一下，今天几点开门", "hours", id="words-aside"),
        pytest.param("办读者证要带身份证吗", "card", id="what-the-answer-says"),
    ],
)
async def test_what_the_entry_says_in_other_words_is_answered(reading_room: Library, question: str, entry: str) -> None:
    found, sure = best(reading_room, question)

    assert found == entry
    assert sure >= ANSWER_AT


OFFICE = (
    ("sick", "病假怎么请", ("请病假的流程", "病假要谁批"), "提交诊断证明，由部门负责人批准。"),
    ("visa", "商务签证怎么办", ("办理商务签证", "商务签证要什么材料"), "备齐邀请函，交行政部统一办理。"),
    ("desk", "工位怎么调", ("想换工位", "调工位找谁"), "在行政系统里提交调整申请。"),
)


async def test_another_of_the_same_kind_is_asked_back(library: Library) -> None:
    rows = [{"id": name, "question": first, "aliases": more, "answer": answer} for name, first, more, answer in OFFICE]
    await library.put_entries(rows, base="default")

    for question in ("婚假怎么请", "产假要谁批", "请事假的流程"):
        found, sure = best(library, question)
        assert (found, CLARIFY_AT <= sure <= TIED) == ("sick", True)
    assert best(library, "病假怎么请呢")[1] >= ANSWER_AT
