"""What channels are called in the console."""

from collections.abc import Mapping

from ai_worker.channels.contract import Channel
from ai_worker.console.words import FALLBACK, Words

KindNames = Mapping[str, Mapping[str, str]]
"""Kind → language (`zh-CN`, or `zh` alone) → display name, from the channels' own manifests."""


class ChannelNames:
    """Names a channel by its kind, and by its own name where one kind is configured twice."""

    def __init__(self, channels: Mapping[str, Channel], kind_names: KindNames) -> None:
        self._channels = channels
        self._kind_names = kind_names

    def kind(self, t: Words, name: str) -> str:
        """Return the display name of the channel's kind: `企业微信`; of a channel that is gone, its name."""
        kind = self._kind_of(name)
        words = self._kind_names.get(kind, {})
        for language in (t.language, FALLBACK):
            if shown := words.get(language) or words.get(language.partition("-")[0]):
                return shown
        return t(f"channel.{kind}") if t.has(f"channel.{kind}") else kind

    def title(self, t: Words, name: str) -> str:
        """Return the display name, with the configured name behind it if it would be ambiguous."""
        kind = self._kind_of(name)
        twice = sum(other.kind == kind for other in self._channels.values()) > 1
        return f"{self.kind(t, name)} · {name}" if twice else self.kind(t, name)

    def mark(self, t: Words, name: str) -> str:
        """Return the one or two characters in the channel's badge."""
        return self.mark_of(t, self._kind_of(name), self.kind(t, name))

    @staticmethod
    def mark_of(t: Words, kind: str, name: str = "") -> str:
        """Return the badge of a kind of channel; of an unknown one the first letter of its display name."""
        family = kind.partition("-")[0]
        return t(f"mark.{family}") if t.has(f"mark.{family}") else (name or kind)[:1].upper()

    def _kind_of(self, name: str) -> str:
        channel = self._channels.get(name)
        return channel.kind if channel is not None else name
