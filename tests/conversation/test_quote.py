"""What of a passage is shown as an answer."""

from ai_worker.conversation.steps.quote import LONGEST, excerpt

FILLING = "其他事项请以门店公告为准，节假日安排另行通知。"
PASSAGE = (
    f"本制度适用于全体员工。{FILLING * 8}"
    "员工出差的住宿标准按城市分为三档。一线城市每晚不超过五百元，省会城市四百元，其他城市三百元。"
    f"超出标准的部分由本人承担。{FILLING * 8}"
)


def test_a_short_passage_is_quoted_whole() -> None:
    assert excerpt(" 当天发货。次日送达。\n", "什么时候送达") == "当天发货。次日送达。"


def test_an_excerpt_has_the_sentences_that_were_asked_for_and_no_half_ones() -> None:
    shown = excerpt(PASSAGE, "出差住宿标准一线城市是多少")

    assert shown.startswith("员工出差的住宿标准")
    assert "不超过五百元" in shown
    assert shown.endswith("。")
    assert len(shown) <= LONGEST


def test_an_item_of_a_list_is_shown_with_the_line_that_introduces_it() -> None:
    steps = "办理报销要准备以下材料：\n- 发票原件\n- 审批单编号\n- 银行卡号\n"

    assert excerpt(FILLING * 14 + "\n" + steps, "审批单编号报销时要吗").startswith("办理报销要准备以下材料：")


def test_a_sentence_that_points_back_is_shown_with_the_one_before() -> None:
    text = f"{FILLING * 12}旧版工牌将于六月停用。它不能再打开车库的道闸。{FILLING * 4}"

    assert excerpt(text, "道闸打开不了车库").startswith("旧版工牌将于六月停用。它不能")


def test_traditional_questions_find_their_sentence() -> None:
    assert "五百元" in excerpt(PASSAGE, "出差住宿標準")


def test_a_sentence_longer_than_allowed_is_cut_where_a_clause_ends() -> None:
    shown = excerpt("，".join(["这一句话一直没有结束"] * 60), "没有结束")

    assert shown.endswith("结束…")
    assert len(shown) <= LONGEST


def test_a_question_that_shares_nothing_shows_the_beginning_of_the_passage() -> None:
    assert excerpt(PASSAGE, "weather").startswith("本制度适用于全体员工。")
