"""Who calls: one API key in one `Authorization: Bearer` header, and nothing else."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ai_worker.keys.keyring import Keyring, Scope
from ai_worker.keys.refusals import Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that calls, and what is its own."""

    name: str
    """The key's name; empty where no key is needed."""

    key_id: str
    admin: bool
    scopes: tuple[str, ...] = ()
    """What its key is good for."""

    def owned(self, own_id: str) -> str:
        """Return an id of the caller's choice as the whole house knows it."""
        return f"{self.name}/{own_id}"

    def derived(self, made_id: str) -> str:
        """Return an id that we made for the caller; it never meets one of the caller's choice."""
        return f"{self.name}:{made_id}"

    def own_id(self, whole: str) -> str | None:
        """Return the caller's own form of an id; `None` if it is not the caller's.

        An administrator sees everybody's, each with its owner's name before it.
        """
        if whole.startswith((f"{self.name}/", f"{self.name}:")):
            return whole[len(self.name) + 1 :]
        return whole if self.admin else None


STRANGER = Caller("", "", admin=False)


class Guard:
    """Lets callers in."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def admit(self, connection: HTTPConnection, scope: Scope, *also: Scope) -> Caller:
        """Return who calls, if the key is good for `scope`, or one of `also`, from where it is used.

        Keys in the query, in cookies or in another scheme than Bearer are not looked at: those places
        end up in logs and histories.

        Raises:
            Unauthenticated: There is no key, more than one, or not a good one.
            ScopeDenied: The key is not meant for this.
            TooManyFailures: Too many bad keys came from this address.
        """
        address = connection.client.host if connection.client else ""
        key = await self._keyring.authenticate(_bearer(connection), address=address, scope=scope, also=also)
        return Caller(key.name, key.id, admin="admin" in key.scopes, scopes=key.scopes)


def _bearer(connection: HTTPConnection) -> str:
    values = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        raise Unauthenticated
    scheme, _, key = values[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    return str(key.strip())
