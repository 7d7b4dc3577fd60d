"""Why a key is refused. Whoever has no valid secret learns one thing only: refused."""

from ai_worker.foundation.errors import BadInput, Busy, Denied


class Unauthenticated(Denied):
    """No key, or not a valid one. The words are the same whatever was wrong with it."""

    code = "keys.invalid"
    hint = "Send `Authorization: Bearer <API key>`; make one with: ai-worker keys create NAME"

    def __init__(self, message: str = "A valid API key is needed") -> None:
        super().__init__(message)


class KeyExpired(Unauthenticated):
    """The secret is right, but its time is over."""

    code = "keys.expired"
    hint = "ai-worker keys create NAME"


class KeyRevoked(Unauthenticated):
    """The secret is right, but the key was revoked."""

    code = "keys.revoked"
    hint = "ai-worker keys create NAME"


class AddressDenied(Unauthenticated):
    """The secret is right, but the key may not be used from this address."""

    code = "keys.ip_denied"
    hint = "ai-worker keys create NAME --ip CIDR"


class ScopeDenied(Denied):
    """The key is valid, but is not meant for this."""

    code = "keys.scope_denied"
    hint = "ai-worker keys create NAME --scope SCOPE"


class TooManyFailures(Busy):
    """This address has presented too many bad keys within a minute."""

    code = "keys.too_many_failures"


class BadKeyRequest(BadInput):
    """A key with this name, these scopes or this lifetime cannot be made."""

    code = "keys.bad_request"
    hint = "ai-worker keys create --help"
