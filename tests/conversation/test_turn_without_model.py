"""A turn without a model: approved answers, questions back, hand-offs."""

from dataclasses import replace

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Part, Utterance
from ai_worker.conversation.persona import NoSuchWorker
from ai_worker.knowledge.passage import Passage
from ai_worker.learning.feedback import Rating
from tests.conversation.conftest import EXCHANGE, FREIGHT, REFUND, RETURNS, Office, Shelf, words


async def test_an_approved_answer_is_given_word_for_word_with_its_source(office: Office) -> None:
    result = await office.say("怎么退货")

    assert result.decision == "answer"
    assert words(result) == f"{RETURNS.text}\n\n依据：《常见问题》"
    assert (result.answer_id, result.confidence) == ("return-howto", 0.99)
    assert result.citations[0].document == "常见问题.csv"


async def test_a_passage_is_cited_with_its_place(office: Office) -> None:
    result = await office.say("退款多久到账？")

    assert words(result).endswith("依据：《售后政策 › 退款到账时限》§3.2")
    assert result.answer_id == "售后政策.md"
    assert result.citations[0].id == "售后政策.md#7"


async def test_of_a_long_passage_the_sentences_that_fit_are_shown() -> None:
    long = replace(REFUND, text="本政策自七月起执行。" * 40 + "退款五天内到账。逾期请联系客服。")
    office = Office(Shelf({"退款多久到账？": [(long, 0.9)]}))

    assert words(await office.say("退款多久到账？")).startswith("退款五天内到账。逾期请联系客服。")


async def test_a_close_call_is_asked_back_with_numbered_choices(office: Office) -> None:
    result = await office.say("怎么申请？")

    assert result.decision == "clarify"
    assert result.reply is not None
    assert [choice.id for choice in result.reply.choices] == ["return-howto", "exchange-howto", "return-freight"]
    assert "1. 怎么退货\n2. 怎么换货\n3. 退货运费谁出" in words(result)


async def test_two_answers_that_are_equally_good_are_asked_back() -> None:
    office = Office(Shelf({"打印机坏了": [(RETURNS, 0.9), (EXCHANGE, 0.89)]}))

    assert (await office.say("打印机坏了")).decision == "clarify"


async def test_the_same_answer_twice_is_no_close_call() -> None:
    twin = replace(RETURNS, id="return-again")
    office = Office(Shelf({"想退": [(RETURNS, 0.9), (twin, 0.9)]}))

    assert (await office.say("想退")).answer_id == "return-howto"


@pytest.mark.parametrize(
    "choice",
    [
        "2",
        "2、",
        "２",
        "第二个",
        "选第二个吧",
        "我要第2个",
        "怎么换货？",
        "2. 怎么换货",
        "exchange-howto",
        "the second one",
    ],
)
async def test_the_answer_to_a_question_back_is_understood(office: Office, choice: str) -> None:
    await office.say("怎么申请？")
    result = await office.say(choice)

    assert result.decision == "answer"
    assert result.answer_id == EXCHANGE.id
    assert EXCHANGE.text in words(result)


async def test_the_last_of_the_choices_can_be_named(office: Office) -> None:
    await office.say("怎么申请？")

    assert (await office.say("最后一个")).answer_id == FREIGHT.id


async def test_a_single_choice_is_taken_with_yes() -> None:
    office = Office(Shelf({"退东西": [(RETURNS, 0.6)], "怎么退货": [(RETURNS, 0.99)]}))
    await office.say("退东西")

    assert (await office.say("是的")).answer_id == "return-howto"


async def test_a_new_question_drops_the_pending_one(office: Office) -> None:
    await office.say("怎么申请？")
    result = await office.say("退款多久到账？")

    assert result.answer_id == "售后政策.md"
    assert result.pending is None


async def test_a_number_that_was_not_offered_is_asked_again(office: Office) -> None:
    await office.say("怎么申请？")
    again = await office.say("7")

    assert again.decision == "clarify"
    assert "1. 怎么退货" in words(again)
    assert (await office.say("2")).answer_id == "exchange-howto"


