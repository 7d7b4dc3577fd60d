"""Approval: a person's word before a tool acts, bound to exactly what it will do.

What is approved is what is done: the arguments are kept when a person is asked, and carried out from
there. A digest over who asks, the tool and its arguments goes with every question and comes back with
every word, so that a word given for one thing cannot be used for another, or a second time.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from ai_worker.foundation.errors import AiWorkerError
from ai_worker.skills.tool import ApprovedBy, Asker, Risk

CODE = 6
"""Characters that people type. Where two that wait have the same, they are told to look at the console."""

LASTS = timedelta(minutes=10)
"""How long a person may take; what was asked for may be out of date after that."""

STAYS_OPEN = timedelta(hours=1)
"""After so long nobody looks any more whether its asker knows the end."""

MOST_OF_CONTACT, MOST_IN_CONVERSATION = 5, 10
"""Questions for a word that nobody has answered yet, of one contact and in one conversation, within the time that
each may take. Those that were replaced count, too: each of them has had people called."""

ApprovalState = Literal["waiting", "approved", "refused", "expired", "replaced", "used"]
"""`replaced`: the same contact asked for something else instead. `used`: it was carried out, or tried."""


class ApprovalRefused(AiWorkerError):
    """The word cannot be taken: it is too late, for something else, or from somebody who may not give it."""

    code = "approval.refused"
    hint = "Ask for it again: a new question is made, with what will be done."

    def __init__(self, problem: str, *, state: ApprovalState | None = None) -> None:
        super().__init__(problem)
        self.state = state
        """Where the approval stands; `None` where there is none, or the word was for something else."""


class TooManyAsked(AiWorkerError):
    """So many questions for a word are open that nobody is asked another one."""

    code = "approval.too_many"
    hint = "Let those that wait be approved or refused, or wait ten minutes."


@dataclass(frozen=True, slots=True)
class Approval:
    """One act that waits for a person's word, or has it."""

    id: str
    """Derived from the turn that asked: a repeat of the turn asks for the same one."""

    digest: str
    """See `digest_of`."""

    tool: str
    arguments: Mapping[str, Any]
    asker: Asker
    conversation_key: str
    """Of the asker's channel."""

    turn_id: str
    """The turn that asked."""

    approved_by: ApprovedBy
    title: str
    """What people read: `修改收货地址`."""

    text: str
    """What it will do, with its true arguments, as people are shown it."""

    asked_at: datetime
    expires_at: datetime
    state: ApprovalState = "waiting"
    decided_by: str = ""
    """Who gave their word: `wecom/zhangsan`, or a person's name at the console; empty while nobody has."""

    decided_at: datetime | None = None
    used_by: str = ""
    """The turn that carried it out, or told how it ended; empty while none has."""

    risk: Risk = "write-reversible"
    worker: str = ""
    address: Mapping[str, str] = field(default_factory=dict)
    """What the asker's channel needs to reply; see `InboundMessage.address`."""

    group: bool = False

    bound: Mapping[str, str] = field(default_factory=dict)
    """Arguments that are the asker's own, beside `arguments`: with others it is not carried out."""

    @property
    def code(self) -> str:
        """What people type for it: `3FA9C1`. Nobody can choose arguments that make it another one's."""
        return hashlib.sha256(f"{self.id}:{self.digest}".encode()).hexdigest()[:CODE].upper()

    def at(self, now: datetime) -> "Approval":
        """Return it as it stands now: what waits for too long has expired."""
        late = self.state in ("waiting", "approved") and now >= self.expires_at
        return replace(self, state="expired") if late else self

    def decided(self, *, digest: str, by: str, yes: bool, now: datetime) -> "Approval":
        """Return it with a person's word. The same person's same word again changes nothing.

        Args:
            digest: Of what the person was shown, or its `code`.
            by: Who gives the word.
            yes: Which.
            now: Aware, in UTC.

        Raises:
            ApprovalRefused: It does not wait any more, or the word is for something else.
        """
        if digest != self.digest and digest.upper() != self.code:
            raise ApprovalRefused("The word was given for something else than what would be done")
        state: ApprovalState = "approved" if yes else "refused"
        standing = self.at(now)
        if standing.state == state and standing.decided_by == by:
            return standing
        if standing.state != "waiting":
            raise ApprovalRefused(f"It does not wait for a word any more: {standing.state}", state=standing.state)
        return replace(standing, state=state, decided_by=by, decided_at=now, expires_at=now + LASTS)

    def told(self, *, turn_id: str, now: datetime) -> "Approval":
        """Return it as told to its asker by a turn; the same turn may again.

        Raises:
            ApprovalRefused: It still waits or is approved, or another turn has told it.
        """
        standing = self.at(now)
        if standing.state in ("waiting", "approved") or self.used_by not in ("", turn_id):
            raise ApprovalRefused(f"There is nothing to tell of it: {standing.state}", state=standing.state)
        return replace(standing, used_by=turn_id)

    def used(self, *, turn_id: str, now: datetime) -> "Approval":
        """Return it as carried out by a turn; the same turn may again, after a crash.

        Raises:
            ApprovalRefused: It is not approved, has expired, or another turn has used it.
        """
        if self.state == "used" and self.used_by == turn_id:
            return self
        standing = self.at(now)
        if standing.state != "approved":
            raise ApprovalRefused(f"It cannot be carried out: {standing.state}", state=standing.state)
        return replace(standing, state="used", used_by=turn_id)


