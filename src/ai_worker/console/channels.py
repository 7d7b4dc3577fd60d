"""What channels are called in the console."""

from collections.abc import Mapping

from ai_worker.channels.contract import Channel
from ai_worker.console.words import FALLBACK, Words

KindNames = Mapping[str, Mapping[str, str]]
"""Kind → language (`zh-CN`, or `zh` alone) → display name, from the channels' own manifests."""


class ChannelNames:
    """Names a channel by its kind, and by its own name where one kind is configured twice."""

    def __init__(self, channels: Mapping[str, Channel], kind_names: KindNames) -> None:
        self._kinds = {name: channel.kind for name, channel in channels.items()}
        self._kind_names = kind_names

    def kind(self, t: Words, name: str) -> str:
        """Return the display name of the channel's kind: `企业微信`; of a channel that is gone, its name."""
        kind = self._kinds.get(name, name)
        words = self._kind_names.get(kind, {})
        for language in (t.language, FALLBACK):
            if shown := words.get(language) or words.get(language.partition("-")[0]):
                return shown
        return t(f"channel.{kind}") if t.has(f"channel.{kind}") else kind

    def title(self, t: Words, name: str) -> str:
        """Return the display name, with the configured name behind it if it would be ambiguous."""
        kind = self._kinds.get(name)
        twice = sum(other == kind for other in self._kinds.values()) > 1
        return f"{self.kind(t, name)} · {name}" if twice else self.kind(t, name)

    def mark(self, t: Words, name: str) -> str:
        """Return the one or two characters in the channel's badge."""
        family = self._kinds.get(name, name).partition("-")[0]
        return t(f"mark.{family}") if t.has(f"mark.{family}") else self.kind(t, name)[:1].upper()