async def test_none_of_the_choices_asks_for_other_words(office: Office) -> None:
    await office.say("怎么申请？")
    result = await office.say("都不是")

    assert result.decision == "clarify"
    assert "换个说法" in words(result)


async def test_after_asking_back_twice_a_person_takes_it(office: Office) -> None:
    decisions = [(await office.say("怎么申请？")) for _ in range(3)]

    assert [result.decision for result in decisions] == ["clarify", "clarify", "handoff"]
    assert decisions[-1].reason is Reason.UNCLEAR


@pytest.mark.parametrize(
    "said",
    [
        ["怎么申请？", "都不是", "怎么申请？"],
        ["怎么申请？", "谢谢", "7", "都不是"],
        ["怎么申请？", "🙏", "怎么申请？", "还是不对"],
        ["不是这个", "你理解错了", "还是不对"],
        ["怎么申请？", "不对", "2"],
    ],
)
async def test_whatever_was_unclear_a_person_takes_it_after_two_questions_back(office: Office, said: list[str]) -> None:
    office.history = [Utterance("user", "怎么换货"), Utterance("assistant", EXCHANGE.text)]
    results = [await office.say(text) for text in said]

    assert (results[-1].decision, results[-1].reason) == ("handoff", Reason.UNCLEAR)
    assert all(result.decision != "handoff" for result in results[:-1])


async def test_a_choice_that_was_removed_meanwhile_is_searched_for_like_a_question() -> None:
    shelf = Shelf({"怎么申请？": [(RETURNS, 0.6), (EXCHANGE, 0.6)], "怎么换货": [(RETURNS, 0.1)]})
    office = Office(shelf)
    await office.say("怎么申请？")

    assert (await office.say("2")).decision == "handoff"


async def test_what_nothing_answers_is_handed_over_and_says_what_happens_next(office: Office) -> None:
    result = await office.say("火星上的氧气浓度是多少？")

    assert (result.decision, result.reason) == ("handoff", Reason.UNKNOWN)
    assert "同事会在这里回复您" in words(result)


async def test_a_follow_up_is_understood_with_the_question_before(office: Office) -> None:
    await office.say("怎么退货")
    result = await office.say("那运费谁出")

    assert result.answer_id == FREIGHT.id, "what was answered just now is not answered again"


async def test_a_follow_up_leans_on_the_question_and_not_on_the_thanks_between() -> None:
    office = Office(Shelf({"怎么退货": [(RETURNS, 0.95)], "怎么退货 那运费谁出": [(FREIGHT, 0.85)]}))
    for text in ("怎么退货", "好的，谢谢"):
        await office.say(text)

    assert (await office.say("那运费谁出")).answer_id == FREIGHT.id


async def test_a_whole_question_does_not_lean_on_the_one_before(office: Office) -> None:
    await office.say("怎么退货")
    await office.say("火星上的氧气浓度是多少？")

    assert office.shelf.searched[-1] == "火星上的氧气浓度是多少？"


@pytest.mark.parametrize("text", ["", "   ", "🙏🙏", "？？？", "\u200b", "……"])
async def test_a_message_without_words_is_asked_for_some(office: Office, text: str) -> None:
    result = await office.say(text)

    assert result.decision == "clarify"
    assert "文字" in words(result)
    assert office.shelf.searched == []


async def test_a_picture_alone_is_asked_for_words_and_keeps_the_pending_question(office: Office) -> None:
    await office.say("怎么申请？")
    result = await office.say("", parts=(Part("image", media_id="m"),))

    assert "图片" in words(result)
    assert (await office.say("2")).answer_id == "exchange-howto"


