"""How long to wait before trying again."""

import random


def backoff(attempt: int, *, base: float, cap: float) -> float:
    """Return seconds to wait after failed attempt number `attempt` (1 is the first).

    Half of the exponential delay is fixed and half is random ("equal jitter"): attempts never
    bunch, and never come at once. The delay before jitter is `base * 2**(attempt - 1)`, at most `cap`.
    """
    delay = min(cap, base * 2.0 ** min(attempt - 1, 32))
    return delay / 2 + random.uniform(0, delay / 2)  # noqa: S311  (spreads load, guards nothing)
