"""Showing that a channel's set-up works: the platform is asked, and the running service says what it has seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ai_worker.channels import registry, trial
from ai_worker.channels.contract import Proof
from ai_worker.channels.manifest import SetupStep
from ai_worker.channels.sightings import proofs, prove, sighting, unneeded
from ai_worker.cli.channels_section import Section
from ai_worker.cli.channels_trial import show_probe, started
from ai_worker.cli.invocation import Invocation
from ai_worker.cli.output import done
from ai_worker.foundation.clock import SystemClock
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.storage.folder import in_use

LOOK_S = 0.5
TAKEN_UP_S = 6.0
"""Within this a running service has taken a changed channel up and said so."""

WAITED = {
    "credentials": ("凭据", "the credentials"),
    "callback": ("{platform}的验证请求", "the verification request of {platform}"),
    "connection": ("长连接建立", "the long connection"),
    "message": ("第一条消息", "a first message"),
    "reply": ("第一条回复送达", "a first reply that is taken"),
}
SEEN = {
    "callback": ("收到{platform}的验证请求，签名正确", "{platform} has verified the callback address"),
    "connection": ("长连接已建立", "The long connection stands"),
    "message": ("收到消息", "A message came in"),
    "reply": ("回复已被平台收下", "A reply was taken"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one step's proof."""

    step: str
    proof: Proof
    status: Literal["ok", "fail", "waiting", "unneeded"]
    at: datetime | None = None
    detail: str = ""
    fix: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of all of them."""

    running: bool
    """Whether a service runs that has taken the channel up."""

    checks: list[Check] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether something was shown to be wrong."""
        return any(check.status == "fail" for check in self.checks)

    @property
    def waiting(self) -> bool:
        """Whether something was not seen yet."""
        return any(check.status == "waiting" for check in self.checks)


async def verify(invocation: Invocation, section: Section, *, patience: float, quiet: bool) -> Outcome:
    """Verify each step of a channel that was just written.

    Args:
        invocation: The running command; its settings are read anew.
        section: What was written.
        patience: Seconds that each step which waits for somebody may take.
        quiet: Nothing is printed on the way.
    """
    fresh = Invocation(invocation.environ, config=section.file, chosen=invocation.chosen)
    fresh.settings()
    clock = SystemClock()
    since = clock.now() - timedelta(seconds=1) if section.changed else None
    async with _channel(fresh, section) as store:
        alone = fresh.settings().database_file is not None and not in_use(fresh.settings().data_dir)
        running = not alone and await _taken_up(store, section.name, since)
        outcome = Outcome(running)
        if not quiet:
            _tell_service(invocation, running)
        for step in section.steps:
            if step.proof == "credentials":
                outcome.checks.append(await _ask(fresh, section, step, quiet=quiet))
            elif step.proof is not None:
                waits = patience if running else 0.0
                outcome.checks.append(
                    await _wait(invocation, section, step, step.proof, store, since=since, patience=waits, quiet=quiet)
                )
    return outcome


@asynccontextmanager
async def _channel(invocation: Invocation, section: Section) -> AsyncIterator[ChannelStore]:
    from ai_worker.cli.opening import stores

    async with stores(invocation.settings()) as opened:
        yield opened.channels


async def _taken_up(store: ChannelStore, name: str, since: datetime | None) -> bool:
    """Return whether a running service speaks of the channel as it was just written."""
    for _ in range(int(TAKEN_UP_S / LOOK_S)):
        seen = await sighting(store, name)
        if seen is not None and (since is None or seen.at > since):
            return True
        if since is None:
            return False
        await asyncio.sleep(LOOK_S)
    return False


async def _ask(invocation: Invocation, section: Section, step: SetupStep, *, quiet: bool) -> Check:
    async with started(invocation, section.name) as (channel, opened):
        probe = await trial.ask(channel)
        now = SystemClock().now()
        if probe.ok:
            await prove(opened.channels, section.name, "credentials", now)
    if not quiet:
        show_probe(invocation, probe)
    return Check(step.id, "credentials", "ok" if probe.ok else "fail", now, probe.detail, probe.fix)


async def _wait(
    invocation: Invocation,
    section: Section,
    step: SetupStep,
    proof: Proof,
    store: ChannelStore,
    *,
    since: datetime | None,
    patience: float,
    quiet: bool,
) -> Check:
    platform = registry.setup_guides()[section.kind].platform[invocation.language]
    waited = invocation.say(*WAITED[proof]).format(platform=platform)
    if patience and not quiet:
        title = step.title[invocation.language]
        print(invocation.say(f"… {title}：等待{waited}", f"… {title}: waiting for {waited}"), flush=True)
    left = patience
    while True:
        at = (await proofs(store, section.name)).get(proof)
        if at is not None and (since is None or at >= since):
            if not quiet:
                clock = at.astimezone(ZoneInfo(invocation.settings().time_zone)).strftime("%H:%M:%S")
                done(invocation.say(*SEEN[proof]).format(platform=platform) + f" {clock}")
            return Check(step.id, proof, "ok", at)
        seen = await sighting(store, section.name)
        if seen is not None and (since is None or seen.at > since) and unneeded(proof, seen.health):
            return Check(step.id, proof, "unneeded")
        if left <= 0:
            if not quiet:
                print(invocation.say(f"– 还没有看到{waited}", f"– not seen yet: {waited}"))
            return Check(step.id, proof, "waiting")
        await asyncio.sleep(LOOK_S)
        left -= LOOK_S


def _tell_service(invocation: Invocation, running: bool) -> None:
    if running:
        done(invocation.say("运行中的服务已经用上，不用重启", "The running service uses it already"))
    else:
        words = ("– 没有看到服务在运行：先启动 ai-worker run", "– No service is seen running: start ai-worker run")
        print(invocation.say(*words))
