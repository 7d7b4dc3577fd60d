"""Values that must not show in logs, errors or tracebacks."""

from typing import Annotated, final

from pydantic import BeforeValidator, PlainValidator, ValidationInfo


@final
class Secret:
    """A string whose `repr` and `str` are `***`; ask for it by name with `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it where it is used, never earlier."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def _resolve(value: object, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("a secret is text: a literal, env:NAME or file:PATH")  # noqa: TRY004  (pydantic wants it)
    resolve = (info.context or {}).get("resolve")
    return Secret(resolve(value) if resolve else value)


def _resolve_text(value: object, info: ValidationInfo) -> object:
    resolve = (info.context or {}).get("resolve")
    return resolve(value) if resolve and isinstance(value, str) else value


SecretField = Annotated[Secret, PlainValidator(_resolve)]
"""A settings field that holds a secret: a literal, `env:NAME` or `file:PATH`.

The reference is resolved by `context["resolve"]` (str → str, raising ValueError) when the settings
are read; without a context the text is taken as it stands.
"""

TextField = Annotated[str, BeforeValidator(_resolve_text)]
"""A settings field that holds text which may live in a file: a literal, `env:NAME` or `file:PATH`."""
