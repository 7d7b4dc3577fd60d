"""Replies as WeCom's customer service shows them: text, and menus where something is to be chosen."""

from typing import Any

from ai_worker.channels.wecom.kf_wire import RATE
from ai_worker.channels.wecom.words import TEXT_BYTES, pieces
from ai_worker.foundation.text import cut_bytes
from ai_worker.pipeline.store import OutboundMessage

MOST = 4
"""Messages of one reply: the platform takes five in answer to one message, and one may be a holding notice."""

FILES = 3
"""Files that one reply can carry among its messages."""

HEAD_BYTES = 1_024
CLICK_BYTES = 128
CLICKS = 10
CUT = "…（内容较长，后面的省略了）"

HELPED, HELPED_NOT = "有帮助", "没帮助"


def bodies(message: OutboundMessage) -> list[dict[str, Any]]:
    """Return what is sent for a reply's words, in order; each has `msgtype` and what belongs to it."""
    texts, most = pieces(message.reply.text), max(1, MOST - len(message.reply.attachments))
    if len(texts) > most:
        texts = [*texts[: most - 1], cut_bytes(texts[most - 1], TEXT_BYTES - len(CUT.encode())) + CUT]
    told: list[dict[str, Any]] = [{"msgtype": "text", "text": {"content": text}} for text in texts]
    clicks = _clicks(message)
    if clicks and texts and len(texts[-1].encode()) <= HEAD_BYTES:
        menu = [{"type": "click", "click": {"id": id, "content": words}} for id, words in clicks]
        told[-1] = {"msgtype": "msgmenu", "msgmenu": {"head_content": texts[-1], "list": menu}}
    return told


def _clicks(message: OutboundMessage) -> list[tuple[str, str]]:
    reply = message.reply
    clicks = [(choice.id, choice.label) for choice in reply.choices]
    if not clicks and reply.rateable:
        clicks = [(f"{RATE}:up:{message.turn_id}", HELPED), (f"{RATE}:down:{message.turn_id}", HELPED_NOT)]
    fits = all(len(id.encode()) <= CLICK_BYTES and len(words.encode()) <= CLICK_BYTES for id, words in clicks)
    return clicks if fits and len(clicks) <= CLICKS else []
