"""Ask a person before something is changed in a business system, and do it once they have said yes.

What is approved is what is done: see `skills.approval`. The one who asked presses a button or writes
确认; where it takes somebody else, a colleague decides at the console or in their own messenger, and a
message of their own in the conversation (`settled:…`) lets a turn carry it out, in order with all else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ai_worker.conversation.grounding.orders import plain
from ai_worker.conversation.grounding.results import bare_data
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, Contact, InboundMessage, Reply
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.progress import Act, Notebook, Progress
from ai_worker.conversation.shown import bound_to, plainly, shown, too_long, unmasked
from ai_worker.conversation.steps import compose
from ai_worker.conversation.steps.act import perform
from ai_worker.conversation.steps.call import Called, call
from ai_worker.conversation.steps.verbs import told
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import PendingQuestion, TurnInput, TurnResult
from ai_worker.conversation.word import Word
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import shorten
from ai_worker.skills.approval import LASTS, Approval, ApprovalRefused, ApprovalStore, TooManyAsked, digest_of
from ai_worker.skills.tool import Asker, ReadBack, Tool, Toolbox, ToolFailed, ToolRefused, ToolUnsure

FAILED, REFUSED = "error:", "error:refused:"
"""How what is kept of an act begins that came to nothing, and of one to which the system said no."""


def asker_of(given: TurnInput) -> Asker:
    """Return for whom a turn acts."""
    contact = given.message.contact
    return Asker(
        given.message.channel,
        contact.id,
        contact.name or "",
        contact.department or "",
        member=contact.member,
        turn_id=given.turn_id,
    )


def settled(approval: Approval, text: str, *, now: datetime) -> InboundMessage:
    """Return the message by which a conversation learns what became of an approval; its id never changes."""
    asker = approval.asker
    return InboundMessage(
        channel=asker.channel,
        message_id=f"approval:{approval.id}",
        conversation_key=approval.conversation_key,
        contact=Contact(asker.id, asker.name or None, asker.department or None, asker.member),
        text=text,
        received_at=now,
        address=approval.address,
        worker=approval.worker or None,
        group=approval.group,
        chosen=Word("settled", approval.id).id,
    )


class Approvals:
    """Asks, hears the word, and carries out."""

    def __init__(self, store: ApprovalStore, toolbox: Toolbox, *, clock: Clock) -> None:
        self._store = store
        self._toolbox = toolbox
        self._clock = clock

    async def ask(self, tool: Tool, arguments: Mapping[str, Any], given: TurnInput, words: Phrases) -> TurnResult:
        """Ask the person whose word it takes. Nothing is changed; a repeat of the turn asks the same.

        Raises:
            ToolFailed: It could not be called so; nobody was asked.
        """
        if tool.for_known_only:
            return compose.to_know_first(words)
        if tool.approved_by == "never" or given.message.standalone or given.message.by_machine or too_long(arguments):
            return compose.to_confirm(words)
        asker, message = asker_of(given), given.message
        self._toolbox.check(tool.name, arguments, asker=asker)
        bound = bound_to(tool)
        digest = digest_of(asker, tool.name, {**arguments, **bound})
        now = self._clock.now()
        wish = Approval(
            id=derived_id("apr", given.turn_id, digest),
            digest=digest,
            tool=tool.name,
            arguments=dict(arguments),
            asker=asker,
            conversation_key=message.conversation_key,
            turn_id=given.turn_id,
            approved_by=tool.approved_by,
            title=tool.title or tool.description,
            text=shown(tool, arguments),
            asked_at=now,
            expires_at=now + LASTS,
            risk=tool.risk,
            worker=given.worker,
            address=message.address,
            group=message.group,
            bound=bound,
        )
        try:
            approval = await self._store.ask(wish)
        except TooManyAsked:
            return _said(words.say("approve_too_many", minutes=int(LASTS.total_seconds() // 60)))
        minutes = int(LASTS.total_seconds() // 60)
        if tool.approved_by == "colleague":
            said = words.say("approve_colleague", text=approval.text, code=approval.code, minutes=minutes)
            return TurnResult("answer", Reply(said), confidence=1.0)
        yes, no = (Word(kind, approval.id, approval.code).id for kind in ("approve", "refuse"))
        choices = (Choice(yes, words.say("approve_yes")), Choice(no, words.say("approve_no")))
        listed = "\n".join(f"{number}. {choice.label}" for number, choice in enumerate(choices, start=1))
        said = words.say("approve_asker", text=approval.text, list=listed, minutes=minutes)
        return TurnResult("clarify", Reply(said, choices), confidence=1.0, pending=PendingQuestion(choices=choices))

    async def hear(
        self, word: Word, given: TurnInput, words: Phrases, *, trace: Trace, notebook: Notebook | None
    ) -> TurnResult:
        """Take a person's word, and carry out what was approved."""
        if given.message.by_machine:
            return compose.to_confirm(words)
        approval = await self._store.get(word.approval_id, self._clock.now())
        asker = asker_of(given)
        if approval is None or (approval.asker.channel, approval.asker.id) != (asker.channel, asker.id):
            return _said(words.say("approve_gone"))
        try:
            if word.kind == "settled":
                return await self._settled(approval, given, words, trace, notebook)
            if approval.approved_by != "asker":
                return _said(words.say("approve_not_yours", text=approval.text))
            by = f"{asker.channel}/{asker.id}"
            now = self._clock.now()
            if approval.state != "used" or approval.used_by != given.turn_id:  # a repeat of the turn that used it
                approval = await self._store.decide(
                    approval.id, digest=word.code, by=by, yes=word.kind == "approve", now=now
                )
            if word.kind == "refuse":
                return _said(words.say("approve_dropped"))
            return await self._carry_out(approval, given, words, trace, notebook)
        except ApprovalRefused as refused:
            return _said(words.say(f"approve_{refused.state}" if refused.state else "approve_changed"))

    async def _settled(
        self, approval: Approval, given: TurnInput, words: Phrases, trace: Trace, notebook: Notebook | None
    ) -> TurnResult:
        if approval.approved_by != "colleague" or approval.state in ("waiting", "replaced"):
            return TurnResult("silent", None)
        if approval.state in ("approved", "used"):
            return await self._carry_out(approval, given, words, trace, notebook)
        approval = await self._store.tell(approval.id, turn_id=given.turn_id, now=self._clock.now())
        key = "approve_turned_down" if approval.state == "refused" else "approve_nobody"
        return _said(words.say(key, text=approval.text))

    async def _carry_out(
        self, approval: Approval, given: TurnInput, words: Phrases, trace: Trace, notebook: Notebook | None
    ) -> TurnResult:
        """Do it once, however often the turn is run, and read back what came of it."""
        asker = asker_of(given)  # with the department of today
        tools = {tool.name: tool for tool in self._toolbox.tools(asker=asker)}
        tool = tools.get(approval.tool)
        if tool is None or notebook is None:
            return compose.unsure(words) if given.progress is not None else compose.to_confirm(words)
        if given.progress is None:  # what has begun goes on as it had begun
            if (tool.approved_by, tool.risk) != (approval.approved_by, approval.risk):
                return compose.to_confirm(words)
            if bound_to(tool) != approval.bound:
                return _said(words.say("approve_changed"))
        approval = await self._store.use(approval.id, turn_id=given.turn_id, now=self._clock.now())
        approval = replace(approval, asker=asker)
        progress, called = await self._act(approval, tool, given, trace, notebook)
        result = await self._told(approval, tool, tools, called, words, trace)
        return replace(result, tools=progress.all_uses)

    async def _act(
        self, approval: Approval, tool: Tool, given: TurnInput, trace: Trace, notebook: Notebook
    ) -> tuple[Progress, Called | None]:
        """Call the tool unless that was done, with the intent on disk before; `None`: nobody knows what came of it."""
        progress = given.progress or Progress()
        act = progress.act(1)
        if act is not None and act.told is not None:
            failure = _failure(act.told)
            use = progress.uses[-1]
            return progress, Called(use, None if failure else json.loads(act.told), failure)
        if act is None:
            act = Act(1, derived_id("act", approval.id), tool.name, dict(approval.arguments))
            progress = progress.begun(act)
            await notebook.keep(progress)
        elif not tool.idempotent:
            return progress, None
        try:
            called = await perform(self._toolbox, tool, act, trace=trace, asker=approval.asker)
        except ToolUnsure:
            return progress, None
        mark = REFUSED if isinstance(called.failure, ToolRefused) else FAILED
        said = mark + str(called.failure) if called.failure else json.dumps(called.data, ensure_ascii=False)
        progress = replace(progress, uses=(*progress.uses, called.use)).ended(act, told=said, ok=not called.failure)
        await notebook.keep(progress)
        return progress, called

    async def _told(
        self,
        approval: Approval,
        tool: Tool,
        tools: Mapping[str, Tool],
        called: Called | None,
        words: Phrases,
        trace: Trace,
    ) -> TurnResult:
        """Say what came of it."""
        if called is not None and isinstance(called.failure, ToolRefused):
            refused = words.say("act_refused", title=approval.title, reason=_system_words(called.failure, words))
            return replace(_said(refused), tainted=True)
        if called is not None and called.failure is not None:
            return TurnResult("handoff", Reply(words.say("act_failed", title=approval.title)), reason=Reason.FAILED)
        back = await self._read_back(tool.read_back, approval, called, tools, trace) if tool.read_back else None
        if called is None and (back is None or not back.holds):
            return compose.unsure(words)
        if back is None or tool.read_back is None:
            return _said(words.say("act_done", title=approval.title))
        values = {key: plainly(value) for key, value in unmasked(tool, approval.arguments).items()}
        now = told(tool.read_back.template, back.data, values=values, no_value=words.say("no_value"))
        tainted = not bare_data(back.data)
        if back.holds is False:
            doubtful = Reply(words.say("act_doubtful", title=approval.title, now=now))
            return TurnResult("handoff", doubtful, reason=Reason.FAILED, tainted=tainted)
        return replace(_said(words.say("act_done_and_read", title=approval.title, now=now)), tainted=tainted)

    async def _read_back(
        self,
        back: ReadBack,
        approval: Approval,
        called: Called | None,
        tools: Mapping[str, Tool],
        trace: Trace,
    ) -> "_Back | None":
        tool = tools.get(back.tool)
        if tool is None:
            return None
        values = {key: str(value) for key, value in {**approval.bound, **approval.arguments}.items()}
        result = called.data if called is not None else None
        arguments = {
            name: told(template, result, values=values, no_value="") for name, template in back.arguments.items()
        }
        read = await call(self._toolbox, tool, arguments, key=f"{approval.id}:back", trace=trace, asker=approval.asker)
        if read.failure is not None:
            return None
        wanted = {name: told(template, None, values=values, no_value="") for name, template in back.expects.items()}
        found = {name: told(f"{{{name}}}", read.data, values={}, no_value="") for name in wanted}
        holds = None if not wanted else all(_same(found[name], value) for name, value in wanted.items())
        return _Back(read.data, holds)


@dataclass(frozen=True, slots=True)
class _Back:
    """What a system says after an act."""

    data: Any
    holds: bool | None
    """Whether it says what was wanted; `None`: nothing was compared."""


def _same(found: str, wanted: str) -> bool:
    """Return whether what is read back says what was wanted: systems add a country, a line end, a salutation."""
    one, other = "".join(found.split()), "".join(wanted.split())
    if re.fullmatch(r"[-+]?[\d.,]+", other):
        return one == other
    return bool(other) and other in one


def _failure(told: str) -> ToolFailed | None:
    """Return the failure that is kept of an act; `None`: it was done."""
    if told.startswith(REFUSED):
        return ToolRefused(told.removeprefix(REFUSED))
    return ToolFailed(told.removeprefix(FAILED)) if told.startswith(FAILED) else None


def _system_words(failure: ToolFailed, words: Phrases) -> str:
    """Return the system's own words out of an error, without ours; a dash where it has none."""
    _, _, rest = str(failure).partition("“")
    said = plain(rest.rpartition("”")[0])
    return shorten(said, 200) if said else words.say("no_value")


def _said(text: str) -> TurnResult:
    return TurnResult("answer", Reply(text), confidence=compose.BY_TOOL)
