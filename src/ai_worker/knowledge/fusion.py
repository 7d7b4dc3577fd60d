"""Fusion: what was found by words and what is near in meaning, as one list with one confidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.passage import Passage, Scored

NEAREST = 20
"""Passages that are near in meaning, as far as they are looked at."""

RAISED_TO = (CLARIFY_AT + ANSWER_AT) / 2
"""Up to here a passage may rise that its words found, too. Never to where it would be answered from: how
sure a cosine is differs from model to model, and nobody has measured this one."""

ALONE = CLARIFY_AT
"""What the nearest passage is worth that no word of the question found: it may be asked back, or read by a
language model, and never answers by itself."""

SHARE = 0.5
"""Of the way up, what the nearest goes; the second nearest goes half of that, the third a third."""


def fuse(
    found: Sequence[Scored],
    nearest: Sequence[tuple[str, float]],
    *,
    key_of: Callable[[Passage], str],
    fetch: Callable[[Sequence[str]], Mapping[str, Passage]],
    limit: int,
) -> list[Scored]:
    """Return what words found, raised where meaning agrees, and what only meaning found, best first.

    A passage that is sure by its words stays as sure; the order of the unsure changes.

    Args:
        found: By words, best first.
        nearest: Keys of passages near in meaning, the nearest first.
        key_of: Returns a passage's key.
        fetch: Returns passages by their keys; those that the asker may not read are not among them.
        limit: How many to return at most.
    """
    places = {key: place for place, (key, _) in enumerate(nearest[:NEAREST], start=1)}
    fused = {key_of(scored.passage): _raised(scored, places.get(key_of(scored.passage))) for scored in found}
    for key, passage in fetch([key for key in places if key not in fused]).items():
        fused[key] = Scored(passage, ALONE * (SHARE + (1 - SHARE) / places[key]))
    order = sorted(fused.items(), key=lambda item: (-item[1].score, places.get(item[0], NEAREST + 1), item[0]))
    return [scored for _, scored in order][:limit]


def _raised(scored: Scored, place: int | None) -> Scored:
    if place is None or scored.score >= RAISED_TO:
        return scored
    return replace(scored, score=scored.score + (RAISED_TO - scored.score) * SHARE / place)
