"""What the store contracts are tried with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ai_worker.conversation.contacts import ContactStore
from ai_worker.conversation.evaluation import EvaluationStore
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import HandoffStore
from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.store import ConversationStore
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.ids import derived_id
from ai_worker.keys.store import JoiningStore, KeyStore
from ai_worker.knowledge.archive import Archive
from ai_worker.knowledge.gaps import GapStore
from ai_worker.knowledge.sources import SourceStore
from ai_worker.knowledge.store import KnowledgeStore
from ai_worker.learning.feedback import FeedbackStore
from ai_worker.ops.stats import StatsStore
from ai_worker.pipeline.answers import FirstAnswerStore
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.deadletter import DeadLetterStore
from ai_worker.pipeline.files import FileStore
from ai_worker.pipeline.store import Claim, FinalState, OutboundKind, OutboundMessage, PipelineStore
from ai_worker.skills.approval import ApprovalStore
from ai_worker.skills.calls import CallStore

ME = "runner-1"
OTHER = "runner-2"


@dataclass
class Stores:
    """Every store over one database, with a clock that stands still until it is advanced."""

    clock: FixedClock
    pipeline: PipelineStore
    conversations: ConversationStore
    knowledge: KnowledgeStore
    archive: Archive
    sources: SourceStore
    keys: KeyStore
    joining: JoiningStore
    stats: StatsStore
    dead_letters: DeadLetterStore
    answers: FirstAnswerStore
    channels: ChannelStore
    feedback: FeedbackStore
    gaps: GapStore
    evaluation: EvaluationStore
    calls: CallStore
    contacts: ContactStore
    approvals: ApprovalStore
    handoffs: HandoffStore
    files: FileStore
    sweep: Callable[[datetime], Awaitable[int]]
    count: Callable[[str], Awaitable[int]]
    """How many rows a table has: for what no port shows."""

    def message(self, text: str, *, id: str, who: str = "wang-fang", **fields: Any) -> InboundMessage:
        """Return a message of a contact that arrives now."""
        made = InboundMessage(
            channel="service-desk",
            message_id=id,
            conversation_key=who,
            contact=Contact(who, "王芳"),
            text=text,
            received_at=self.clock.now(),
            address={"touser": who},
        )
        return replace(made, **fields)

    async def accept(self, *texts: str, who: str = "wang-fang", **fields: Any) -> list[str]:
        """Accept messages in order, a second apart, with their text as id; return the turn ids."""
        turns = []
        for text in texts:
            accepted = await self.pipeline.accept(self.message(text, id=f"{who}/{text}", who=who, **fields))
            turns.append(accepted.turn_id)
            self.clock.advance(timedelta(seconds=1))
        return turns

    async def claim(self, *, owner: str = ME, limit: int = 10) -> list[Claim]:
        return await self.pipeline.claim(owner=owner, limit=limit, now=self.clock.now())

    async def claim_one(self) -> Claim:
        (claim,) = await self.claim()
        return claim

    async def finish(self, claim: Claim, result: TurnResult, *sent: OutboundMessage, ms: float = 800.0) -> None:
        await self.pipeline.finish(claim, result, sent, now=self.clock.now(), response_ms=ms)

    def outbound(self, claim: Claim, text: str, kind: OutboundKind = "reply") -> OutboundMessage:
        return OutboundMessage(
            id=derived_id("r", claim.turn_id, kind, text),
            turn_id=claim.turn_id,
            conversation_id=claim.conversation_id,
            channel=claim.message.channel,
            address=claim.message.address,
            kind=kind,
            reply=Reply(text),
            created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(hours=2),
            asked_at=claim.message.received_at,
        )

    async def answer(self, text: str = "可以退货。", *, deliver: bool = True) -> Claim:
        """Answer the one message that is due, and deliver the answer."""
        claim = await self.claim_one()
        sent = self.outbound(claim, text)
        await self.finish(claim, answered(text), sent)
        if deliver:
            await self.pipeline.settle(sent, "delivered", now=self.clock.now())
        return claim

    async def bury(self, *texts: str, error: str = "ValueError: 坏消息", who: str = "wang-fang") -> list[str]:
        """Accept messages and give each of them up; return their turn ids."""
        turns = []
        for text in texts:
            turns += await self.accept(text, who=who)
            claim = await self.claim_one()
            await self.pipeline.bury(claim, error=error, now=self.clock.now())
        return turns

    async def undelivered(
        self, text: str, state: FinalState = "failed", *, who: str = "wang-fang", error: str = "errcode 60020"
    ) -> OutboundMessage:
        """Accept a message and answer it with words that do not arrive; return them."""
        await self.accept(f"问{text}", who=who)
        claim = await self.claim_one()
        reply = self.outbound(claim, text)
        await self.finish(claim, answered(text), reply)
        await self.pipeline.settle(reply, state, now=self.clock.now(), error=error)
        return reply

    async def forget(self) -> None:
        """Let the store forget all that it may forget by now."""
        while await self.sweep(self.clock.now()):
            pass

    async def claim_outbound(self, *, owner: str = ME, limit: int = 10) -> list[OutboundMessage]:
        return await self.pipeline.claim_outbound(owner=owner, limit=limit, now=self.clock.now())


def answered(text: str = "可以退货。") -> TurnResult:
    return TurnResult("answer", Reply(text), confidence=0.9)


def handed_over(reason: Reason) -> TurnResult:
    return TurnResult("handoff", Reply("我请同事来回答您。"), reason=reason)


SILENT = TurnResult("silent", None)
