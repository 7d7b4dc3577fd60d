"""When a person is asked for, and what the contact is told of it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_rules import Rules
from ai_worker.conversation.message import InboundMessage, Utterance
from ai_worker.conversation.office_hours import OfficeHours, parse_week
from ai_worker.conversation.outlook import Outlook, Wait, expected, foretell
from ai_worker.conversation.phrases import phrases
from ai_worker.learning.feedback import FeedbackStore, Rating
from tests.conversation.conftest import Office, words

SHANGHAI = ZoneInfo("Asia/Shanghai")
ALWAYS = OfficeHours(None, SHANGHAI)
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


async def test_somebody_who_is_angry_is_not_talked_to_by_a_machine_again(office: Office) -> None:
    result = await office.say("气死我了，问了八百遍还没解决")

    assert (result.decision, result.reason) == ("handoff", Reason.ANGER)
    assert result.reason is not None
    assert result.reason.blocks


async def test_a_sensitive_topic_goes_to_a_person_though_the_answer_is_known(office: Office) -> None:
    rules = Rules(sensitive=("退货运费",))
    office.rules = rules

    left = await office.say("退货运费谁出")
    other = await office.say("怎么换货")

    assert (left.decision, left.reason) == ("handoff", Reason.SENSITIVE)
    assert other.decision == "answer"


@pytest.mark.parametrize(
    ("vip", "reason"),
    [({"lin"}, Reason.VIP), ({"service-desk/lin"}, Reason.VIP), ({"other-desk/lin"}, None)],
    ids=["anywhere", "on-the-channel", "on-another-channel"],
)
async def test_a_vip_talks_to_people_and_comes_first(office: Office, vip: set[str], reason: Reason | None) -> None:
    office.rules = Rules(vip=frozenset(vip))

    greeted, asked, wanted = [await office.say(text) for text in ("你好", "怎么退货", "转人工")]

    assert greeted.decision == "answer"
    assert asked.reason == reason
    assert (wanted.reason, wanted.first_in_queue) == (Reason.ASKED, reason is not None)


class Ratings(FeedbackStore):
    """Keeps what it is told, of the one answer that there is."""

    def __init__(self) -> None:
        self.kept: list[Rating] = []

    async def record(self, rating: Rating) -> bool:
        self.kept.append(rating)
        return True

    async def latest_answer(self, channel: str, conversation_key: str) -> str | None:
        return "t-0"

    async def of_turn(self, turn_id: str) -> list[Rating]:
        return self.kept


async def test_two_answers_in_a_row_that_did_not_help_bring_a_person(office: Office) -> None:
    ratings = Ratings()
    office.feedback = ratings

    said = [await office.say(text) for text in ("怎么退货", "没帮助", "怎么换货", "没用")]

    assert [one.decision for one in said] == ["answer", "answer", "answer", "handoff"]
    assert said[-1].reason is Reason.UNHELPFUL
    assert [rating.mark for rating in ratings.kept] == ["down", "down"]


async def test_who_waits_for_a_person_is_told_once_and_then_left_alone(office: Office) -> None:
    told = await office.say("我的单子呢", blocked=True)
    again = await office.say("喂？", blocked=True)

    assert words(told).startswith("您的消息收到了")
    assert (again.decision, again.reply) == ("silent", None)


async def test_a_hand_over_says_what_is_known_of_the_queue_and_an_answer_does_not(office: Office) -> None:
    asked: list[tuple[str, bool]] = []

    async def outlook(message: InboundMessage, first: bool) -> Outlook:
        asked.append((message.text, first))
        return Outlook(ahead=2, minutes=5)

    office.outlook = outlook

    answer, handed = await office.say("怎么退货"), await office.say("转人工")

    assert answer.decision == "answer"
    assert words(handed).endswith("前面还有 2 位，预计 5 分钟左右。")
    assert asked == [("转人工", False)]


def _open(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("outlook", "said"),
    [
        (Outlook(), ""),
        (Outlook(ahead=2), "前面还有 2 位。"),
        (Outlook(minutes=3), "您排在最前面，预计 3 分钟左右。"),
        (Outlook(_open(24, 9)), "现在是下班时间，明天 9:00 上班后，同事会尽快处理。"),
        (Outlook(_open(23, 13, 30)), "现在是下班时间，今天 13:30 上班后，同事会尽快处理。"),
        (
            Outlook(_open(30, 9, 5), off_today=True, ahead=4),
            "今天休息，11 月 30 日（星期一）9:05 上班后，同事会尽快处理。",
        ),
    ],
    ids=["nothing-known", "place", "measured", "tomorrow", "today", "day-off"],
)  # fmt: skip
def test_only_what_is_known_is_foretold(outlook: Outlook, said: str) -> None:
    assert foretell(phrases("zh-CN"), outlook, now=NOON) == said


def test_tomorrow_is_the_readers_tomorrow() -> None:
    """At 23:30 in Shanghai it is still the day before in UTC, and at 00:30 nine o'clock is today."""
    opens = datetime(2026, 11, 24, 9, 0, tzinfo=SHANGHAI)

    assert "明天" in foretell(phrases("zh-CN"), Outlook(opens), now=datetime(2026, 11, 23, 15, 30, tzinfo=UTC))
    assert "今天" in foretell(phrases("zh-CN"), Outlook(opens), now=datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    assert foretell(phrases("en"), Outlook(opens), now=NOON).startswith(" We are closed now")


def _waits(*minutes: int, apart: int = 60) -> list[Wait]:
    asked = [NOON + timedelta(minutes=apart * n) for n in range(len(minutes))]
    return [Wait(at, at + timedelta(minutes=waited)) for at, waited in zip(asked, minutes, strict=True)]


def test_a_wait_is_foretold_from_those_that_were_measured() -> None:
    assert expected(_waits(2, 3, 4, 30, 5), 0, ALWAYS) == 4
    assert expected(_waits(2, 3, 4, 5), 0, ALWAYS) is None, "too few"
    assert expected(_waits(2, 3, 4, 30, 5), 1, ALWAYS) is None, "nobody had anybody before them"
    assert expected(_waits(500, 500, 500, 500, 500), 0, ALWAYS) is None, "nobody can say"


def test_of_those_who_queued_only_those_with_as_many_before_them_count() -> None:
    crowd = _waits(10, 12, 14, 16, 18, 20, 22, apart=1)

    assert expected(crowd, 2, ALWAYS) == 18


def test_a_night_is_no_wait() -> None:
    hours = OfficeHours(parse_week(["Mon-Sun 09:00-18:00"]), SHANGHAI)
    evening = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # 18:00 in Shanghai
    nights = [Wait(evening + timedelta(days=n), evening + timedelta(days=n, hours=15, minutes=7)) for n in range(5)]

    assert expected(nights, 0, hours) == 7


async def test_a_rating_long_ago_is_not_the_same_matter(office: Office) -> None:
    office.feedback = Ratings()
    office.history = [Utterance("user", "没帮助"), *[Utterance("user", f"问题{n}") for n in range(3)]]

    assert (await office.say("没用")).decision == "answer"


def test_reasons_that_block_are_those_after_which_a_machine_would_be_an_insult() -> None:
    assert {reason for reason in Reason if reason.blocks} == {
        Reason.ASKED, Reason.COMPLAINT, Reason.ANGER, Reason.SENSITIVE, Reason.VIP,
    }  # fmt: skip
