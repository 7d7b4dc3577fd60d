"""The section `[handoff]`: what it means when it is right, and what is said when it is wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_worker.conversation.handoff_store import Colleague
from ai_worker.settings import Settings, load
from tests.settings.test_refusals import WECOM, refused

ROSTER = """[handoff]
hours = ["Mon-Fri 09:00-12:00 13:30-18:00", "Sat 10:00-16:00"]
holidays = [2026-10-01]
workdays = [2026-10-11]
sensitive = ["工伤"]
vip = ["service-desk/boss"]
remind_after_min = 5
[[handoff.people]]
name = "李娜"
channel = "service-desk"
contact = "li-na"
topics = ["退款"]
[[handoff.people]]
name = "韩梅梅"
channel = "service-desk"
contact = "han-mm"
hours = "周一至周五 13:00-21:00"
"""


def _loaded(folder: Path, text: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ={})


def test_a_roster_is_read_with_its_hours_in_the_installations_zone(tmp_path: Path) -> None:
    settings = _loaded(tmp_path, WECOM + ROSTER)
    duty = settings.handoff.duty(settings.time_zone)
    three = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # Monday, three in the afternoon in Shanghai

    assert [person.colleague.person for person in duty.there(three)] == ["李娜", "韩梅梅"]
    assert [person.colleague.person for person in duty.there(three - timedelta(hours=4))] == ["李娜"]
    assert duty.there(datetime(2026, 10, 1, 7, 0, tzinfo=UTC)) == [], "a holiday"
    assert duty.hours.open_at(datetime(2026, 10, 11, 7, 0, tzinfo=UTC)), "a Sunday that is worked"
    assert duty.colleague("service-desk", "li-na") == Colleague("李娜", "service-desk", "li-na")
    assert settings.handoff.rules().sensitive == ("工伤",)


def test_left_out_it_is_always_open_and_nobody_is_on_the_roster(tmp_path: Path) -> None:
    duty = _loaded(tmp_path, "").handoff.duty("Asia/Shanghai")

    assert duty.hours.always
    assert duty.people == ()


PERSON = '[[handoff.people]]\nname = "李娜"\nchannel = "{channel}"\ncontact = "li-na"\n'


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[handoff]\nhours = "nine to five"\n', "handoff.hours", "Mon-Fri 09:00"),
        ('[handoff]\nholidays = ["soon"]\n', "handoff.holidays[0]", "A date is needed"),
        ('[handoff]\nsensitive = [""]\n', "handoff.sensitive", "must not be empty"),
        ('[handoff]\nremind_after_min = -1\n', "handoff.remind_after_min", "at least 0"),
        (PERSON.format(channel="desk"), "handoff.people[0].channel", "No channel is called desk"),
        ('[channels.chat]\nkind = "web"\n' + PERSON.format(channel="chat"), "handoff.people[0].channel", "web channel"),
        (WECOM + PERSON.format(channel="service-desk") * 2, "handoff.people[1]", "on the roster twice"),
    ],
    ids=["hours", "date", "empty-word", "negative", "no-channel", "visitors", "twice"],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, text: str, key: str, words: str) -> None:
    (problem,) = refused(tmp_path, text)

    assert problem.key == key
    assert words in problem.say("en")
    assert problem.line is not None
