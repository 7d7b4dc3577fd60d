"""What an administrator says about a system made of models: which of them, and what is asked and changed by number."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ai_worker.connectors.auth_settings import Strict
from ai_worker.connectors.kind import Options
from ai_worker.foundation.secret import SecretField, TextField

Action = Literal["search", "read", "create", "update", "delete"]

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=120)]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=120)]
FieldPath = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,4}$", max_length=240)]
MethodName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=120)]
OperationName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=48)]
ArgumentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=48)]


class ModelOptions(Strict):
    """One model whose records are searched, read and written as they are."""

    actions: tuple[Action, ...] = ("search", "read", "create", "update", "delete")
    """Which of them are offered; those that our account may not do are left out."""

    fields: tuple[FieldName, ...] = ()
    """The only fields that are shown and written; empty: all that the system has."""

    methods: tuple[MethodName, ...] = ()
    """Buttons and methods that take a list of records: `quote`, `action_confirm`."""


class LookupOptions(Strict):
    """A question about one record that people know by its number."""

    title: str
    description: str = ""
    model: ModelName
    by: Mapping[ArgumentName, FieldPath] = Field(min_length=1)
    """By argument, the field that must have its value: `order_id = "number"`."""

    fields: tuple[FieldPath, ...] = Field(min_length=1)
    """What is answered; names with dots reach into related records: `party.name`, `lines.quantity`."""

    ignore_case: bool = False
    """`ord123` finds `ORD123`."""

    many: bool = False
    """Several records may fit: they are answered as a list. Otherwise two that fit are a refusal."""

    limit: int = Field(default=20, ge=1, le=200)
    order: FieldName | None = None
    """Of many: by which field, the largest first."""


class Argument(Strict):
    """A value that is asked for."""

    argument: ArgumentName
    title: str = ""
    required: bool = True


class Fixed(Strict):
    """A value that is always the same."""

    value: str | int | float | bool | None


class OfRecord(Strict):
    """The value that a field of the found record has."""

    record: FieldName


class Created(Strict):
    """A record that is made for it: a new address. One that is there already with the same values is taken."""

    create: ModelName
    values: Mapping[FieldName, Argument | Fixed | OfRecord] = Field(min_length=1)


Source = Argument | Fixed | OfRecord | Created


class ChangeOptions(LookupOptions):
    """A change to one record that people know by its number."""

    set: Mapping[FieldName, Source] = Field(default_factory=dict)
    """By field, where its new value comes from."""

    call: MethodName | None = None
    """A button or method that is called for the record, after the fields are written."""

    only: Mapping[FieldName, tuple[str | int | bool, ...]] = Field(default_factory=dict)
    """Fields, and the values with which the record may be changed at all: `state = ["draft"]`."""

    @model_validator(mode="after")
    def _changes_one(self) -> Self:
        if not self.set and self.call is None:
            raise ValueError("a change needs `set` or `call`")
        if self.many:
            raise ValueError("a change is made to one record; `many` is for lookups")
        taken = [*self.by, *(one.argument for one in self.arguments())]
        if twice := {name for name in taken if taken.count(name) > 1}:
            raise ValueError(f"the argument {min(twice)!r} is named twice")
        return self

    def arguments(self) -> Iterator[Argument]:
        """Yield what is asked for besides the record's number."""
        for _, _, source in self.sources():
            if isinstance(source, Argument):
                yield source

    def sources(self) -> Iterator[tuple[str, str, Source]]:
        """Yield every value that is written: the model that it is written to, its field and where it comes from."""
        for name, source in self.set.items():
            yield self.model, name, source
            if isinstance(source, Created):
                for inner, one in source.values.items():
                    yield source.create, inner, one


def _by_name(value: object) -> object:
    """Turn a list of models into what says no more about each."""
    return {name: {} for name in value} if isinstance(value, list | tuple) else value


class RpcOptions(Options):
    """The `[options]` of a system made of models."""

    database: TextField = Field(min_length=1)
    user: TextField = Field(min_length=1)
    password: SecretField
    """Of an account of the worker's own, with as few rights as its work needs."""

    language: str = Field(default="", pattern=r"^([a-z]{2,3}(_[A-Z]{2})?)?$")
    """In which the system answers: `zh_CN`; empty: the account's own."""

    models: Annotated[Mapping[ModelName, ModelOptions], BeforeValidator(_by_name)] = Field(default_factory=dict)
    """A list of names, or a table for each."""

    lookups: Mapping[OperationName, LookupOptions] = Field(default_factory=dict)
    changes: Mapping[OperationName, ChangeOptions] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if both := self.lookups.keys() & self.changes.keys():
            raise ValueError(f"{min(both)!r} is a lookup and a change; an operation is one of them")
        return self

    def paths(self) -> Iterator[tuple[str, str]]:
        """Yield every field that lookups and changes name, with the model that it begins at."""
        for one in (*self.lookups.values(), *self.changes.values()):
            for path in (*one.by.values(), *one.fields, *([one.order] if one.order else [])):
                yield one.model, path
        for change in self.changes.values():
            yield from ((change.model, name) for name in change.only)
            for model, name, source in change.sources():
                yield model, name
                if isinstance(source, OfRecord):
                    yield change.model, source.record
