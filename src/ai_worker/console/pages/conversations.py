"""The conversations: who waits, what was said, and taking over."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console import inbox
from ai_worker.console.attaching import FORM_BYTES, Attaching
from ai_worker.console.channels import ChannelNames
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.handoff import card, on_duty
from ai_worker.console.identity import Identities
from ai_worker.console.letters import Letters
from ai_worker.console.session import Session
from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.message import Reply
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.store import AlreadyTaken, ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput, Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.text import clean
from ai_worker.pipeline.board import Board, PersonSaid
from ai_worker.pipeline.facts import ConversationChanged
from ai_worker.pipeline.files import MOST_AT_ONCE, MOST_BYTES

MAX_REPLY = 4_000
"""Characters of one reply; the channels split what is too long for them."""

Change = Callable[[int, str, FormData], Awaitable[None]]
"""Something that is done to a conversation: its number, the person who does it, the form."""


class EmptyReply(BadInput):
    """A person sent a reply without words."""

    code = "console.empty_reply"


class LongReply(BadInput):
    """A person sent a reply that is longer than one may be."""

    code = "console.long_reply"


class ConversationsPage:
    """Serves `/conversations`, its parts, and what people do there."""

    def __init__(
        self,
        *,
        frame: Frame,
        conversations: ConversationStore,
        letters: Letters,
        staff: Staff,
        names: ChannelNames,
        identities: Identities,
        attaching: Attaching,
        board: Board,
        events: EventBus,
        duty: Duty,
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._duty = duty
        self._frame = frame
        self._conversations = conversations
        self._letters = letters
        self._staff = staff
        self._names = names
        self._identities = identities
        self._attaching = attaching
        self._board = board
        self._events = events
        self._wake = wake
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        one = "/conversations/{id:int}"
        changes: dict[str, Change] = {
            "take-over": self._take_over,
            "hand-back": self._hand_back,
            "retry": self._retry,
            "link": self._identities.link,
            "unlink": self._identities.unlink,
        }
        return [
            Route("/conversations", guard(self._page), methods=["GET"]),
            Route(one, guard(self._page), methods=["GET"]),
            Route(f"{one}/files/{{file}}", guard(self._attaching.serve), methods=["GET"]),
            Route("/parts/conversations", guard(self._list), methods=["GET"]),
            Route("/parts/conversations/{id:int}", guard(self._thread), methods=["GET"]),
            Route("/parts/conversations/{id:int}/link", guard(self._linking), methods=["GET"]),
            Route(f"{one}/say", guard(self._act(self._say)), methods=["POST"], max_body_size=FORM_BYTES),
            *(Route(f"{one}/{name}", guard(self._act(change)), methods=["POST"]) for name, change in changes.items()),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        """Answer the whole page; or, to a click in the list, the conversation and the list that marks it."""
        chosen: int | None = request.path_params.get("id")
        state = filter_of(request.query_params.get("state"))
        listed = await self._conversations.conversations(states=inbox.FILTERS[state], limit=inbox.LIST_LIMIT)
        # Without a choice a wide screen shows the first conversation; a narrow one shows the list.
        shown = chosen if chosen is not None else next((conversation.id for conversation in listed), None)
        context = await self._listed(request, listed, state=state, shown=shown)
        context |= {"chosen": chosen is not None, "conversation": None, "linking": None}
        if shown is not None:
            context |= await self._shown(request, session, shown)
            context |= await self._asked_to_link(request, context["conversation"])
        if "hx-request" in request.headers and "hx-history-restore-request" not in request.headers:
            return self._frame.part(request, session, "parts/chosen.html", **context)
        return await self._frame.page(request, session, "conversations.html", nav="conversations", **context)

    async def _list(self, request: Request, session: Session) -> Response:
        state = filter_of(request.query_params.get("state"))
        return self._frame.part(request, session, "parts/list.html", **await self._relisted(request, state))

    async def _thread(self, request: Request, session: Session) -> Response:
        context = await self._shown(request, session, request.path_params["id"])
        same = request.query_params.get("composer") == context["composer"]
        state = filter_of(request.query_params.get("state"))
        return self._frame.part(request, session, "parts/thread.html", keep_composer=same, state=state, **context)

    async def _linking(self, request: Request, session: Session) -> Response:
        """Answer what covers the facts while somebody looks for a contact to link; nothing once they are done."""
        conversation = await self._conversations.conversation(request.path_params["id"])
        context = await self._asked_to_link(request, conversation)
        state = filter_of(request.query_params.get("state"))
        return self._frame.part(
            request, session, "parts/linking.html", conversation=conversation, state=state, **context
        )

    async def _asked_to_link(self, request: Request, conversation: Conversation) -> dict[str, Any]:
        """Return the step at which linking is: looking for somebody, being sure, or none."""
        asked, t = request.query_params, self._frame.words(request)
        if "link" not in asked or conversation.group:
            return {"linking": None}
        if "contact" in asked:
            key = ContactKey(asked.get("channel", ""), asked["contact"])
            return {
                "linking": "sure",
                "cards": await self._identities.chosen(t, key),
                "contact": inbox.contact_name(t, conversation),
            }
        words = asked.get("q", conversation.contact_name or "")
        return {"linking": "search", "q": words, "cards": await self._identities.search(t, conversation, words)}

    def _act(self, change: Change) -> Callable[[Request, Session], Awaitable[Response]]:
        async def act(request: Request, session: Session) -> Response:
            number: int = request.path_params["id"]
            form = await request.form()
            await change(number, self._frame.person(request, session), form)
            self._events.publish(ConversationChanged(number))
            state = filter_of(str(form.get("state", "")))
            if "hx-request" not in request.headers:
                return RedirectResponse(f"/conversations/{number}?state={state}", 303)
            context = await self._relisted(request, state, shown=number)
            context |= await self._shown(request, session, number)
            identity = change in (self._identities.link, self._identities.unlink)
            context |= {"keep_composer": identity, "linked": identity}
            return self._frame.part(request, session, "parts/changed.html", **context)

        return act

    async def _take_over(self, number: int, person: str, _form: FormData) -> None:
        await self._conversations.take_over(number, person, self._clock.now())

    async def _hand_back(self, number: int, person: str, _form: FormData) -> None:
        await self._conversations.hand_back(number, person, self._clock.now())

    async def _say(self, number: int, person: str, form: FormData) -> None:
        text = clean(str(form.get("text", "")))
        if len(text) > MAX_REPLY:
            raise LongReply(f"the reply has {len(text)} characters; at most {MAX_REPLY} can be sent")
        attachments = await self._attaching.keep(await self._conversations.conversation(number), form)
        if not text and not attachments:
            raise EmptyReply("the reply has no words")
        reply = Reply(text, attachments=attachments)
        try:
            await self._conversations.say(number, person, reply, self._clock.now())
        except (AlreadyTaken, Busy):
            await self._attaching.give_up(attachments)
            raise
        self._board.post(PersonSaid(number, reply, person), conversation_id=number)
        self._wake()

    async def _retry(self, _number: int, _person: str, form: FormData) -> None:
        await self._letters.retry(str(form.get("letter", "")))

    async def _relisted(self, request: Request, state: str, *, shown: int | None = None) -> dict[str, Any]:
        listed = await self._conversations.conversations(states=inbox.FILTERS[state], limit=inbox.LIST_LIMIT)
        selected = request.query_params.get("selected", "")
        if shown is None and selected.isdecimal():
            shown = int(selected)
        return await self._listed(request, listed, state=state, shown=shown)

    async def _listed(
        self, request: Request, listed: list[Conversation], *, state: str, shown: int | None
    ) -> dict[str, Any]:
        counts = await self._conversations.counts()
        t = self._frame.words(request)
        return {
            "duty": on_duty(t, self._duty, self._clock.now()),
            "rows": inbox.rows(t, listed, shown=shown, names=self._names, now=self._clock.now()),
            "chips": inbox.chips(counts, state),
            "state": state,
            "waiting": counts.get(State.WAITING, 0),
            "letters": await self._letters.count(),
        }

    async def _shown(self, request: Request, session: Session, number: int) -> dict[str, Any]:
        conversation = await self._conversations.conversation(number)
        items = await self._conversations.thread(number, limit=inbox.THREAD_LIMIT)
        t, now = self._frame.words(request), self._clock.now()
        person = self._frame.person(request, session)
        return {
            "conversation": conversation,
            "contact": inbox.contact_name(t, conversation),
            "mark": self._names.mark(t, conversation.channel),
            "kind": self._names.kind(t, conversation.channel),
            "reason": inbox.reason_words(t, conversation.handoff_reason),
            "lines": inbox.lines(t, items, staff=self._staff, now=now, files=await self._attaching.of(items)),
            "attach_most": MOST_AT_ONCE,
            "attach_bytes": MOST_BYTES,
            "composer": inbox.composer_of(conversation, person),
            "card": card(t, self._duty, conversation, items, now),
            "group_id": inbox.group_id(conversation),
            "others": await self._identities.others(t, conversation),
            "facts": inbox.facts(t, conversation, items, now),
            "sources": inbox.sources(items),
            "steps": inbox.latest_steps(items),
        }


def filter_of(word: str | None) -> str:
    """Return the filter that a word in an address names; all conversations if it names none."""
    return word if word is not None and word in inbox.FILTERS else "all"
