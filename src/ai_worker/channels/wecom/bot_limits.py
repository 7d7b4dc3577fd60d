"""The bot platform's limits: 30 messages a minute and 1,000 an hour in each conversation."""

from collections.abc import Mapping

from ai_worker.pipeline.sending import Limit

PER_MINUTE, MINUTE_S = 28, 61.0
PER_HOUR, HOUR_S = 950, 3_660.0


def chat_of(address: Mapping[str, str]) -> str:
    """Return whom or which group an address leads to; empty if to nobody."""
    return address.get("chat", "") or address.get("user", "")


def limits(address: Mapping[str, str]) -> tuple[Limit, Limit]:
    """Return the limits that a message to an address counts to."""
    chat = chat_of(address)
    return Limit(f"chat:{chat}", PER_MINUTE, MINUTE_S), Limit(f"chat-hour:{chat}", PER_HOUR, HOUR_S)