def digest_of(asker: Asker, tool: str, arguments: Mapping[str, Any]) -> str:
    """Return what ties a person's word to one act: SHA-256 over who asks, the tool and all of its arguments."""
    written = json.dumps(
        [asker.channel, asker.id, tool, arguments], sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(written.encode()).hexdigest()


def admit(*, of_contact: int, in_conversation: int) -> None:
    """Make sure that one more question is not too many; both numbers count it, and all that nobody has answered.

    Raises:
        TooManyAsked: It is.
    """
    if of_contact > MOST_OF_CONTACT or in_conversation > MOST_IN_CONVERSATION:
        raise TooManyAsked(f"{of_contact - 1} are open of this contact, {in_conversation - 1} in this conversation")


class ApprovalStore(Protocol):
    """Keeps approvals, durably. All times are aware and in UTC."""

    async def ask(self, approval: Approval) -> Approval:
        """Keep a question, and return it as it is kept: a repeat changes nothing.

        Others of the same asker in the same conversation that still wait are replaced by it.

        Raises:
            TooManyAsked: Too many are open; it is not kept.
        """
        ...

    async def get(self, approval_id: str, now: datetime) -> Approval | None:
        """Return one as it stands now; `None`: there is none."""
        ...

    async def waiting(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return those that wait for a word, the oldest first."""
        ...

    async def open(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return those for a colleague of which the asker does not know the end yet, the oldest first."""
        ...

    async def latest(self, now: datetime, *, limit: int) -> Sequence[Approval]:
        """Return the latest ones, whatever became of them."""
        ...

    async def decide(self, approval_id: str, *, digest: str, by: str, yes: bool, now: datetime) -> Approval:
        """Keep a person's word, once: see `Approval.decided`.

        Raises:
            ApprovalRefused: There is none, it does not wait any more, or the word is for something else.
        """
        ...

    async def use(self, approval_id: str, *, turn_id: str, now: datetime) -> Approval:
        """Mark an approved one as used by a turn and return it: see `Approval.used`.

        Raises:
            ApprovalRefused: There is none, it is not approved, has expired, or another turn has used it.
        """
        ...

    async def tell(self, approval_id: str, *, turn_id: str, now: datetime) -> Approval:
        """Mark one that came to nothing as told to its asker by a turn, and return it as it stands.

        Raises:
            ApprovalRefused: There is none, it still waits or is approved, or another turn has told it.
        """
        ...
