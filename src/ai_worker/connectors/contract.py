"""What every kind of connector offers, and how an administrator describes one."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.secret import Secret, SecretField, TextField
from ai_worker.skills.tool import Slot, Tool, ToolFailed, ToolResult, Verb


class ConnectorRefused(Misconfigured):
    """A connector's file is not as it must be; no connector is half loaded."""

    code = "connector.bad"
    hint = "Mend the file, or move it out of the connectors folder."

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class ArgumentsRefused(ToolFailed):
    """The arguments do not fit the operation; nothing was sent."""

    code = "tool.bad_arguments"
    hint = "GET /openapi.json of the business system says what it takes."


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


def _plain_template(template: str) -> str:
    for _, field, specification, conversion in Formatter().parse(template):
        if field is not None and (specification or conversion or not all(map(str.isidentifier, field.split(".")))):
            raise ValueError(f"{{{field}}} must be the plain name of a field, or names with dots between")
    return template


def _base_address(url: str) -> str:
    match = re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", url)
    if match is None:
        raise ValueError("an address such as https://erp.example.com/api: http(s), no user, no query")
    return url.rstrip("/")


def _fits_a_header(secret: Secret) -> Secret:
    if not secret or any(not "!" <= character <= "~" for character in secret.reveal()):
        raise ValueError("the secret is empty, or has spaces or characters that no HTTP header may carry")
    return secret


HeaderSecret = Annotated[SecretField, AfterValidator(_fits_a_header)]
Pattern = Annotated[str, AfterValidator(_compiles)]
Template = Annotated[str, AfterValidator(_plain_template)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


class NoAuth(_Strict):
    """The system asks for nothing."""

    kind: Literal["none"] = "none"


class BearerAuth(_Strict):
    """`Authorization: Bearer …`."""

    kind: Literal["bearer"]
    secret: HeaderSecret


class HeaderAuth(_Strict):
    """An API key in a header of its own."""

    kind: Literal["header"]
    header: str = Field(default="X-Api-Key", pattern=r"^[A-Za-z0-9-]+$")
    secret: HeaderSecret


class SlotSettings(_Strict):
    """One value that a verb reads off the contact's words."""

    name: str
    """The operation's parameter."""

    pattern: Pattern
    """Regular expression whose first group, or whole match, is the value."""

    ask: str
    """What to ask when it is missing."""


class WordsSettings(_Strict):
    """Words for the values of a field: the system says `SHIPPED`, the contact reads 已发货."""

    field: str
    """A field of the result."""

    into: str
    """The field that the words are put into, for the template; one that is there is replaced."""

    values: Mapping[str, Template]
    """Words for each value; they may name other fields of the result: `预计 {eta} 送达`."""

    otherwise: Template | None = None
    """Words for every other value; left out: the value itself."""


class VerbSettings(_Strict):
    """A business question that one operation answers without any model."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
    operation: str
    triggers: tuple[str, ...] = Field(min_length=1)
    slots: tuple[SlotSettings, ...] = ()
    words: tuple[WordsSettings, ...] = ()
    template: Template

    def verb(self) -> Verb:
        """Return the verb in the form that a turn knows."""
        slots = tuple(Slot(slot.name, slot.pattern, slot.ask) for slot in self.slots)
        return Verb(self.name, self.triggers, slots, self.template)


class ConnectorSettings(_Strict):
    """One `connector.toml`."""

    kind: Literal["openapi"] = "openapi"
    name: str
    """What people see: `华星 ERP`."""

    name_en: str = ""
    contract: str
    """The contract's file, beside this one."""

    base_url: Annotated[TextField, AfterValidator(_base_address)]
    """The system's address, without the operation's path. Calls go to this host and no other."""

    auth: NoAuth | BearerAuth | HeaderAuth = Field(default_factory=NoAuth, discriminator="kind")
    operations: tuple[str, ...] = Field(min_length=1)
    """Which operations of the contract become tools; `"*"`: every one that only reads."""

    timeout_s: float = Field(default=15.0, gt=0, le=60)
    """One whole call."""

    max_connections: int = Field(default=20, ge=1, le=1_000)
    verbs: tuple[VerbSettings, ...] = ()

    @model_validator(mode="after")
    def _one_verb_an_operation(self) -> Self:
        operations = [verb.operation for verb in self.verbs]
        if twice := {name for name in operations if operations.count(name) > 1}:
            raise ValueError(f"two verbs for the operation {min(twice)!r}; one operation answers one question")
        return self


class Connector(Protocol):
    """One business system."""

    id: str

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        ...

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        ...

    def tools(self) -> Sequence[Tool]:
        """Return its tools; the names begin with the connector's id and a dot."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str) -> ToolResult:
        """Call one of its tools once.

        Raises:
            ToolRefused: The system says that there is no such thing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of a tool that acts: the request may have reached the system, and no answer came.
            ToolFailed: The system failed or did not answer; a tool that acts has changed nothing.
        """
        ...


def worded(data: Mapping[str, Any], words: Sequence[WordsSettings]) -> dict[str, Any]:
    """Return `data` with the fields that `words` add; a field that is missing or null reads `—`."""
    result = dict(data)
    for rule in words:
        value = _shown(data, rule.field)
        template = rule.values.get(value, rule.otherwise)
        result[rule.into] = value if template is None else _fill(template, data)
    return result


def _fill(template: str, data: Mapping[str, Any]) -> str:
    return "".join(
        literal + ("" if field is None else _shown(data, field)) for literal, field, _, _ in Formatter().parse(template)
    )


def _shown(data: Mapping[str, Any], field: str) -> str:
    value: Any = data
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return "—" if value is None else str(value)
