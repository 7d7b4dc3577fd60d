"""What cards and lists show of business systems: their state, where their credentials stand, tools, calls."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from ai_worker.connectors.registry import KINDS
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.console.words import Words
from ai_worker.foundation.secret import Secret
from ai_worker.skills.calls import CallSums, Checked, Standing, outcome_of
from ai_worker.skills.tool import Called, Tool

PROGRAM_ENVIRONMENT = "env"
"""The option with what a program finds in its environment: its credentials, as a rule."""


@dataclass(frozen=True, slots=True)
class Card:
    """One business system, as a card shows it."""

    id: str
    name: str
    kind: str
    state: str
    """`ready`, `down`, `unchecked`, `off`, `refused`, `drifted`."""

    tools: int
    writes: int
    sums: CallSums
    standing: Standing | None
    error: str
    """What is wrong, verbatim; empty: nothing."""

    code: str
    fix: str
    address: str
    credentials: tuple["Credential", ...]
    """Where its credentials stand; none: it is asked without any, or nobody knows yet."""

    file: Path | None
    """`None`: nobody has described it in a file."""

    @property
    def dot(self) -> str:
        """The shape and colour of its state."""
        return {"ready": "ready", "down": "down", "refused": "down", "drifted": "degraded"}.get(
            self.state, "connecting"
        )


@dataclass(frozen=True, slots=True)
class Credential:
    """Where credentials stand in a `connector.toml`; never what they are."""

    kind: str
    """Of `[auth]`; `option` or `headers` for those that stand elsewhere."""

    names: str = ""
    """The settings, by name: `password`."""


@dataclass(frozen=True, slots=True)
class ToolRow:
    """One tool, as a list shows it."""

    name: str
    title: str
    risk: str
    approver: str
    """`nobody`, `asker`, `colleague` or `never`."""

    acts: bool
    question: str
    """The name of the question that it answers without a model; empty: of none."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call, as the history shows it."""

    tool: str
    code: str
    outcome: str
    """`ok`, `refused` or `failed`."""

    ms: float
    at: datetime
    asker: str
    turn_id: str


def credentials_of(settings: ConnectorSettings) -> tuple[Credential, ...]:
    """Return where a connection's credentials stand."""
    kinds = [auth.kind for auth in (settings.auth, *settings.auths.values()) if auth.kind != "none"]
    found = [Credential(kind) for kind in dict.fromkeys(kinds)]
    if headers := (*settings.headers, *settings.secret_headers):
        found.append(Credential("headers", ", ".join(headers)))
    if secrets := [name for name in secret_options(settings.kind) if settings.options.get(name)]:
        found.append(Credential("option", ", ".join(secrets)))
    return tuple(found)


def secret_options(kind: str) -> list[str]:
    """Return the names of those options of a kind that hold a secret."""
    fields = KINDS[kind].options.model_fields.items() if kind in KINDS else ()
    return [name for name, field in fields if name == PROGRAM_ENVIRONMENT or _holds_secret(field.annotation)]


def _holds_secret(annotation: Any) -> bool:
    return annotation is Secret or any(_holds_secret(one) for one in get_args(annotation))


def fix_of(t: Words, checked: Checked) -> str:
    """Return what to do about a check that was not well, in the reader's language where we have the words."""
    key = f"connectors.fix.{checked.code}"
    return t(key) if t.has(key) else checked.fix


def tool_row(tool: Tool) -> ToolRow:
    """Return how a list shows a tool."""
    approver = "nobody" if not tool.acts or tool.unattended else tool.approved_by
    question = tool.verb.name if tool.verb is not None else ""
    return ToolRow(tool.name, tool.title or tool.description, tool.risk, approver, tool.acts, question)


def call_row(called: Called) -> CallRow:
    """Return how the history shows a call."""
    return CallRow(
        called.tool, called.code, outcome_of(called.code), called.ms, called.at, called.asker, called.turn_id
    )


def name_of(t: Words, settings: ConnectorSettings) -> str:
    """Return a system's name in the reader's language."""
    return settings.name_en if t.language == "en" and settings.name_en else settings.name


def state_of(standing: Standing | None, *, refused: bool, off: bool) -> str:
    """Return the `state` of a card; a refused file counts before what the system itself does."""
    if refused:
        return "refused"
    if off:
        return "off"
    if standing is None:
        return "unchecked"
    if standing.last.code != "ok":
        return "down"
    return "drifted" if standing.last.drift else "ready"
