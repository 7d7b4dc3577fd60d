"""The set-up guide of one kind of channel, with its steps, its settings and what was proved."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from ai_worker.channels.contract import ChannelHealth, Proof
from ai_worker.channels.manifest import SetupField, SetupGuide, SetupStep, callback_url
from ai_worker.channels.sightings import unneeded
from ai_worker.console.words import Words

_NAME = re.compile(r"[\w-]{1,64}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader has chosen on the guide's page."""

    name: str
    public_url: str
    options: Mapping[str, str]
    """Settings on which it depends which steps are taken: `mode` → `webhook`."""

    refused: str = ""
    """Which of the two was not usable and was replaced: `name` or `public_url`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step on the page."""

    step: SetupStep
    title: str
    text: str
    url: str
    """Our address that the platform is told in this step; empty if it is told none."""

    proof: str
    """What shows that it works, in words; empty if nothing does."""

    proved: str
    """When it was seen; empty if it was not yet."""


def asked(guide: SetupGuide, query: Mapping[str, str], *, default_url: str) -> Asked:
    """Read what the page was asked for; what cannot be used is replaced by what can."""
    name = query.get("name", "").strip() or guide.kind
    url = query.get("public_url", "").strip().rstrip("/") or default_url
    refused = ""
    if not _NAME.fullmatch(name):
        name, refused = guide.kind, "name"
    if not _is_address(url):
        url, refused = default_url, "public_url"
    chosen = {
        field: query[field] if query.get(field) in values else values[0] for field, values in options(guide).items()
    }
    return Asked(name, url, chosen, refused)


def options(guide: SetupGuide) -> dict[str, list[str]]:
    """Return the settings on which it depends which steps are taken, with their values."""
    found: dict[str, dict[str, None]] = {}
    for step in guide.steps:
        for field, value in step.when.items():
            found.setdefault(field, {})[value] = None
    return {field: list(values) for field, values in found.items()}


def rows(
    t: Words,
    guide: SetupGuide,
    chosen: Asked,
    proved: Mapping[Proof, datetime],
    health: ChannelHealth | None,
    *,
    now: datetime,
) -> list[Row]:
    """Return the steps that are to be taken, in order.

    Args:
        t: The reader's words.
        guide: Of the channel's kind.
        chosen: What the reader has chosen.
        proved: What was seen of the channel, and when.
        health: How it is doing; `None` while there is none.
        now: The current time.
    """
    platform = guide.platform[t.language]
    return [
        Row(
            step=step,
            title=step.title[t.language],
            text=step.told(t.language, name=chosen.name, public_url=chosen.public_url),
            url=callback_url(chosen.public_url, chosen.name) if step.calls_back else "",
            proof=_waits(t, step, platform, health),
            proved=_seen(t, step, platform, proved, now),
        )
        for step in guide.steps
        if step.applies(chosen.options)
    ]


def _waits(t: Words, step: SetupStep, platform: str, health: ChannelHealth | None) -> str:
    if step.proof is None or (health is not None and unneeded(step.proof, health)):
        return ""
    return t(f"proof.wait_{step.proof}", platform=platform)


def _seen(t: Words, step: SetupStep, platform: str, proved: Mapping[Proof, datetime], now: datetime) -> str:
    at = proved.get(step.proof) if step.proof else None
    return "" if at is None else f"{t(f'proof.seen_{step.proof}', platform=platform)} {t.instant(at, now)}"


def snippet(t: Words, guide: SetupGuide, chosen: Asked) -> str:
    """Return the section for the settings file, ready to be copied; secrets are references."""
    heading = chosen.name if _BARE.fullmatch(chosen.name) else json.dumps(chosen.name, ensure_ascii=False)
    lines = [f"[channels.{heading}]", f'kind = "{guide.kind}"']
    lines += [f'{field} = "{value}"' for field, value in chosen.options.items()]
    asked_for = [field for step in guide.steps if step.applies(chosen.options) for field in step.fields]
    lines += [_line(t, chosen.name, field) for field in asked_for if field.name not in chosen.options]
    return "\n".join(lines)


def _line(t: Words, name: str, field: SetupField) -> str:
    label = field.label[t.language]
    if field.secret:
        variable = re.sub(r"\W", "_", f"{name}_{field.name}", flags=re.ASCII).upper()
        line = f'{field.name} = "env:{variable}"  # {label}'
    else:
        line = f'{field.name} = ""  # {label}'
    return line if field.required else f"# {line}"


def _is_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return (
            address.scheme in ("http", "https") and bool(address.hostname) and not (address.query or address.fragment)
        )
    except ValueError:
        return False
