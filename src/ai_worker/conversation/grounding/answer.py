"""The check of an answer: sentence by sentence, and the same for its beginning as for the whole.

A sentence is let through or not for what it says itself and for what was shown, never for what comes
after it. So what has been shown of an answer that is still being written need not be taken back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ai_worker.conversation.grounding import marks
from ai_worker.conversation.grounding.addresses import digits, numbers_to_call, presentable
from ai_worker.conversation.grounding.facts import numbers, squashed, tokens
from ai_worker.conversation.grounding.leaks import leaks
from ai_worker.conversation.grounding.orders import plain
from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.support import Source, Terms, contradicts, joined, terms
from ai_worker.foundation.text import fold

CITED, UNCITED, LEADING = 0.45, 0.5, 0.2
"""The share of a sentence's words that must stand in its source: where it names one, where it names none, and
where it only leads to what follows (`步骤如下：`)."""

ENOUGH = 0.5
"""The share of an answer, in characters, that must be left for the rest to be an answer still."""

NEWS = 0.25
"""The share that must stand there of the words that the question did not have: repeating a question is no answer."""

FEW = 2
"""Words beside a number that need not stand there: `最晚` for `最迟`."""

LONGEST = 4_000
"""Characters of the longest answer."""

FOREIGN = 4
"""Words that a sentence must have to be in another language rather than a name in it."""

REPEATS = 5
"""Times that one sentence may be said; a model that goes in circles says it for ever."""

_COURTESY = re.compile(
    r"您好|你好|好的|当然(?:可以)?|可以的|没问题|请放心|不客气|(?:非常|很)?(?:抱歉|感谢)|谢谢(?:您的?)?|"
    r"(?:希望)?(?:以上|这些|上述)?(?:信息|内容|回答|说明|解答)?(?:能够?|可以)?(?:对您|对你)(?:有所?|能有)帮助|"
    r"(?:您|你)?(?:如果?|若)(?:您|你)?(?:还)?有(?:其他|任何|更多|别的|其它)?(?:的)?(?:问题|疑问|需要|需求)|"
    r"(?:请|欢迎|可以)?(?:您|你)?随时(?:再)?(?:联系|咨询|问|告诉|找)(?:我们?)?(?:哦|吧)?|"
    r"(?:请问)?还有(?:什么|其他)(?:可以|能)帮(?:到|助)?您的?(?:吗)?|祝您?(?:生活|购物|工作)?愉快|"
    r"(?:具体|详细|相关)?(?:的)?(?:信息|步骤|内容|说明|流程|情况)?如下|(?:以下|下面)是(?:相关|具体|详细)?(?:的)?(?:信息|步骤|内容|说明|流程)|"
    r"(?:根据|按照?)(?:您提供的|现有|公司|相关|以上|上述)?(?:的)?(?:资料|规定|政策|说明)(?:显示)?|总的来说|综上所述|简单来说|"
    r"(?:已经?)?(?:为|帮)您(?:查询|查|核实)(?:到|过)?了?|查(?:到|过)了?|办好了|(?:您的|这个)?问题|亲|哦|呢|了|的|吧|请|您|你|我|们|"
    r"\b(?:hello|hi|dear|sure|certainly|of course|yes|thanks?|thank you|sorry|please|you|your|for|the|is|are|"
    r"as follows|here)\b|"
    r"i hope (?:this|that) helps(?: you)?|(?:please )?let me know if you have (?:any )?(?:other |more |"
    r"further )?questions?|"
    r"(?:feel free|do not hesitate) to (?:ask|contact(?: us)?)|have a (?:nice|great|good) day|you are welcome|"
    r"according to (?:the|our|your) (?:material|document|policy|documents|information)s?"
)
_SILENT = re.compile(r"[\W_]+")
_HOLES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_LEADS = re.compile(r"[:：]\W*$")

Finding = Literal["courtesy", "supported", "own", "removed"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer may rest on, and what it may repeat."""

    texts: tuple[str, ...] = ()
    """The passages in the order of their numbers, then what was said before."""

    titles: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    """What the business systems said."""

    asked: tuple[str, ...] = ()
    """The question and what else may be named again: the contact's earlier words, the time of day."""

    orders: str = ""
    """What somebody would have the model say: the orders in the question and in what was said before."""

    instructions: str = ""
    """What must not be repeated."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """What is left of an answer."""

    text: str
    """Without marks."""

    marked: str
    """With marks, numbered from 1 in the order of `rests`."""

    rests: tuple[int, ...] = ()
    """The places of the texts that it rests on, in the order in which they come up."""

    supported: int = 0
    """Characters of sentences that rest on something."""

    own: int = 0
    """Characters of sentences that rest on nothing and may stay."""

    removed: int = 0
    """Characters of sentences that were left out."""

    @property
    def stands(self) -> bool:
        """Whether enough is left, and something of it says anything."""
        kept = self.supported + self.own
        return kept > 0 and kept >= ENOUGH * (kept + self.removed)


@dataclass(slots=True)
class _Said:
    """One sentence that is looked at."""

    text: str
    finding: Finding
    places: list[int] = field(default_factory=list)


class Check:
    """Looks at the sentences of one answer."""

    def __init__(self, shown: Shown, *, own: bool, language: str = "", longest: int = LONGEST) -> None:
        """Take apart what was shown.

        Args:
            shown: What the answer may rest on.
            own: Whether the model may say what it knows itself; it may not contradict what was shown.
            language: `zh` or `en`: sentences in another language are left out; empty: any will do.
            longest: Characters of the longest answer; what is beyond is left out, in whole sentences.
        """
        self._shown = shown
        self._own = own
        self._language = language
        self._longest = longest
        titles = (*shown.titles, *[""] * len(shown.texts))
        self._sources = [Source.of(text, title=title) for text, title in zip(shown.texts, titles, strict=False)]
        self._results = [Source.of(result) for result in shown.results]
        material = (*shown.texts, *shown.titles, *shown.results)
        asked = tuple(plain(text) for text in shown.asked)
        self._material = material
        self._known = (*material, *asked)
        self._ordered = terms(shown.orders)
        self._wanted = (tokens(shown.orders) | numbers(shown.orders)) if shown.orders else frozenset()
        self._question = terms(asked[0]) if asked else Terms()
        self._decided: dict[str, tuple[Finding, list[int]]] = {}

    def of(self, text: str) -> Grounded:
        """Return what may be shown of an answer, or of the beginning of one up to the end of a sentence."""
        sentences: list[_Said] = []
        times: dict[str, int] = {}
        length = 0
        for sentence in split(presentable(text, material=self._material)):
            finding, places = self._look(sentence)
            key = fold(marks.bare(sentence))
            times[key] = times.get(key, 0) + 1
            if times[key] > REPEATS and len(key) > 1:
                continue
            length += len(key) if finding != "removed" else 0
            if length > self._longest and sentences:
                break
            sentences.append(_Said(sentence, finding, places))
        return _put_together(sentences, cited=len(self._shown.titles))

    def may_ask(self, question: str) -> bool:
        """Return whether a question names nothing that was neither shown nor said, and nobody ordered it."""
        safe = presentable(question, material=self._material).strip() == question.strip()
        return safe and self._facts_stand(question) and not self._obeys(question)

    def _look(self, sentence: str) -> tuple[Finding, list[int]]:
        if sentence not in self._decided:
            self._decided[sentence] = self._decide(sentence)
        return self._decided[sentence]

    def _decide(self, sentence: str) -> tuple[Finding, list[int]]:
        words = marks.bare(sentence)
        if leaks(words, self._shown.instructions) or self._calls_elsewhere(words):
            return "removed", []
        if self._foreign(words):
            return "removed", []
        if _SILENT.fullmatch(words) or not words:
            return "courtesy", []
        if not _SILENT.sub("", _COURTESY.sub("", fold(words))) and self._facts_stand(words):
            return "courtesy", []
        places = [number - 1 for number in marks.named(sentence) if 0 < number <= len(self._sources)]
        # What was said earlier settles nothing: the same question may be asked of another thing.
        if contradicts(words, [*self._sources[: len(self._shown.titles)], *self._results]):
            return "removed", []
        shown = self._sources or self._results
        if shown and self._facts_stand(words) and (rests := self._rests(words, places)) is not None:
            return "supported", rests
        return ("own" if self._own and not self._obeys(words) else "removed"), []

    def _calls_elsewhere(self, words: str) -> bool:
        """Return whether a sentence has a telephone or account number that nobody has shown or said."""
        called = numbers_to_call(words)
        return bool(called) and any(number not in self._digits for number in called)

    def _foreign(self, words: str) -> bool:
        said = terms(words if "://" not in words else presentable(words, material=()))
        if not self._language or len(said.characters) + len(said.words) < FOREIGN:
            return False
        return not said.characters if self._language == "zh" else len(said.characters) > len(said.words)

    def _obeys(self, words: str) -> bool:
        """Return whether a sentence says what somebody ordered it to say."""
        if not self._ordered:
            return False
        named = squashed([words])
        return terms(words).share_in(self._ordered) >= CITED or any(wanted in named for wanted in self._wanted)

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset[str]().union(*(numbers(text) for text in self._known))

    @cached_property
    def _named(self) -> str:
        return squashed(self._known)

    @cached_property
    def _digits(self) -> str:
        return digits(self._known)

    def _facts_stand(self, words: str) -> bool:
        """Return whether every number and name of a sentence was shown or asked."""
        return numbers(words) <= self._numbers and all(token in self._named for token in tokens(words))

    def _rests(self, words: str, places: list[int]) -> list[int] | None:
        """Return the places that a sentence rests on: those that it names, or the likest; `None` if on nothing.

        An empty list means: on what a business system said.
        """
        said = terms(words)
        if self._results and any(source.share_of(said) >= LEADING for source in self._results):
            return places
        named = [self._sources[place] for place in places]
        if named and any(said.chinese != source.whole.chinese for source in named):
            return places  # in another language only its numbers and names can be compared
        needed = LEADING if _LEADS.search(words) else CITED
        news = said - self._question
        if numbers(words) and len(news.characters) + len(news.words) <= FEW:
            news = Terms()  # the number is the news, and it was looked at
        useful = [place for place in places if self._sources[place].share_of(said) >= needed / len(places)]
        if useful and self._borne_out(
            said, news, joined(self._sources[place].nearest(said) for place in useful), needed
        ):
            return useful
        shares = [source.share_of(said) for source in self._sources]
        best = max(range(len(shares)), key=shares.__getitem__, default=None)
        if best is None:
            return None
        needed = UNCITED if needed == CITED else LEADING
        return [best] if self._borne_out(said, news, self._sources[best].nearest(said), needed) else None

    def _borne_out(self, said: Terms, news: Terms, source: Terms, needed: float) -> bool:
        """Return whether enough of a sentence stands in a source, and of what the question had not said already."""
        if said.share_in(source) < needed:
            return False
        return needed == LEADING or not news or news.share_in(source) >= NEWS


def _put_together(sentences: Sequence[_Said], *, cited: int) -> Grounded:
    """Join what may be shown; courtesies alone are nothing, and neither is what leads to nothing."""
    size = {
        finding: sum(len(said.text.strip()) for said in sentences if said.finding == finding)
        for finding in ("supported", "own", "removed")
    }
    kept = [said for said in sentences if said.finding != "removed"]
    while kept and _LEADS.search(kept[-1].text) and kept[-1] is not sentences[-1]:
        kept.pop()
    if not any(said.finding in ("supported", "own") for said in kept):
        return Grounded("", "", removed=size["removed"])
    rests = list(dict.fromkeys(place for said in kept for place in said.places))
    ours = {place: number for number, place in enumerate((place for place in rests if place < cited), start=1)}
    return Grounded(
        _tidy("".join(marks.bare(said.text) for said in kept)),
        _tidy("".join(marks.marked(said.text, ours, said.places) for said in kept)),
        tuple(rests),
        size["supported"],
        size["own"],
        size["removed"],
    )


def _tidy(text: str) -> str:
    """Return a text without the holes that removed sentences leave."""
    return _HOLES.sub("\n\n", text).strip()
