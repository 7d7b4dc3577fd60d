"""What a model says it does: answer, ask back, or pass on. Read off plain text, however it is decorated."""

import json
import re
from dataclasses import dataclass
from typing import Literal

from ai_worker.conversation.grounding.addresses import without_thoughts

NO_ANSWER = "NO_ANSWER"
"""What a model says when neither the material nor the tools have the answer."""

ASK_BACK = "ASK_BACK"
"""What a model puts before a question to the contact, when the answer hangs on something they did not say."""

QUESTION_CHARACTERS = 200

_ASKS = re.compile(rf"^[\W_]*{ASK_BACK}[\s*_`:：]*(.+)", re.DOTALL)
_FENCE = re.compile(r"^\s*```\w*\s*|\s*```\s*$")
_PRIVATE = re.compile(
    r"密码|口令|验证码|身份证|银行卡|信用卡号|卡号|password|passcode|\bpin\b|\bcvv\b|one-time code", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model has decided."""

    kind: Literal["answer", "ask", "none"]
    text: str = ""
    """The answer, or the question to the contact; empty for `none`."""


def verdict(text: str) -> Verdict:
    """Read a model's decision: a bare answer, our two words in any decoration, or a JSON object that says it."""
    bare = _FENCE.sub("", without_thoughts(text)).strip()
    if bare.startswith("{") and (told := _object(bare)) is not None:
        return told
    if NO_ANSWER in bare:
        return Verdict("none")
    if (asks := _ASKS.match(bare)) is not None:
        return Verdict("ask", asks[1].strip("*_` \n"))
    return Verdict("answer", bare.replace(ASK_BACK, ""))


def declines(text: str) -> bool:
    """Return whether the model says that it has no answer."""
    return NO_ANSWER in text


def undecided(text: str) -> bool:
    """Return whether the beginning of what a model says may still become anything but an answer."""
    bare = _FENCE.sub("", without_thoughts(text)).lstrip("*_` \n#\"'「“")
    return bare.startswith(("{", ASK_BACK, NO_ANSWER)) or NO_ANSWER in bare


def may_be_asked(question: str) -> bool:
    """Return whether a contact may be asked this: one short question, and for nothing that is nobody's business."""
    return (
        0 < len(question) <= QUESTION_CHARACTERS
        and question.rstrip(' 。)）"”').endswith(("?", "？"))
        and _PRIVATE.search(question) is None
    )


def _object(text: str) -> Verdict | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    decision = str(told.get("decision", "")).lower()
    words = next((told[key] for key in ("text", "answer", "question", "content") if isinstance(told.get(key), str)), "")
    if decision in ("handoff", "hand_off", "none", "no_answer"):
        return Verdict("none")
    if decision in ("clarify", "ask", "ask_back"):
        return Verdict("ask", words)
    return Verdict("answer", words) if decision == "answer" and words else None
