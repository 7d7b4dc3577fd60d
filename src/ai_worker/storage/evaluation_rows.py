"""What is stored of golden questions and thresholds, and what it is made from again: the same in every database."""

from datetime import datetime
from typing import Any

from ai_worker.conversation.evaluation import GoldenQuestion, Threshold
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.storage import codec
from ai_worker.storage.rows import plain


def golden(row: Any) -> GoldenQuestion:
    """Return a golden question as its row tells."""
    id_, question, answer_ids, topic, source, added_at = row
    return GoldenQuestion(id_, question, codec.strings(answer_ids), topic, source, from_micros(added_at))


def golden_row(question: GoldenQuestion, at: datetime) -> tuple[str, str, str, str, str, int]:
    """Return what is stored of a golden question."""
    ids = codec.encode([plain(id_) for id_ in question.answer_ids])
    return plain(question.id), plain(question.question), ids, plain(question.topic), question.source, to_micros(at)


def threshold(row: Any) -> Threshold:
    """Return a base's thresholds as their row tells."""
    base, target, answer_at, clarify_at, questions, tuned_at = row
    return Threshold(base, target, answer_at, clarify_at, questions, from_micros(tuned_at))


def threshold_row(threshold: Threshold) -> tuple[str, float, float, float, int, int]:
    """Return what is stored of a base's thresholds."""
    one = threshold
    return plain(one.base), one.target, one.answer_at, one.clarify_at, one.questions, to_micros(one.tuned_at)
