"""A system's models as they were when it was asked: facts alone, the same for every such system."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MAX_BYTES = 32 * 1024 * 1024

FieldType = Literal[
    "text", "integer", "number", "decimal", "boolean", "date", "datetime", "time", "duration", "choice",
    "one", "rows", "links", "file", "other",
]  # fmt: skip
"""`one`: another record; `rows`: records that belong to this one; `links`: records of their own."""


class ModelField(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One field of a model."""

    type: FieldType
    title: str = ""
    required: bool = False
    """Whether a new record must have it from us: the system has no value of its own for it."""

    readonly: bool = False
    searchable: bool = True
    relation: str = ""
    """Of `one`, `rows` and `links`: the other model."""

    choices: tuple[tuple[str, str], ...] = ()
    """Of `choice`: values and their names."""


class Model(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One model."""

    fields: Mapping[str, ModelField]
    title: str = ""
    may: tuple[Literal["read", "create", "write", "delete"], ...] = ("read", "create", "write", "delete")
    """What our account may do with its records."""

    methods: tuple[str, ...] | None = None
    """What can be called; `None`: the system does not say."""


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All models that a connection uses."""

    kind: str
    version: str
    """Of the system: `8.2`."""

    models: Mapping[str, Model]

    def field(self, model: str, path: str) -> ModelField:
        """Return the field at the end of a path.

        Raises:
            ContractRefused: There is none.
        """
        first, _, rest = path.partition(".")
        found = self.model(model).fields.get(first)
        if found is None:
            raise ContractRefused(f"{model} has no field {first!r}")
        if not rest:
            return found
        if not found.relation:
            raise ContractRefused(f"{model}: {first!r} leads to no other record, so {path!r} is no field")
        return self.field(found.relation, rest)

    def model(self, name: str) -> Model:
        """Return a model.

        Raises:
            ContractRefused: It is not in the snapshot.
        """
        if name not in self.models:
            raise ContractRefused(f"the contract does not have the model {name!r}; `ai-worker connectors refresh`")
        return self.models[name]


def read_snapshot(file: Path, kind: str) -> tuple[Snapshot, str]:
    """Return the snapshot in a file and its SHA-256.

    Raises:
        ContractRefused: It cannot be read, or is of another kind.
        ContractTooLarge: It is larger than any that is made.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ContractRefused(
            f"{file.name}: {error.strerror}; `ai-worker connectors refresh` asks the system for it"
        ) from None
    if len(content) > MAX_BYTES:
        raise ContractTooLarge(f"{file.name} is larger than {MAX_BYTES // 1024**2} MB")
    try:
        snapshot = msgspec.json.decode(content, type=Snapshot)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ContractRefused(f"{file.name} is no snapshot of a system's models: {error}") from None
    if snapshot.kind != kind:
        raise ContractRefused(f"{file.name} is of {snapshot.kind!r}, not of {kind!r}")
    return snapshot, sha256(content).hexdigest()


def written(snapshot: Snapshot) -> bytes:
    """Return a snapshot as a file: the same models give the same bytes."""
    return msgspec.json.format(msgspec.json.encode(snapshot, order="deterministic"), indent=1) + b"\n"
