"""What we know of a business system: names, contracts, how it is called. Facts only, no words of a contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Category = Literal[
    "crm-sales", "communication", "ecommerce", "devops-data", "finance", "document-esign", "logistics-fleet", "storage",
    "project-work", "erp", "identity-security", "support-itsm", "hr-learning", "marketing",
]  # fmt: skip

Way = Literal["openapi", "odata", "graphql", "rpc", "sql", "ldap", "dav", "mail", "mcp", "soap", "rest"]
"""How a contract is written; `rest`: by the vendor's documentation alone, so that somebody writes a manifest."""


@dataclass(frozen=True, slots=True)
class StatedProof:
    """How the vendor says that callers prove who they are, where the contract does not say it, or not all."""

    place: Literal["header", "query"]
    key: str
    """What it is called there: `Authorization`."""

    prefix: str = ""
    """Before the value: `Bearer `."""

    authorize_url: str = ""
    """Of OAuth 2 with a person's consent."""

    token_url: str = ""
    """Of OAuth 2; empty: the value is a key that does not change."""


@dataclass(frozen=True, slots=True)
class BeyondContract:
    """What a call needs besides the contract, and a connection says in `headers`, `secret_headers`, `query`, `auth`."""

    source: str
    """Where the vendor says so: `github:owner/repository@commit:path`, or an address."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every call; `{tenant}` stands for a value of the installation. No secret is among them."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    """Headers with a secret, sent with every call beside the proof, each with what stands before it: `Key `."""

    query: Mapping[str, str] = field(default_factory=dict)
    """Sent with every call in its address, as `headers` are."""

    proof: StatedProof | None = None
    idempotency_header: str = ""
    """In which the vendor takes an idempotency key; empty: nothing is said of one."""


@dataclass(frozen=True, slots=True)
class ContractFact:
    """One contract of a system."""

    address: str
    """`github:owner/repository@commit:path`, or `runtime: …` where the running system gives it away."""

    way: Way
    version: str = ""
    """Of the contract's language: `3.0.1`."""

    sha256: str = ""
    """Of its bytes; empty: it was not at hand."""

    licence: str = ""
    operations: int = 0
    """As far as known."""

    gateway: tuple[str, ...] = ()
    """What Power Platform's gateway does to a call beyond the contract, by the names of its policies."""

    gateway_code: bool = False
    """The gateway runs a program of its own on every call."""

    beyond: BeyondContract | None = None
    """All that the gateway's `setheader` and `setqueryparameter` do to requests is in it; `None`: nothing is known."""


@dataclass(frozen=True, slots=True)
class PagingHint:
    """How most of a system's lists are cut into pages, in the words of a connection's profile."""

    kind: Literal["page", "offset", "cursor"]
    argument: str
    size_argument: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """One business system."""

    id: str
    zh: str
    """The name that people in China use; the international one where there is no other."""

    en: str
    category: Category
    contracts: tuple[ContractFact, ...]
    vendor: str = ""
    """Empty: not known."""

    auth: tuple[str, ...] = ()
    """Kinds of proof: `apiKey-header`, `oauth2-authorizationCode`, `signed-request`; `gateway`: the contract is
    silent, and the gateway adds a secret."""

    paging: PagingHint | None = None
    limits: tuple[str, ...] = ()
    """What its contract says of limits: `429`, `retry-after`, `rate-headers`."""

    verbs: Mapping[str, str] = field(default_factory=dict)
    """Business verbs, each with the operation that answers it: `order.status` → `getOrder`."""

    def names(self) -> tuple[str, ...]:
        """Return all that a search may find it by."""
        return (self.id, self.zh, self.en, self.vendor)
