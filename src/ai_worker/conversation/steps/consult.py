"""Act with a model: ask it, call the tools that it wants, ask again; within limits.

What only reads is read again when a turn is repeated after a crash. From the first call that acts
on, the talk with the model is kept before and after each such call: a repeat is told what the model
said and what the tools gave, and goes on behind it, whatever the model would answer today.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ai_worker.conversation.grounding.orders import plain
from ai_worker.conversation.grounding.origin import Origin
from ai_worker.conversation.grounding.results import bare_data, plain_value
from ai_worker.conversation.model import ChatMessage, ChatModel, Completion, ModelFailed, ToolCall, ToolSchema
from ai_worker.conversation.progress import Act, Notebook, Progress, ToolUse
from ai_worker.conversation.steps.act import intent, perform
from ai_worker.conversation.steps.call import Called, call
from ai_worker.conversation.steps.live import Heard
from ai_worker.conversation.steps.operations import looked_up, on_offer, unwrapped
from ai_worker.conversation.steps.prompt import names_of, offered
from ai_worker.conversation.steps.skills import Practice
from ai_worker.conversation.trace import Trace
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.skills.skill import Skill
from ai_worker.skills.tool import Asker, Tool, Toolbox, ToolFailed, ToolUnsure

MODEL_S = 60.0
"""Seconds for all calls of one turn together."""

TOOL_CALLS = 8
MAX_TOKENS = 2_048
RESULT_CHARACTERS = 8_000
"""How much of a tool's result the model is shown."""

ERROR = "error:"
"""How the words begin that tell a model of a call that came to nothing."""

NAMED = 20
"""Tools that a model is told of that has called what does not exist."""

SYSTEMS_WORDS = "“"
"""Where a business system's own words begin in the words of a failure: all kinds of connectors quote them so."""

REPAIRS = 1
"""Times that a model may try again after calling a tool that does not exist or that it cannot spell."""


class ModelMisbehaved(AiWorkerError):
    """The model works but does not come to an answer: endless or broken tool calls."""

    code = "model.misbehaved"
    hint = "Try another model, or fewer tools: [workers.NAME] connectors."


class NeedsPerson(AiWorkerError):
    """The model wants something done that it may not do of its own: a document may have told it to."""

    code = "tool.needs_person"
    hint = "A colleague decides and does it in the business system."

    def __init__(self, tool: Tool, arguments: Mapping[str, Any], *, tainted: bool) -> None:
        super().__init__(f"{tool.name} was wanted, and is not called without a person's word")
        self.tool, self.arguments = tool, arguments
        self.tainted = tainted
        """Whether the model had read what may give it orders."""


@dataclass(frozen=True, slots=True)
class Consulted:
    """A model's answer, as it wrote it."""

    text: str
    model: str
    truncated: bool
    tokens: int
    uses: tuple[ToolUse, ...]
    results: tuple[str, ...]
    """What the tools gave back, as the model saw it."""

    tainted: bool
    """Whether it had read what may give it orders."""