async def test_a_voice_message_is_read_by_its_transcript(office: Office) -> None:
    assert (await office.say("", parts=(Part("voice", text="怎么退货"),))).answer_id == "return-howto"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("你好", "小智"),
        ("您好，在吗？", "小智"),
        ("谢谢啦🙏", "不客气"),
        ("好的，谢谢", "不客气"),
        ("嗯嗯", "好的"),
        ("再见", "再见"),
        ("我下班了，再见", "再见"),
        ("好的我先去忙了，拜拜", "再见"),
        ("我知道了，谢谢，下次再聊", "再见"),
        ("I'm off now, bye", "Goodbye"),
        ("对", "好的"),
        ("不用了，谢谢", "不客气"),
        ("你是机器人吗", "数字员工"),
        ("Hello!", "小智"),
        ("thank you", "welcome"),
    ],
)
async def test_small_talk_is_answered_without_a_search(office: Office, text: str, part: str) -> None:
    result = await office.say(text)

    assert (result.decision, result.confidence) == ("answer", 1.0)
    assert part in words(result)
    assert office.shelf.searched == []


async def test_a_greeting_before_a_question_is_no_small_talk(office: Office) -> None:
    await office.say("你好，火星上的氧气浓度是多少？")

    assert office.shelf.searched


@pytest.mark.parametrize(
    "text",
    [
        "转人工",
        "人工客服",
        "我要找人工",
        "能和真人说话吗",
        "你听不懂，帮我转人工吧",
        "客服",
        "I want to talk to a human",
        "real person please",
    ],
)
async def test_who_asks_for_a_person_gets_one(office: Office, text: str) -> None:
    result = await office.say(text)

    assert (result.decision, result.reason) == ("handoff", Reason.ASKED)


@pytest.mark.parametrize("text", ["人工客服时间", "人工智能是什么", "怎么联系人工客服", "客服几点上班", "手工费怎么算"])
async def test_a_question_about_persons_is_a_question(office: Office, text: str) -> None:
    assert (await office.say(text)).reason is not Reason.ASKED


@pytest.mark.parametrize(
    "text",
    [
        "我要投诉",
        "投诉",
        "你们就是骗子",
        "客服态度太差了",
        "服务太差了，我要投诉你们",
        "再不处理我就打12315",
    ],
)
async def test_a_complaint_goes_to_a_person(office: Office, text: str) -> None:
    result = await office.say(text)

    assert (result.decision, result.reason) == ("handoff", Reason.COMPLAINT)


@pytest.mark.parametrize(
    "text",
    [
        "投诉电话是多少",
        "怎么投诉快递",
        "投诉渠道",
        "收到骗子短信",
        "怎么取消协议",
        "取消协商",
        "我要报告你们一个故障",
        "无线信号太差了",
        "相机的曝光时间",
        "where can I file a complaint",
    ],
)
async def test_what_only_sounds_like_a_complaint_is_a_question(office: Office, text: str) -> None:
    assert (await office.say(text)).reason is not Reason.COMPLAINT


async def test_while_a_person_answers_the_worker_is_silent(office: Office) -> None:
    result = await office.say("怎么退货", human=True)

    assert (result.decision, result.reply) == ("silent", None)


async def test_while_a_person_was_asked_for_nothing_is_answered_automatically(office: Office) -> None:
    result = await office.say("怎么退货", blocked=True)

    assert result.decision == "handoff"
    assert "同事" in words(result)
    assert RETURNS.text not in words(result)
    assert office.shelf.searched == []


async def test_english_is_answered_in_english(office: Office) -> None:
    assert "colleague" in words(await office.say("How much oxygen is there on Mars?"))


async def test_a_bare_number_is_answered_in_the_language_of_the_conversation() -> None:
    office = Office(history=[Utterance("user", "How do I return it?")])

    assert "colleague" in words(await office.say("12345"))


async def test_each_step_is_recorded_with_its_time_and_no_words(office: Office) -> None:
    result = await office.say("怎么退货")

    assert [step.name for step in result.steps] == ["understand", "retrieve", "decide", "compose"]
    assert result.steps[1].detail == "1 passages, best 0.99"
    assert all("退货" not in step.detail for step in result.steps)


async def test_the_candidates_are_told_whatever_is_decided(office: Office) -> None:
    result = await office.say("怎么申请？")

    assert [(candidate.id, candidate.score) for candidate in result.candidates][:2] == [
        ("return-howto", 0.6),
        ("exchange-howto", 0.55),
    ]


