"""What a manifest says: a contract in TOML, written by a person from the system's documentation."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ai_worker.connectors.auth_settings import Strict
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge
from ai_worker.connectors.settings import RefusalSettings
from ai_worker.skills.tool import Risk

MAX_BYTES = 1024 * 1024
BUILTIN = "builtin:"
SHIPPED = Path(__file__).parent.parent / "manifests"


def _is_https(address: str) -> str:
    if re.fullmatch(r"https?://\S+", address) is None:
        raise ValueError("an address such as https://open.example.com/docs")
    return address


Docs = Annotated[str, AfterValidator(_is_https)]


class Argument(Strict):
    """One argument of an operation."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    place: Literal["path", "query", "header", "body"] = "body"
    at: str = ""
    """What it is called on the wire; in a body with dots between levels: `data.search_query_info.limit`.
    Empty: as its name."""

    type: Literal["string", "integer", "number", "boolean", "object", "array"] = "string"
    items: Literal["string", "integer", "number", "object"] = "string"
    """Of an array."""

    required: bool = False
    enum: tuple[str | int, ...] = ()
    description: str = ""
    default: str | int | float | bool | None = None
    """Sent where nobody says anything."""

    as_text: bool = False
    """Sent as a string that holds the value's JSON."""

    def wire(self) -> str:
        """Return what it is called on the wire."""
        return self.at or self.name


class Pages(Strict):
    """How an operation's list goes on; said to whoever reads the tool."""

    argument: str
    """The argument that asks for the next page."""

    cursor: str = ""
    """The field of the answer that it is read off; empty: a number that grows."""

    items: str = ""
    """The field that holds the list."""


class Described(Strict):
    """One operation."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,47}$")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(pattern=r"^/")
    title: str
    description: str = ""
    risk: Risk
    docs: Docs
    """Where the documentation says so."""

    argument: tuple[Argument, ...] = ()
    query: Mapping[str, str] = {}
    """Always sent in the query."""

    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    """Always sent in the body, below what is asked for."""

    sends: Literal["json", "form"] = "json"
    pages: Pages | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [one.name for one in self.argument]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two arguments called {min(twice)!r}")
        placed = {one.wire() for one in self.argument if one.place == "path"}
        if placed != set(re.findall(r"{([^{}]+)}", self.path)):
            raise ValueError("the path's placeholders and the arguments in the path differ")
        if self.pages is not None and self.pages.argument not in names:
            raise ValueError(f"pages: there is no argument {self.pages.argument!r}")
        return self


class Quality(Strict):
    """What is known of a manifest's truth."""

    tried: bool
    """Against the real system, by whoever wrote it."""

    notes: str
    """What was never tried, and what differs between installations."""


class Manifest(Strict):
    """One system."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    name: str
    name_en: str
    version: str
    """The day on which it was last compared with the documentation."""

    base_url: str = ""
    """Empty: every installation has its own."""

    docs: Docs
    quality: Quality
    credentials: Mapping[str, str] = {}
    """By name, what each is and where it is found. `[auth]` names them in braces."""

    auth: Mapping[str, Any] = {"kind": "none"}
    """As `[auth]` of a connector.toml; `{base_url}` stands for the connection's address."""

    headers: Mapping[str, str] = {}
    refusals: tuple[RefusalSettings, ...] = ()
    operation: tuple[Described, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [one.name for one in self.operation]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two operations called {min(twice)!r}")
        return self


def find(contract: str) -> Path:
    """Return the file of a contract: one of ours (`builtin:wecom-office`), or the path as it stands."""
    if not contract.startswith(BUILTIN):
        return Path(contract)
    return SHIPPED / f"{contract.removeprefix(BUILTIN)}.toml"


def shipped() -> list[str]:
    """Return the names of the manifests that come with ai-worker."""
    return sorted(file.stem for file in SHIPPED.glob("*.toml"))


def read(path: Path) -> tuple[Manifest, bytes]:
    """Return a manifest and its bytes.

    Raises:
        ContractTooLarge: It has more than 1 MB.
        ContractRefused: It cannot be read, or says what nobody understands.
    """
    file = find(path.name) if path.name.startswith(BUILTIN) else path
    if path.name.startswith(BUILTIN) and path.name.removeprefix(BUILTIN) not in shipped():
        raise ContractRefused(f"{path.name}: there are {', '.join(shipped())}")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ContractTooLarge(f"{file.name}: larger than 1 MB")
        data = file.read_bytes()
        return Manifest.model_validate(tomllib.loads(data.decode("utf-8-sig"))), data
    except OSError as error:
        raise ContractRefused(f"{file}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ContractRefused(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise ContractRefused(f"{file.name}: {error}") from None
