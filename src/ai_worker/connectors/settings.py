"""How an administrator describes one business system: its connector.toml."""

import ipaddress
import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ai_worker.connectors.auth_settings import (
    Address,
    Auth,
    CsrfSettings,
    HeaderName,
    LineSecret,
    NoAuth,
    Strict,
)
from ai_worker.connectors.profile import Paging, Profile, RefusalSign
from ai_worker.foundation.secret import TextField
from ai_worker.skills.tool import ApprovedBy, Risk, Slot, Verb


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


Pattern = Annotated[str, AfterValidator(_compiles)]
Template = Annotated[str, AfterValidator(_plain_template)]


class RefusalSettings(Strict):
    """How a system that answers 200 says no: `{"success": false}`, `{"errcode": 40003}`."""

    field: str
    """Where it stands; names with dots between. A result without it is none."""

    good: tuple[str | int | bool | None, ...] = ()
    """Every other value is a refusal. Empty: `bad` says which are."""

    bad: tuple[str | int | bool | None, ...] = ()
    expired: tuple[str | int | bool | None, ...] = ()
    """Values that say that the token has run out: it is got anew once, and the call repeated."""

    message: str = ""
    """The field with the system's words."""


class PagingSettings(Strict):
    """How a system cuts a long list into pages."""

    kind: Literal["none", "link", "cursor", "page", "offset"] = "none"
    argument: str = ""
    """The argument that the next page is asked with."""

    cursor: str = ""
    """Of `cursor`: the field of the result that holds the next one."""

    items: str = ""
    """The field that holds the list; empty: the result is the list."""

    size_argument: str = ""
    size: int = Field(default=50, ge=1, le=1_000)
    first: int = 1
    max_pages: int = Field(default=10, ge=1, le=100)
    max_items: int = Field(default=1_000, ge=1, le=10_000)


class SlotSettings(Strict):
    """One value that a verb reads off the contact's words."""

    name: str
    """The operation's parameter."""

    pattern: Pattern
    """Regular expression whose first group, or whole match, is the value."""

    ask: str
    """What to ask when it is missing."""


class WordsSettings(Strict):
    """Words for the values of a field: the system says `SHIPPED`, the contact reads 已发货."""

    field: str
    """A field of the result."""

    into: str
    """The field that the words are put into, for the template; one that is there is replaced."""

    values: Mapping[str, Template]
    """Words for each value; they may name other fields of the result: `预计 {eta} 送达`."""

    otherwise: Template | None = None
    """Words for every other value; left out: the value itself."""


class VerbSettings(Strict):
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


class ReadBackSettings(Strict):
    """What is read after an operation has acted, to see that it did."""

    operation: str
    arguments: Mapping[str, Template] = Field(default_factory=dict)
    """Over the act's arguments and result: `{order_id}`."""

    template: Template
    """What is told of it: `系统里现在的收货地址：{address}`."""

    expects: Mapping[str, Template] = Field(default_factory=dict)
    """Fields of what is read, and what each must be: `address = "{address}"`."""


class PolicySettings(Strict):
    """What an administrator says about one operation."""

    risk: Risk | None = None
    """Left out: by its method and its words."""

    approval: ApprovedBy | None = None
    """Who has to say yes; left out: by its risk."""

    title: str = ""
    """What people read: `修改收货地址`."""

    confirm: Template = ""
    """What it is about to do, over its arguments: `把订单 {order_id} 的收货地址改成：{address}`."""

    read_back: ReadBackSettings | None = None
    idempotent: bool = False
    """The system honours the idempotency key: the same key again changes nothing."""

    unattended: bool = False
    """It may act without a person's word, as long as no untrusted text is in the turn."""

    departments: tuple[str, ...] = ()
    """Who may have it called, with all departments below; empty: whoever may use the connector."""

    asker: Mapping[str, Literal["id", "name", "department", "login"]] = Field(default_factory=dict)
    """Arguments that are always the asker's own, whatever anybody says: `employee = "login"`."""


class AccessSettings(Strict):
    """For whom the system is used."""

    departments: tuple[str, ...] = ()
    """Only for contacts in these, with all departments below; empty: for everybody."""

    write_departments: tuple[str, ...] = ()
    """Who may have something changed; empty: whoever may use it."""

    writers: Literal["known", "anybody"] = "known"
    """`known`: something is changed only for whom the platform vouches for as the company's own, who is in a
    department of its directory, or who stands in `logins`; for others a person does it. `anybody`: also for
    customers, of whom nobody knows who they are."""

    channels: tuple[str, ...] = ()
    """Only on these channels; empty: on all."""

    logins: Mapping[str, str] = Field(default_factory=dict)
    """The asker's name in the system, by `channel/id`: `"wecom/zhangsan" = "E1001"`."""

    header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    """A header that tells the system for whom it is called: the login, or the id where there is none."""


