"""Whole talks with a worker that has no model: what each message means after what was said before it.

Every line is a message and what its reply must have: words of it, or a decision. Knowledge, index,
search and turn are the real ones.
"""

import asyncio
from typing import Any

import pytest

from ai_worker.conversation.engine import TurnEngine
from tests.conversation.shop import Caller, open_shop

RETURN, EXCHANGE = "7 天内，在「我的订单」", "15 天内出现质量问题"
RETURN_FREIGHT, EXCHANGE_FREIGHT = "质量问题由我们承担", "来回的运费都由我们承担"

DIALOGUES: dict[str, list[tuple[str, str]]] = {
    "leaning on the question before": [
        ("怎么退货", RETURN),
        ("那运费谁出", RETURN_FREIGHT),
        ("那换货呢", EXCHANGE),
        ("换货的运费呢", EXCHANGE_FREIGHT),
    ],
    "another topic, and back": [
        ("怎么退货", RETURN),
        ("对了，发票怎么开", "在「我的发票」里申请"),
        ("抬头开错了怎么办", "30 天内可以换开一次"),
        ("好的", "还有问题随时找我"),
        ("退货的运费谁出", RETURN_FREIGHT),
    ],
    "a correction": [
        ("怎么退货", RETURN),
        ("不是退货，是换货", EXCHANGE),
        ("不对，我说的是换货的运费", EXCHANGE_FREIGHT),
        ("我问的是退款多久到账", "最迟 5 天到账"),
    ],
    "wrong, and wrong again": [
        ("积分怎么用", "每 100 积分抵 1 元"),
        ("不是这个", "请换个说法"),
        ("都不是", "请换个说法"),
        ("还是不对", "handoff"),
    ],
    "a choice": [
        ("运费谁出", "clarify"),
        ("谢谢", "不客气"),
        ("退货的那个", RETURN_FREIGHT),
    ],
    "choices that do not help": [
        ("运费谁出", "clarify"),
        ("没帮助", "请换个说法"),
        ("退货的运费谁出", RETURN_FREIGHT),
    ],
    "a choice that is put right": [
        ("运费谁出", "clarify"),
        ("不是退货，是换货的", EXCHANGE_FREIGHT),
    ],
    "an attribute of a product": [
        ("晨风激光打印机 L200 多少钱", "晨风激光打印机 L200 的价格：1299 元"),
        ("有什么颜色", "L200 的颜色：白色"),
        ("那 P80 呢", "P80 的颜色：黑色、白色"),
        ("它们哪个便宜", "其中价格最低的是晨风喷墨打印机 P80"),
        ("松木升降桌保修多久", "松木升降桌的保修期：5 年"),
        ("库存还有吗", "松木升降桌的库存：18 张"),
        ("碎纸机多少钱", "远山碎纸机 S5 的价格：459 元"),
        ("人体工学椅和升降桌哪个贵", "其中价格最高的是松木升降桌"),
    ],
    "which of two products": [
        ("打印机多少钱", "clarify"),
        ("第二个", "晨风喷墨打印机 P80 的价格：599 元"),
        ("保修多久", "晨风喷墨打印机 P80 的保修期：1 年"),
    ],
    "a branch": [
        ("城东旗舰店怎么走", "城东旗舰店的地址：东湖路 18 号"),
        ("电话呢", "城东旗舰店的电话：0551-6200 1818"),
        ("那城西呢", "城西体验店的电话：0551-6200 1203"),
        ("不对，我说的是高铁南站店", "高铁南站店的电话：0551-6200 1207"),
        ("几点关门", "高铁南站店的营业时间：7:00-22:30"),
        ("怎么退货", RETURN),
        ("它的店长是谁", "高铁南站店的店长：孙莉"),
    ],
    "what is asked of the company is not asked of a branch": [
        ("城东旗舰店在哪", "东湖路 18 号"),
        ("你们几点上班", "工作日 9:00 到 18:00"),
    ],
    "what is asked of something else is not asked of the branch": [
        ("城东旗舰店在哪", "东湖路 18 号"),
        ("投诉电话是多少", "handoff"),
        ("退货地址在哪", "clarify"),
        ("你们的打印机怎么保修", "clarify"),
        ("S5 有货吗", "远山碎纸机 S5 的库存：0 台"),
        ("那里的电话呢", "城东旗舰店的电话：0551-6200 1818"),
    ],
    "what a table does not have is not made up": [
        ("给我推荐一款打印机", "handoff"),
        ("城东旗舰店可以停车吗", "资料里与此有关的是这一条"),
        ("真的吗", "handoff"),
    ],
    "several at once": [
        ("怎么退货？积分怎么用？", "关于“怎么退货”"),
        ("1. 怎么开发票 2. 多久发货 3. 城东旗舰店电话多少", "0551-6200 1818"),
        ("请问退款多久到账，还有积分怎么用", "关于“积分怎么用”"),
    ],
    "small talk between": [
        ("您好", "我是小智"),
        ("今天星期几", "星期日"),
        ("哈哈", "随时问我"),
        ("讲个笑话", "闲聊不太在行"),
        ("怎么退货", RETURN),
        ("太棒了", "谢谢您的夸奖"),
        ("那运费谁出", RETURN_FREIGHT),
        ("没有了", "再见"),
    ],
    "English about a Chinese name": [
        ("what is the price of 松木升降桌", "松木升降桌, 价格: 2380 元"),
        ("OK", "Good. Ask me any time"),
        ("保修多久", "松木升降桌的保修期：5 年"),
        ("OK", "好的。还有问题随时找我"),
    ],
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> TurnEngine:
    return asyncio.run(open_shop(tmp_path_factory.mktemp("shop")))


@pytest.mark.parametrize("name", DIALOGUES)
async def test_a_dialogue(shop: TurnEngine, name: str) -> None:
    caller = Caller(shop)
    for text, wanted in DIALOGUES[name]:
        result = await caller.say(text)
        said = result.reply.text if result.reply else ""
        assert wanted in (said, result.decision) or wanted in said, f"{text} → {result.decision}: {said}"


async def test_what_is_unsure_is_asked_back_after_what_is_sure(shop: TurnEngine) -> None:
    caller = Caller(shop)
    result = await caller.say("积分怎么用？运费谁出？")

    assert result.decision == "clarify"
    assert result.reply is not None
    assert result.reply.text.index("每 100 积分") < result.reply.text.index("您想问的是哪一个")
    assert len(result.reply.choices) == 2
    assert EXCHANGE_FREIGHT in reply_of(await caller.say("换货的"))


async def test_what_is_unknown_goes_to_a_person_and_the_rest_is_answered(shop: TurnEngine) -> None:
    result = await Caller(shop).say("怎么退货？火星上的氧气浓度是多少？")

    assert (result.decision, result.reason) == ("handoff", "unknown")
    assert RETURN in reply_of(result)
    assert "关于“火星上的氧气浓度是多少”：\n这个问题在我的资料里没有可靠的答案" in reply_of(result)


async def test_of_fifty_questions_at_once_five_are_answered_and_the_others_named(shop: TurnEngine) -> None:
    known = ("怎么退货", "怎么换货", "怎么开发票", "积分怎么用", "多久发货")
    asked = "\n".join(f"{number}. {question}" for number, question in enumerate(known * 10, 1))
    result = await Caller(shop).say(asked)

    assert result.decision == "answer"
    assert reply_of(result).count("关于“") == 5
    assert "还有 45 个没有回答，请分开问我" in reply_of(result)
    assert len(reply_of(result)) < 1_500


async def test_one_question_in_two_sentences_stays_one(shop: TurnEngine) -> None:
    result = await Caller(shop).say("我上周买了一把椅子。想退货，怎么退？麻烦告诉我一下好吗？")

    assert result.answer_id == "return"
    assert "关于“" not in reply_of(result)


async def test_in_a_group_nobody_leans_on_what_another_member_asked(shop: TurnEngine) -> None:
    caller = Caller(shop)
    await caller.say("城东旗舰店在哪", group=True, who="lin")
    other = await caller.say("电话多少", group=True, who="wang")
    assert "0551-6200 1818" not in reply_of(other)

    own = await caller.say("电话多少", group=True, who="lin")
    assert "城东旗舰店的电话：0551-6200 1818" in reply_of(own)


async def test_a_number_without_a_question_before_it_chooses_nothing(shop: TurnEngine) -> None:
    caller = Caller(shop)
    await caller.say("怎么退货")
    result = await caller.say("2")

    assert result.decision == "clarify"
    assert result.answer_id is None


def reply_of(result: Any) -> str:
    return str(result.reply.text) if result.reply else ""


async def test_what_has_no_answer_says_in_full_what_was_asked(shop: TurnEngine) -> None:
    caller = Caller(shop)
    await caller.say("P80 能以旧换新吗")

    assert (await caller.say("那 L200 呢")).question == "l200 能以旧换新吗"
    assert (await caller.say("怎么退货？火星上的氧气浓度是多少？")).question == "火星上的氧气浓度是多少？"
    assert (await caller.say("火星上的氧气浓度是多少")).question == ""