async def test_a_huge_message_is_cut_before_it_is_searched(office: Office) -> None:
    await office.say("怎么退货" * 100_000)

    assert len(office.shelf.searched[0]) == 500


async def test_the_holding_words_are_in_the_language_of_the_asker(office: Office) -> None:
    engine = office.engine

    assert "还在处理" in engine.holding(office.given("退款多久到账")).text
    assert "still working" in engine.holding(office.given("How long does it take?")).text


async def test_a_worker_that_is_not_on_the_staff_is_an_error_and_no_other_worker(office: Office) -> None:
    with pytest.raises(NoSuchWorker):
        await office.engine.run(replace(office.given("怎么退货"), worker="gone"))


async def test_a_pressed_choice_is_answered_however_long_ago_it_was_offered(office: Office) -> None:
    given = office.given("怎么换货")
    result = await office.engine.run(replace(given, message=replace(given.message, chosen="exchange-howto")))

    assert result.decision == "answer"
    assert result.answer_id == "exchange-howto"


async def test_what_rests_on_something_may_be_rated_and_small_talk_may_not(office: Office) -> None:
    answered, greeted = await office.say("怎么退货"), await office.say("你好")

    assert answered.reply is not None
    assert greeted.reply is not None
    assert (answered.reply.rateable, greeted.reply.rateable) == (True, False)


class Ratings:
    """Keeps ratings of the one answer that was given."""

    def __init__(self, latest: str | None) -> None:
        self._latest = latest
        self.kept: list[Rating] = []

    async def record(self, rating: Rating) -> bool:
        self.kept.append(rating)
        return True

    async def latest_answer(self, channel: str, conversation_key: str) -> str | None:
        return self._latest

    async def of_turn(self, turn_id: str) -> list[Rating]:
        return self.kept


@pytest.mark.parametrize(
    ("text", "mark"), [("有帮助", "up"), ("没帮助。", "down"), ("没用啊", "down"), ("Not helpful", "down")]
)
async def test_words_that_rate_the_answer_are_kept_and_thanked_for(office: Office, text: str, mark: str) -> None:
    ratings = office.feedback = Ratings("t-0")
    result = await office.say(text)

    assert [(kept.turn_id, kept.mark, kept.channel, kept.contact) for kept in ratings.kept] == [
        ("t-0", mark, "service-desk", "lin")
    ]
    assert ("谢谢" in words(result)) or ("Thank you" in words(result))
    assert result.reply is not None
    assert not result.reply.rateable


async def test_without_an_answer_before_them_such_words_are_a_question(office: Office) -> None:
    ratings = office.feedback = Ratings(None)
    result = await office.say("没用")

    assert ratings.kept == []
    assert result.decision == "handoff"


async def test_a_row_of_a_table_is_offered_by_what_it_is_about() -> None:
    text = "产品名称：晨风碎纸机 S5\n价格：459 元"
    row = Passage("价目表.csv#2", "公司", "价目表.csv", "passage", "价目表", text, locator="第 3 行")
    office = Office(Shelf({"碎纸机能碎光盘吗": [(row, 0.6)]}))

    result = await office.say("碎纸机能碎光盘吗")

    assert result.reply is not None
    assert [choice.label for choice in result.reply.choices] == ["晨风碎纸机 S5"]


@pytest.mark.parametrize("text", ["2", "第二个"])
async def test_who_picks_one_of_no_choices_is_asked_what_they_want(office: Office, text: str) -> None:
    await office.say("怎么退货")

    result = await office.say(text)

    assert (result.decision, words(result)) == ("clarify", "现在没有要选的。您想问什么，请直接告诉我。")


@pytest.mark.parametrize("text", ["确认", "确定", "我确认", "agreed"])
async def test_a_word_given_to_nothing_is_acknowledged_and_asks_nothing(office: Office, text: str) -> None:
    result = await office.say(text)

    assert result.decision == "answer"
    assert "随时" in words(result) or "any time" in words(result)
