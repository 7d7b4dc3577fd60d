"""What a service's $metadata says, of whichever version, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Version = Literal["2.0", "3.0", "4.0"]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a type, or one parameter of a function."""

    name: str
    type: str
    """`Edm.String`, `Ns.Address`, `Collection(Edm.Int32)`."""

    nullable: bool = True
    label: str = ""
    max_length: int | None = None
    has_default: bool = False
    computed: bool = False
    """The system gives it its value."""

    immutable: bool = False
    """Given when the entity is made, and never changed."""

    filterable: bool = True


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way from one entity to others."""

    name: str
    target: str
    """The type that it leads to; empty: unknown."""

    many: bool


@dataclass(frozen=True, slots=True)
class Structure:
    """An entity type or a complex type, with all that it inherits."""

    name: str
    keys: tuple[str, ...]
    properties: Mapping[str, Property]
    navigations: tuple[Navigation, ...] = ()
    bases: tuple[str, ...] = ()
    """It and the types that it comes from."""


@dataclass(frozen=True, slots=True)
class EntitySet:
    """A set of entities that stands in the service's container."""

    name: str
    type: str
    label: str = ""
    lists: bool = True
    gets: bool = True
    creates: bool = True
    updates: bool = True
    deletes: bool = True
    needs_filter: bool = False
    alone: bool = False
    """A singleton: one entity, without a key."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function or an action."""

    name: str
    """As it stands in the address: `Ns.Approve` of what is bound."""

    method: str
    parameters: tuple[Property, ...]
    acts: bool
    bound_to: str = ""
    """The type of its first parameter; empty: it stands in the container."""

    bound_to_many: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    version: Version
    title: str
    structures: Mapping[str, Structure]
    enums: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, str]
    """Type definitions: by name, the type that stands for them."""

    sets: tuple[EntitySet, ...]
    functions: tuple[Function, ...]
    warnings: tuple[str, ...] = field(default=())
