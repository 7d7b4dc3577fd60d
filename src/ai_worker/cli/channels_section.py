"""One channel's section of the settings: what it says, what it is to say, and writing it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_origin

from ai_worker.channels import registry
from ai_worker.channels.manifest import SetupField, SetupStep
from ai_worker.foundation.errors import Misconfigured
from ai_worker.settings import Settings, SettingsRefused, edit, shape
from ai_worker.settings.lines import Path as Place
from ai_worker.settings.load import load_text, read

REFERENCES = ("env:", "file:")


class NoSettingsFile(Misconfigured):
    """There is no settings file into which the channel could be written."""

    code = "settings.no_file"
    hint = "ai-worker init"


class NameTaken(Misconfigured):
    """A channel of another kind has this name."""

    code = "channels.name_taken"
    hint = "Choose another name with --name."


@dataclass(slots=True)
class Section:
    """A channel's section, and the values that are to be written into it."""

    file: Path
    name: str
    kind: str
    text: str
    """The settings file as it was read."""

    there: Mapping[str, Any]
    """What the section says now; empty for a new channel."""

    values: dict[str, edit.Value] = field(default_factory=dict)
    """What is to be set; a secret that was typed in is in it until `write` has put it elsewhere."""

    secrets: list[Path] = field(default_factory=list)
    """Files that `write` has put secrets into."""

    changed: bool = False
    """Whether `write` had anything to write."""

    @classmethod
    def of(cls, settings: Settings, kind: str, name: str | None) -> Self:
        """Return the section of the channel `name`; without a name, of the one of this kind, or a new one.

        Raises:
            NoSettingsFile: There is no file.
            NameTaken: The name is another kind's.
        """
        if settings.file is None:
            raise NoSettingsFile("there is no settings file yet")
        if name is None:
            name = next((known for known, told in settings.channels.items() if told.kind == kind), kind)
        known = settings.channels.get(name)
        if known is not None and known.kind != kind:
            raise NameTaken(f"{name!r} is a channel of kind {known.kind}")
        text = read(settings.file)
        there = tomllib.loads(text).get("channels", {}).get(name, {})
        return cls(settings.file, name, kind, text, there)

    @property
    def title(self) -> str:
        """The section's heading."""
        return f"[channels.{self.name}]"

    @property
    def steps(self) -> list[SetupStep]:
        """The steps that a channel with these settings takes."""
        model = registry.settings_class(self.kind).model_fields
        defaults = {name: told.default for name, told in model.items() if not told.is_required()}
        known = {**defaults, **self.there, **self.values}
        return [step for step in registry.setup_steps(self.kind) if step.applies(known)]

    @property
    def calls_back(self) -> bool:
        """Whether some step tells the platform our address."""
        return any(step.calls_back for step in registry.setup_steps(self.kind))

    def put(self, name: str, text: str) -> None:
        """Set one value as somebody wrote it: a list by commas, a number if it is to be one."""
        self.values[name] = _value(text, self._model(name))

    def secret(self, name: str) -> bool:
        """Return whether this setting must never be shown."""
        return shape.is_secret(self._model(name))

    def known(self, name: str) -> bool:
        """Return whether this setting has a value already."""
        return name in self.values or name in self.there

    def missing(self) -> list[str]:
        """Return the settings that the channel needs and does not have."""
        model = registry.settings_class(self.kind).model_fields
        asked = [told.name for step in self.steps for told in step.fields if told.required]
        needed = dict.fromkeys([*asked, *(name for name, told in model.items() if told.is_required())])
        return [name for name in needed if name != "kind" and not self.known(name)]

    def wrong(self, told: SetupField, environ: Mapping[str, str], language: str) -> str:
        """Return what is wrong with the value of one setting; empty if nothing is."""
        place: Place = ("channels", self.name, told.name)
        try:
            load_text(self._text(self.values), file=self.file, environ=environ)
        except SettingsRefused as refused:
            problems = [problem for problem in refused.problems if problem.path[:3] == place]
            return " ".join(problem.say(language) for problem in problems)
        return ""

    def write(self, environ: Mapping[str, str]) -> None:
        """Write the section, if the settings are good with it. Typed secrets go into files of their own.

        Raises:
            SettingsRefused: They are not; nothing was written.
            FileNotEditable: The file cannot be changed.
            FileChanged: Somebody else has changed it in the meantime.
        """
        load_text(self._text(self.values), file=self.file, environ=environ)
        final = dict(self.values)
        for name, value in self.values.items():
            if isinstance(value, str) and value and self.secret(name) and not value.startswith(REFERENCES):
                reference = edit.keep_secret(self.file, self.name, name, value)
                self.secrets.append(self.file.parent / reference.removeprefix("file:"))
                final[name] = reference
        written = self._text(final)
        self.values = final
        self.changed = written != self.text or bool(self.secrets)
        if self.changed:  # also when only a secret's file is new: the running service looks at this one
            edit.replace(self.file, written, former=self.text)

    def printable(self) -> str:
        """Return the section for people to write in by hand; a secret's place is left open."""
        shown: dict[str, edit.Value] = {"kind": self.kind, **self.values}
        for name, value in self.values.items():
            if self.secret(name) and not str(value).startswith(REFERENCES):
                shown[name] = "file:…"
        return edit.section(self.name, shown)

    def _text(self, values: Mapping[str, edit.Value]) -> str:
        return edit.with_channel(self.text, self.name, {"kind": self.kind, **values})

    def _model(self, name: str) -> Any:
        return registry.settings_class(self.kind).model_fields[name].rebuild_annotation()


def _value(text: str, kind: Any) -> edit.Value:
    bare = shape.bare(kind)
    if shape.is_list(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    if bare is bool and text in ("true", "false"):
        return text == "true"
    if bare in (int, float) and get_origin(bare) is None:
        try:
            return int(text) if bare is int else float(text)
        except ValueError:
            return text  # the settings say what is wrong with it
    return text


def shown(value: Any) -> str:
    """Return a value as a prompt shows it."""
    return ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
