"""The section `[handoff]` changed while the service runs: whoever reads it sees that, and bad ones change nothing."""

import os
from datetime import UTC, datetime
from pathlib import Path

from ai_worker.app.chores import reloading
from ai_worker.app.handing_over import HandingOver
from ai_worker.channels.roster import Roster
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import FixedClock
from ai_worker.settings import load
from ai_worker.settings.watch import SettingsWatch
from ai_worker.storage.opening import open_stores
from tests.settings.test_handoff import ROSTER
from tests.settings.test_refusals import WECOM

EVENING = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


async def test_a_changed_roster_takes_effect_without_a_restart(tmp_path: Path) -> None:
    file, clock = tmp_path / "ai-worker.toml", FixedClock(EVENING)
    file.write_text(WECOM, "utf-8")
    settings = load(file, environ={})
    watch = SettingsWatch(settings, environ={})
    message = InboundMessage("service-desk", "m", "boss", Contact("boss"), "转人工", EVENING)
    async with open_stores("sqlite:///store.db", data_dir=tmp_path, clock=clock) as stores:
        now = HandingOver(settings, stores.handoffs, clock=clock)
        duty, rules, foresee = now.duty, now.rules, now.foresight.foresee  # as their readers hold them
        reload = reloading(watch, settings, Roster(settings.channels, clock=clock, store=stores.channels), now)
        assert (duty.people, rules.first_in_queue(message)) == ((), False)
        assert (await foresee(message, False)).opens_at is None

        file.write_text(WECOM + ROSTER, "utf-8")
        await reload()

        assert [one.colleague.person for one in duty.people] == ["李娜", "韩梅梅"]
        assert duty.colleague("service-desk", "li-na") is not None
        assert [one.colleague.person for one in duty.there(datetime(2026, 11, 23, 3, 0, tzinfo=UTC))] == ["李娜"]
        assert rules.first_in_queue(message)
        assert (await foresee(message, False)).opens_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
        assert watch.waits_for_restart(load(file, environ={}), settings) == []

        file.write_text(WECOM + ROSTER.replace("Mon-Fri", "Mon-Frei"), "utf-8")
        os.utime(file, ns=(1, 1))
        await reload()

        assert watch.refused is not None
        assert len(duty.people) == 2