class ApprovalSettings(Strict):
    """Who has to say yes, by what an operation could do."""

    write_reversible: ApprovedBy = Field(default="asker", alias="write-reversible")
    write_irreversible: ApprovedBy = Field(default="asker", alias="write-irreversible")
    money: ApprovedBy = "colleague"
    admin: ApprovedBy = "colleague"

    def of(self, risk: Risk) -> ApprovedBy:
        """Return who says yes to operations of this risk."""
        return "nobody" if risk == "read" else getattr(self, risk.replace("-", "_"))


class ConnectorSettings(Strict):
    """One `connector.toml`."""

    kind: str = "openapi"
    """What the system speaks: `openapi`, `tryton`, `sql` …"""

    name: str
    """What people see: `华星 ERP`."""

    name_en: str = ""
    catalogue: str = ""
    """The system's id in the catalogue; empty: it is none of them."""

    enabled: bool = True
    contract: str = ""
    """The contract's file or folder, beside this one."""

    base_url: Address | None = None
    """The system's address, without the operation's path. Calls go to this host and no other."""

    hosts: tuple[str, ...] = ()
    """Further hosts that may be called: `erp.example.com` (any port) or `erp.example.com:8443`."""

    networks: tuple[str, ...] = ()
    """Private networks that the system may stand in: `10.2.0.0/16`. An address that stands in `base_url`
    as numbers, or as `localhost`, is open without."""

    auth: Auth = Field(default_factory=NoAuth)
    """Goes with every call, whatever the contract says."""

    auths: Mapping[str, Auth] = Field(default_factory=dict)
    """Credentials by the contract's names of its schemes; used where an operation asks for them."""

    csrf: CsrfSettings | None = None
    """Left out: the system wants no token against forged requests."""

    headers: Mapping[str, TextField] = Field(default_factory=dict)
    """Sent with every call, whatever an argument says of the same header."""

    secret_headers: Mapping[HeaderName, LineSecret] = Field(default_factory=dict)
    """Sent with every call beside what `auth` and `auths` say, and shown to nobody: a second password."""

    query: Mapping[str, TextField] = Field(default_factory=dict)
    """Sent with every call, in its address."""

    operations: tuple[str, ...] = Field(min_length=1)
    """Which operations of the contract become tools; `"*"`: every one that only reads; `"**"`: every one."""

    policies: Mapping[str, PolicySettings] = Field(default_factory=dict)
    """By operation."""

    approval: ApprovalSettings = Field(default_factory=ApprovalSettings)
    access: AccessSettings = Field(default_factory=AccessSettings)
    options: Mapping[str, Any] = Field(default_factory=dict)
    """What only this kind understands."""

    check: str = ""
    """A harmless operation that shows that the system is there; empty: the kind's own."""

    check_arguments: Mapping[str, Any] = Field(default_factory=dict)
    timeout_s: float = Field(default=15.0, gt=0, le=60)
    """One attempt."""

    max_connections: int = Field(default=20, ge=1, le=1_000)
    per_second: float = Field(default=20.0, gt=0, le=10_000)
    """Calls, on average."""

    burst: int = Field(default=40, ge=1, le=100_000)
    attempts: int = Field(default=3, ge=1, le=10)
    """Of a call that may be repeated."""

    idempotency_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    """The header in which the system takes an idempotency key; empty: it takes none."""

    refusals: tuple[RefusalSettings, ...] = ()
    masked: tuple[str, ...] = ()
    """Fields whose values nobody gets to see: a name at any depth, or names with dots from the top."""

    paging: PagingSettings = Field(default_factory=PagingSettings)
    max_characters: int = Field(default=100_000, ge=1_000, le=1_000_000)
    """Of a result, as JSON; a longer list is cut and says so."""

    verbs: tuple[VerbSettings, ...] = ()

    @model_validator(mode="after")
    def _one_verb_an_operation(self) -> Self:
        operations = [verb.operation for verb in self.verbs]
        if twice := {name for name in operations if operations.count(name) > 1}:
            raise ValueError(f"two verbs for the operation {min(twice)!r}; one operation answers one question")
        return self

    def profile(self) -> Profile:
        """Return what the callers of HTTP need of it."""
        return Profile(
            base_url=self.base_url or "",
            hosts=self.hosts,
            networks=(*self.networks, *named_inside(self.base_url or "")),
            timeout_s=self.timeout_s,
            max_connections=self.max_connections,
            per_second=self.per_second,
            burst=self.burst,
            attempts=self.attempts,
            max_characters=self.max_characters,
            idempotency_header=self.idempotency_header,
            headers=self.headers,
            query=self.query,
            refusals=tuple(RefusalSign(**one.model_dump()) for one in self.refusals),
            masked=frozenset(self.masked),
            paging=Paging(**self.paging.model_dump()),
        )


def named_inside(base_url: str) -> list[str]:
    """Return the networks that an administrator opens by writing an address out: that address alone."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return ["127.0.0.1/32", "::1/128"]
    try:
        return [str(ipaddress.ip_network(host))]
    except ValueError:
        return []
