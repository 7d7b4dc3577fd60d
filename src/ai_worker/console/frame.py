"""The frame around every page: navigation, header, language, theme."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ai_worker.console.marks import rich_text
from ai_worker.console.session import Session, Sessions
from ai_worker.console.words import Words, choose_language
from ai_worker.conversation.conversation import State
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.deadletter import DeadLetterStore

LANGUAGE_COOKIE = "ai_worker_language"
THEME_COOKIE = "ai_worker_theme"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class NavEntry:
    """One page in the navigation. Only pages that exist are listed."""

    key: str
    """Names the words (`nav.<key>`) and the icon."""

    path: str
    first: bool = False
    """Whether it stands in the bottom bar of a phone; the others are a touch further."""


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Pages that belong together."""

    key: str
    entries: tuple[NavEntry, ...]


NAVIGATION = (
    NavGroup(
        "run",
        (
            NavEntry("overview", "/", first=True),
            NavEntry("conversations", "/conversations", first=True),
            NavEntry("approvals", "/approvals", first=True),
            NavEntry("deadletters", "/deadletters"),
        ),
    ),
    NavGroup(
        "ability",
        (
            NavEntry("knowledge", "/knowledge", first=True),
            NavEntry("gaps", "/gaps"),
            NavEntry("skills", "/skills"),
            NavEntry("connectors", "/connectors"),
        ),
    ),
    NavGroup("connect", (NavEntry("channels", "/channels"),)),
)


class Frame:
    """Renders templates with what all of them need."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        conversations: ConversationStore,
        dead_letters: DeadLetterStore,
        staff: Staff,
        version: str,
        node: str,
        started_at: datetime,
        clock: Clock,
        time_zone: str,
        language: str,
    ) -> None:
        self._sessions = sessions
        self._conversations = conversations
        self._dead_letters = dead_letters
        self._staff = staff
        self._version = version
        self._node = node
        self._started_at = started_at
        self._clock = clock
        self._zone = ZoneInfo(time_zone)
        self._language = language
        self._templates = Environment(
            loader=PackageLoader("ai_worker.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["rich"] = rich_text
        self._templates.globals["asset"] = asset

    def words(self, request: Request) -> Words:
        """Return the words in the reader's language: the one chosen, else the installation's."""
        return Words(choose_language(request.cookies.get(LANGUAGE_COOKIE), self._language), self._zone)

    def person(self, request: Request, session: Session) -> str:
        """Return what the signed-in person is called in conversations."""
        return session.name or self.words(request)("person.default")

    async def page(
        self, request: Request, session: Session, template: str, *, nav: str, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Return a whole page.

        Args:
            request: Whose language and theme count.
            session: Who reads it.
            template: Path under `templates/`.
            nav: Key of the navigation entry that is current; empty for none.
            status: HTTP status.
            **context: What the template shows.
        """
        waiting = (await self._conversations.counts()).get(State.WAITING, 0)
        around = {
            "nav": nav,
            "navigation": NAVIGATION,
            "waiting": waiting,
            "letters": await self._dead_letters.count(),
            "named": bool(session.name),
            "worker": self._staff.default.display_name,
            "version": self._version,
            "node": self._node,
            "uptime": self._clock.now() - self._started_at,
        }
        return self.part(request, session, template, status=status, **(around | context))

    def part(
        self, request: Request, session: Session, template: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """Return a piece of a page, with what its forms need."""
        return self.render(
            request,
            template,
            status=status,
            csrf=self._sessions.csrf_token(session),
            person=self.person(request, session),
            **context,
        )

    def render(self, request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """Return a template rendered with words, time and theme alone."""
        theme = request.cookies.get(THEME_COOKIE)
        html = self._templates.get_template(template).render(
            t=self.words(request),
            now=self._clock.now(),
            theme=theme if theme in THEMES else "",
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            **context,
        )
        return HTMLResponse(html, status)


@cache
def asset(name: str) -> str:
    """Return the address of a static file with a digest of its content, so that it can be cached for good."""
    content = files(__package__).joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