class Consultation:
    """One turn's talk with the model."""

    def __init__(
        self,
        model: ChatModel,
        toolbox: Toolbox | None,
        *,
        turn_id: str,
        tools: Sequence[Tool],
        tainted: bool,
        trace: Trace,
        notebook: Notebook | None,
        progress: Progress | None,
        origin: Origin,
        asker: Asker | None = None,
        may_ask: bool = False,
        skills: Sequence[Skill] = (),
    ) -> None:
        """Prepare the talk.

        Args:
            model: Who is asked.
            toolbox: Where the tools are.
            turn_id: What the calls' keys are derived from.
            tools: The tools that there are.
            tainted: Whether the model reads what may give it orders: then nothing that acts is called.
            trace: Records the calls.
            notebook: Where acts are kept; without it nothing that acts is called.
            progress: Where an earlier run of this turn came to; `None` for a turn that begins.
            origin: Whose words there are: nothing is looked up with what only a document says.
            asker: For whom tools are called.
            may_ask: Whether a person can be asked for their word.
            skills: Those that the worker has.
        """
        self._model = model
        self._toolbox = toolbox
        self._turn_id = turn_id
        self._tools = {tool.name: tool for tool in tools}
        self._offered, self._may_ask = offered(tools, may_ask=may_ask), may_ask
        self._names = names_of(tools)
        self._trace = trace
        self._notebook = notebook
        self._origin = origin
        self._asker = asker
        self._kept = progress or Progress()
        self._said = list(self._kept.talk)
        self._practice = Practice(skills, self._said)
        self._tainted = tainted or any(
            message.role == "tool" and place not in self._practice.places and _could_order(message)
            for place, message in enumerate(self._said)
        )
        self._uses = list(self._kept.uses)
        self._tokens = 0
        self._mistakes = 0

    async def ask(self, messages: Sequence[ChatMessage], *, heard: Heard | None) -> Consulted:
        """Return the model's answer.

        Raises:
            ModelFailed: No model answered in time.
            ModelMisbehaved: It kept calling tools, or kept calling them wrongly.
            NeedsPerson: It wanted a tool to act that may not, or may not any more.
            ToolUnsure: Nobody knows whether a tool that acts has acted.
        """
        try:
            async with asyncio.timeout(MODEL_S):
                return await self._talk(messages, heard)
        except TimeoutError:
            raise ModelFailed(f"The model came to no answer within {MODEL_S:.0f} s") from None

    @property
    def progress(self) -> Progress:
        """How far it has come, also when it failed."""
        return replace(self._kept, talk=tuple(self._said), uses=tuple(self._uses))

    @property
    def schemas(self) -> list[ToolSchema]:
        """What the model is told of next: fewer tools once it uses a skill that names its own."""
        return [*self._practice.schemas(), *on_offer(self._practice.left(self._offered), may_ask=self._may_ask)]

    async def _talk(self, messages: Sequence[ChatMessage], heard: Heard | None) -> Consulted:
        ends = self._trace.elapsed_ms() + MODEL_S * 1000
        while True:
            await self._call_what_is_wanted()
            left = max(0.0, ends - self._trace.elapsed_ms()) / 1000
            answer = await self._complete([*messages, *self._said], self.schemas, deadline_s=left, heard=heard)
            if not answer.tool_calls:
                uses = tuple(self._uses)
                return Consulted(
                    answer.text, answer.model, answer.truncated, self._tokens, uses, self.results, self._tainted
                )
            if heard is not None:
                heard.again()  # what it said before it called a tool is no answer
            self._said.append(ChatMessage("assistant", answer.text, answer.tool_calls))

    async def _call_what_is_wanted(self) -> None:
        """Make the calls of the model's last message that are not made yet."""
        for made, message in enumerate(reversed(self._said)):
            if message.role == "assistant":
                for wanted in message.tool_calls[made:]:
                    await self._answer(wanted)
                return

    async def _answer(self, wanted: ToolCall) -> None:
        """Call a tool as the model asked, and add what to tell it to the talk."""
        number = sum(message.role == "tool" for message in self._said) + 1
        if number > TOOL_CALLS:
            raise ModelMisbehaved(f"The model wanted more than {TOOL_CALLS} tool calls")
        told = await self._result(wanted, number)
        self._said.append(ChatMessage("tool", told, tool_call_id=wanted.id))
        if (act := self._kept.act(number)) is not None:
            self._kept = self._kept.ended(act, told=told, ok=not told.startswith(ERROR))
            await self._keep()

    async def _result(self, wanted: ToolCall, number: int) -> str:
        if (skill := self._practice.opened(wanted, self._offered)) is not None:
            with self._trace.step("tool") as note:
                note.detail = self._practice.latest
            return skill
        left = self._practice.left(self._offered)
        if (found := looked_up(wanted, left)) is not None:
            return found[:RESULT_CHARACTERS]
        wanted = unwrapped(wanted)
        tool, arguments = self._tools.get(wanted.name), _arguments(wanted)
        if (begun := self._kept.act(number)) is not None:
            return await self._again(begun, tool)
        if self._toolbox is None or tool is None or arguments is None or not self._practice.allows(tool.name):
            return self._refused()
        if tool.acts:
            return await self._act(self._toolbox, tool, arguments, number)
        if name := self._origin.slipped_in(arguments, tool.parameters, self.results):
            return f"{ERROR} not called. Only a document says what {name} is; the contact has to"
        key = f"{self._turn_id}:{number}"
        return self._told(await call(self._toolbox, tool, arguments, key=key, trace=self._trace, asker=self._asker))

    def _refused(self) -> str:
        """Return what a model is told that calls what does not exist, once.

        Raises:
            ModelMisbehaved: It was told before.
        """
        self._mistakes += 1
        if self._mistakes > REPAIRS:
            raise ModelMisbehaved("The model called tools that do not exist, or with broken arguments")
        names = ", ".join([tool.name for tool in self._practice.left(list(self._tools.values()))][:NAMED]) or "none"
        return f"{ERROR} not called. The arguments must be one JSON object; the tools are: {names}"

    async def _act(self, toolbox: Toolbox, tool: Tool, arguments: Mapping[str, Any], number: int) -> str:
        """Call a tool that acts, unless this turn has done just that; the intent is on disk before.

        Raises:
            NeedsPerson: A person has to say yes to it first.
        """
        if self._tainted or self._notebook is None or not _alone_allowed(tool):
            try:
                toolbox.check(tool.name, arguments, asker=self._asker)
            except ToolFailed as wrong:  # a person is asked only for what can be done
                return f"{ERROR} {plain(str(wrong), names=self._names)}"
            raise NeedsPerson(tool, arguments, tainted=self._tainted)
        if (before := self._kept.done_before(tool.name, arguments)) is not None and before.told is not None:
            return before.told
        act = intent(self._turn_id, number, tool, arguments)
        self._kept = self._kept.begun(act)
        await self._keep()
        return self._told(await perform(toolbox, tool, act, trace=self._trace, asker=self._asker))

    async def _again(self, act: Act, tool: Tool | None) -> str:
        """Go on with an act that an earlier run of this turn had begun, as it had begun it.

        Raises:
            ToolUnsure: Nobody knows how it ended, and its system would do it a second time.
        """
        if self._toolbox is None or tool is None or not tool.idempotent:
            raise ToolUnsure(f"{act.tool} was called before a restart, and its answer was lost")
        return self._told(await perform(self._toolbox, tool, act, trace=self._trace, asker=self._asker))

    def _told(self, called: Called) -> str:
        """Return what the model is told of a call."""
        self._uses.append(called.use)
        if called.failure is not None:
            # A system's words in a refusal are as little to be trusted as those in an answer.
            self._tainted = self._tainted or SYSTEMS_WORDS in str(called.failure)
            return f"{ERROR} {plain(str(called.failure), names=self._names)}"
        self._tainted = self._tainted or not bare_data(called.data)
        data = plain_value(called.data, names=self._names)
        return json.dumps(data, ensure_ascii=False, default=str)[:RESULT_CHARACTERS]

    @property
    def results(self) -> tuple[str, ...]:
        """What the tools have given back so far, as the model saw it."""
        return tuple(
            message.content
            for message in self._said
            if message.role == "tool" and not message.content.startswith(ERROR)
        )

    async def _keep(self) -> None:
        assert self._notebook is not None
        await self._notebook.keep(self.progress)

    async def _complete(
        self,
        talk: Sequence[ChatMessage],
        tools: Sequence[ToolSchema],
        *,
        deadline_s: float,
        heard: Heard | None,
    ) -> Completion:
        with self._trace.step("model") as note:
            note.detail = "failed"
            answer = await self._model.complete(
                talk, tools=tools, max_tokens=MAX_TOKENS, deadline_s=deadline_s, on_delta=heard
            )
            tokens = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            self._tokens += tokens
            note.detail = f"{answer.model}, {tokens} tokens"
        return answer


def _alone_allowed(tool: Tool) -> bool:
    return tool.unattended and tool.approved_by not in ("colleague", "never")


def _could_order(message: ChatMessage) -> bool:
    """Return whether a tool's result, as it was kept, has more than bare data in it."""
    if message.content.startswith(ERROR):
        return SYSTEMS_WORDS in message.content
    try:
        return not bare_data(json.loads(message.content))
    except (ValueError, RecursionError):  # it was cut off
        return True


def _arguments(wanted: ToolCall) -> dict[str, Any] | None:
    """Return the arguments as an object; `None` if they are anything else."""
    try:
        arguments = json.loads(wanted.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None
