"""The introduction: who says something for the first time is looked up before they are answered, where it matters.

What a contact may read, and have done, depends on their department, which only the platform's directory knows.
Without it a turn shows what is open to all and changes nothing, which is safe and, to a colleague who asks for what is
theirs, wrong. So the first turn of a contact waits for the directory, for a moment, as long as there is knowledge that
some may read and others not, or a business system in which something is done for some and not for others.
"""

from collections.abc import Callable
from dataclasses import replace

from ai_worker.conversation.contacts import ContactKey, ContactStore
from ai_worker.conversation.message import Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.pipeline.directory import Directory
from ai_worker.pipeline.runner import Turns

WITHIN_S = 1.5
"""Most that a first turn waits; then it goes on with nobody's rights."""


class IntroducedTurns:
    """Turns whose contacts are known, if the directory says who they are in time: see `Turns`."""

    def __init__(
        self, turns: Turns, *, directory: Directory, contacts: ContactStore, matters: Callable[[], bool]
    ) -> None:
        """Stand before turns.

        Args:
            turns: What answers.
            directory: Asks the platforms.
            contacts: Keeps what they say.
            matters: Returns whether any knowledge, or use of a business system, is for some departments alone.
        """
        self._turns = turns
        self._directory = directory
        self._contacts = contacts
        self._matters = matters

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: Callable[[str], None] | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        """Run a turn, after its contact was looked up if that was never done."""
        if given.message.contact.department is None and not given.human and self._matters():
            given = await self._introduced(given)
        return await self._turns.run(given, on_delta=on_delta, on_draft=on_draft, notebook=notebook)

    def holding(self, given: TurnInput) -> Reply:
        """Return the words that say the answer is on its way."""
        return self._turns.holding(given)

    async def _introduced(self, given: TurnInput) -> TurnInput:
        message = given.message
        await self._directory.meet(message.channel, message.contact.id, within_s=WITHIN_S)
        known = await self._contacts.known(ContactKey(message.channel, message.contact.id))
        if known is None:
            return given
        contact = replace(message.contact, name=known.name or message.contact.name, department=known.department)
        return replace(given, message=replace(message, contact=contact))
