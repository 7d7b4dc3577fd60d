"""What a platform's `manifest.toml` says about setting a channel up: the steps, and what each asks for.

The command line and the console show the same list.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ai_worker.channels.contract import Proof

Said = Mapping[str, str]
"""The same words by language: `zh-CN`, `en`."""

CALLBACK_URL, PUBLIC_URL, NAME = "{callback_url}", "{public_url}", "{name}"
"""What stands in a step's text for the address that the platform calls, for the address under which the
service is reached from outside, and for the channel's name."""


@dataclass(frozen=True, slots=True)
class SetupField:
    """One setting that a step asks for."""

    name: str
    label: Said
    help: Said
    required: bool
    secret: bool


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step of connecting a channel, on the platform's pages or in the settings."""

    id: str
    title: Said
    text: Said
    """In the platform's own menu words, with `{callback_url}`, `{public_url}` and `{name}` in it; say it
    with `told`."""

    fields: tuple[SetupField, ...]
    proof: Proof | None
    """What shows that the step was done right; `None` when nothing can."""

    when: Mapping[str, str]
    """The step is for channels whose settings have these values; empty: for all."""

    def applies(self, values: Mapping[str, object]) -> bool:
        """Return whether a channel with these settings takes this step; what is not set does not exclude it."""
        return all(str(values[name]) == wanted for name, wanted in self.when.items() if name in values)

    def told(self, language: str, *, name: str, public_url: str) -> str:
        """Return the text with the places filled in.

        Args:
            language: `zh-CN` or `en`.
            name: The channel's name.
            public_url: Where the service is reached from outside, without a slash at the end.
        """
        places = {CALLBACK_URL: callback_url(public_url, name), PUBLIC_URL: public_url, NAME: name}
        text = self.text[language]
        for place, value in places.items():
            text = text.replace(place, value)
        return text

    @property
    def calls_back(self) -> bool:
        """Whether the platform is told our address in this step."""
        return any(CALLBACK_URL in text for text in self.text.values())


@dataclass(frozen=True, slots=True)
class SetupGuide:
    """How one kind of channel is connected."""

    kind: str
    name: Said
    platform: Said
    minutes: int
    """About how long it takes somebody who has the platform's administration open."""

    steps: tuple[SetupStep, ...]

    @property
    def fields(self) -> tuple[SetupField, ...]:
        """Every setting that is asked for, in the order of the steps."""
        return tuple({field.name: field for step in self.steps for field in step.fields}.values())


def callback_url(public_url: str, name: str) -> str:
    """Return the address that a platform calls for the channel `name`."""
    return f"{public_url.rstrip('/')}/channels/{name}/callback"


@cache
def guides_in(platform: str) -> Mapping[str, SetupGuide]:
    """Return the guides of one platform's folder, by kind."""
    text = files(f"ai_worker.channels.{platform}").joinpath("manifest.toml").read_text("utf-8")
    return guides_of(tomllib.loads(text))


def guides_of(manifest: Mapping[str, Any]) -> Mapping[str, SetupGuide]:
    """Return the guides that a manifest tells, by kind.

    Raises:
        ValueError: A step names a field that the manifest does not describe.
    """
    return MappingProxyType(
        {
            kind: SetupGuide(
                kind=kind,
                name=_said(told["name"]),
                platform=_said(manifest["name"]),
                minutes=told["minutes"],
                steps=tuple(_step(kind, step, told.get("field", {})) for step in told.get("step", ())),
            )
            for kind, told in manifest["kind"].items()
        }
    )


def _step(kind: str, told: Mapping[str, Any], described: Mapping[str, Any]) -> SetupStep:
    if unknown := set(told.get("fields", ())) - set(described):
        raise ValueError(f"{kind}, step {told['id']}: not described: {', '.join(sorted(unknown))}")
    return SetupStep(
        id=told["id"],
        title=_said(told["title"]),
        text=_said(told["text"]),
        fields=tuple(_field(name, described[name]) for name in told.get("fields", ())),
        proof=told.get("proof") or None,
        when={name: str(value) for name, value in told.get("when", {}).items()},
    )


def _field(name: str, told: Mapping[str, Any]) -> SetupField:
    return SetupField(
        name=name,
        label=_said(told["label"]),
        help=_said(told["help"]),
        required=told.get("required", False),
        secret=told.get("secret", False),
    )


def _said(told: Mapping[str, str]) -> Said:
    return {"zh-CN": told["zh"].strip(), "en": told["en"].strip()}
