"""Bursts: people send three short messages where one would do, and want one answer.

A message that another one of the same contact follows closely is finished without a reply, and its
words wait with the conversation (`PendingQuestion.burst`) to be answered with the next one. Each
message is accepted, finished and kept as its own, so that nothing of a burst is ever lost: not by a
crash between two of them, and not when the last one fails.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from ai_worker.conversation.asked import own
from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.pipeline.store import Claim

MESSAGES = 10
"""A burst of so many is answered, however many follow: somebody who never stops must not wait for ever."""

WAITED_FOR = 5
"""After so many nothing more is waited for; only what is there already still belongs to it."""

NOTHING_ASKED = PendingQuestion(times=0)
"""Stands where nothing was asked back, so that a burst has something to wait with."""

Course = Literal["answer", "wait", "join"]
"""`join`: it is answered with the next one, which is there already. `wait`: one may follow."""


def course(claim: Claim, *, window: timedelta, now: datetime) -> Course:
    """Return what to do with a message, if messages that follow each other within `window` are one burst."""
    message = claim.message
    alone = message.chosen or message.standalone or message.history is not None or claim.state is State.HUMAN
    begun = claim.held or claim.progress is not None or claim.attempt > 1
    if not window or alone or begun or len(_joined(claim)) + 1 >= MESSAGES:
        return "answer"
    if claim.next_at is not None:
        return "join" if claim.next_at - message.received_at <= window else "answer"
    age = now - message.received_at
    return "wait" if timedelta(0) <= age < window and len(_joined(claim)) < WAITED_FOR else "answer"


def joined(claim: Claim) -> TurnResult:
    """Return the result of a message that is answered with the next one."""
    pending = claim.pending or NOTHING_ASKED
    said = (*_joined(claim), claim.message.text)
    who = claim.message.contact.id if claim.message.group else ""
    return TurnResult("silent", None, pending=replace(pending, burst=said, burst_of=who), joined=True)


def whole(claim: Claim) -> Claim:
    """Return the claim of a burst's last message with the words of all of them."""
    earlier = _joined(claim)
    if claim.pending is None or not earlier:
        return claim
    open_question = replace(claim.pending, burst=(), burst_of="")
    pending = None if open_question == NOTHING_ASKED else open_question
    text = "\n".join(words for words in (*earlier, claim.message.text) if words)
    history = _without(claim.history, earlier)
    message = replace(claim.message, text=text)
    return replace(claim, message=message, history=history, pending=pending, burst=earlier)


def apart(claim: Claim) -> PendingQuestion | None:
    """Return what `whole` made a claim's words and its pending question of, for `whole` to do it again."""
    asked = own(claim.pending, claim.message)
    if asked is not None:
        asked = replace(asked, others=())  # what others in a group were asked stays with the conversation
    who = claim.message.contact.id if claim.message.group else ""
    return replace(asked or NOTHING_ASKED, burst=claim.burst, burst_of=who) if claim.burst else asked


def _joined(claim: Claim) -> tuple[str, ...]:
    """Return what was said just before, but not by somebody else: their last message may have been given up."""
    waits = claim.pending
    return waits.burst if waits and waits.burst_of in ("", claim.message.contact.id) else ()


def _without(history: tuple[Utterance, ...], earlier: tuple[str, ...]) -> tuple[Utterance, ...]:
    """Return the history before a burst: its messages stand last, each once, as the store tells them."""
    left = len(history)
    for words in reversed(earlier):
        if left and history[left - 1].role == "user" and history[left - 1].text == words:
            left -= 1
    return history[:left]
