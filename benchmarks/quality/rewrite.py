"""What `run_rewrite.py` measures: the rewriting that a message's search rests on."""

from collections.abc import Sequence

from ai_worker.conversation.context.rewrite import rewrite as rewritten


class Rewriter:
    """The product's own."""

    def rewrite(self, history: Sequence[str], text: str) -> str:
        """Return `text` completed from the utterances before it."""
        return rewritten(history, text)


def rewrite() -> Rewriter:
    """Return what `run_rewrite.py` measures."""
    return Rewriter()
