"""The section `[knowledge]`: how long what was removed can come back, and what is kept in step with which source."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from ai_worker.knowledge.keeping import Keeping, path_of

_SPAN = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BASE = re.compile(r"[\w.-]{1,64}")


def span_of(text: str) -> timedelta:
    """Return the span that a text such as `90s`, `30m`, `1h` or `2d` stands for.

    Raises:
        ValueError: It stands for none.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span of time")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _span(text: str) -> str:
    try:
        span = span_of(text)
    except ValueError:
        raise PydanticCustomError("span", "span") from None
    if not timedelta(seconds=10) <= span <= timedelta(days=366):
        raise PydanticCustomError("span", "span")
    return text


def _base(name: str) -> str:
    if not _BASE.fullmatch(name):
        raise PydanticCustomError("name", "name")
    return name


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise PydanticCustomError("page_url", "url")
    return url


def _folder(value: object, info: ValidationInfo) -> object:
    base = (info.context or {}).get("folder", Path())
    return base / Path(value).expanduser() if isinstance(value, str) and value else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SourceSettings(_Section):
    """Documents that are kept in step with where they come from."""

    kind: Literal["folder", "urls"]
    """`folder`: the files of a folder. `urls`: pages and files of the web."""

    path: Annotated[Path | None, BeforeValidator(_folder)] = None
    """The folder; a relative one starts at the settings file's folder. For `folder`."""

    urls: tuple[Annotated[str, AfterValidator(_url)], ...] = ()
    """The addresses, each one document. For `urls`."""

    hosts: tuple[str, ...] = ()
    """Further hosts that these addresses may redirect to; their own hosts are allowed anyway."""

    allow_private: bool = False
    """Whether the hosts may have addresses of private networks: an intranet's wiki."""

    base: Annotated[str, AfterValidator(_base)] = "default"
    """The knowledge base that the documents go into."""

    every: Annotated[str, AfterValidator(_span)] = "1h"
    """How often it is looked at: `30m`, `1h`, `1d`."""

    grace: Annotated[str, AfterValidator(_span)] = "24h"
    """How long a document may be missing at the source before it is removed here."""

    departments: tuple[str, ...] = ()
    """Who may read the documents, as paths such as `总部/财务`; empty: everybody."""

    owner: str = ""
    """Who sees to it that they are right."""

    @model_validator(mode="after")
    def _has_a_place(self) -> "SourceSettings":
        if (self.path is None) != (self.kind == "urls") or bool(self.urls) != (self.kind == "urls"):
            raise PydanticCustomError("source_place", "place")
        return self

    @property
    def keeping(self) -> Keeping:
        """How its documents are kept."""
        paths = (path_of(department) for department in self.departments)
        return Keeping(tuple(path for path in paths if path), owner=self.owner)


class KnowledgeSettings(_Section):
    """How the knowledge is kept."""

    removed_days: int = Field(default=30, ge=0, le=3650)
    """Days for which what was removed can be restored; then it is deleted for good, with its versions."""

    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    """What is kept in step with where it comes from, by a name of your choice."""
