"""Complete: a message that leans on what was said before, made into one that stands alone."""

import re
from collections.abc import Sequence

from ai_worker.conversation.context.rewrite import points, rewrite
from ai_worker.conversation.hearing import hearing, squash
from ai_worker.conversation.message import Utterance
from ai_worker.foundation.remembered import remembered
from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms

LOOKED_BACK = 4
"""Questions back among which the one that a message leans on is looked for."""

WORD = 3
"""Characters beyond which what is asked about says by itself what is asked: `那退货的运费呢`."""

KEPT = 250
"""Characters of a message, and of the question before it, that are put together."""

_WHAT_ABOUT = re.compile(
    r"(?:那么?|如果是?|要是|换成|改成|还有|what about|how about|and)?[\s，,]*(.{1,12}?)(?:的话|的情况)?\s*[呢么?？]*"
)


def leaned_on(text: str, history: Sequence[Utterance]) -> str:
    """Return the earlier question that `text` leans on; empty if there is none.

    That is the latest, unless `text` takes up a word of one before: `那退货的运费呢` after a question in
    between about invoices.
    """
    asked = _questions_before(history)
    if len(asked) < 2:  # nothing to choose from
        return asked[0] if asked else ""
    words = _matter(text)
    shared = (question for question in asked if words & _matter(question))
    return next(shared, asked[0])


def completions(text: str, before: str, history: Sequence[Utterance], *, corrects: bool) -> list[str]:
    """Return up to two ways to say `text` in full.

    The last has the words of both. Before it, if it can be made, a sentence: the question before with
    the new word in its place, or the message with what it points at.
    """
    together = f"{before[:KEPT]} {text[:KEPT]}"
    said = [utterance.text[:KEPT] for utterance in history[-2:]]
    sentence = ""
    if corrects or hearing().points_back(text):
        earlier = dict.fromkeys((before, *_questions_before(history)))
        sentence = next(filter(None, (_put_in_place(text, question) for question in earlier)), "")
    if not sentence:
        sentence = rewrite(said, text[:KEPT]) if points(text) else text
    return [together] if sentence in (text, before, together) else [sentence, together]


def _questions_before(history: Sequence[Utterance]) -> list[str]:
    """Return the contact's latest utterances that were about something, the latest first."""
    listening = hearing()
    asked: list[str] = []
    for utterance in reversed(history):
        text = utterance.text
        if utterance.role == "user" and text and listening.small_talk(text) is None and listening.number(text) is None:
            asked.append(text)
            if len(asked) == LOOKED_BACK:
                break
    return asked


@remembered(texts=1_024, characters=400)
def _matter(text: str) -> frozenset[str]:
    words = terms.words(fold(text[:KEPT]))
    return frozenset(word for word in words if len(word) > 1 and word not in terms.FUNCTION_WORDS)


def _put_in_place(text: str, before: str) -> str:
    """Return `怎么换货` for `那换货呢` after `怎么退货`; empty if nothing tells where the word goes."""
    about = _WHAT_ABOUT.fullmatch(fold(text))
    if about is None or hearing().asks(about[1]):
        return ""
    new = squash(about[1])
    old = [word for word in terms.words(fold(before[:KEPT])) if len(word) > 1 and word not in terms.FUNCTION_WORDS]
    alike = [word for word in old if word not in new and (word[-1] == new[-1] or word[0] == new[0])]
    return fold(before).replace(max(alike, key=len), new) if alike else new if len(new) > WORD else ""
