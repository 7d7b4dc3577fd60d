"""Connections: how they are made, what ends them, and what their failures mean."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from ai_worker.foundation.errors import BadInput, Misconfigured
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.postgres.address import Address

DEADLINE_S = 4.0
"""How long one call may take as a whole. A server that is cut off says nothing: only this ends the wait."""

CONNECT_S = 3.0
LOCK_S = 0.5
"""How long a statement waits for a row that another node holds; a paused one must not hold everybody up."""

KEEP_IDLE_S, KEEP_INTERVAL_S, KEEP_COUNT = 2, 1, 3
"""TCP keepalives, on both ends: a peer that is gone is noticed after five seconds of silence."""

POOL_LEAST, POOL_MOST = 2, 12
"""Connections of one process: one for each kind of write, the rest for reads."""

POOLERS_WORDS = "unsupported startup parameter"
"""What PgBouncer says of them: without our timeouts a node that hangs would hold up all others."""

STATEMENTS = 200
"""Prepared statements that each connection keeps."""

# A node that is paused in the middle of a transaction must give its row locks back: the server ends it.
_SESSION = {
    "application_name": "ai-worker",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "statement_timeout": f"{int(DEADLINE_S * 1000)}",
    "lock_timeout": f"{int(LOCK_S * 1000)}",
    "idle_in_transaction_session_timeout": f"{int(DEADLINE_S * 1000)}",
    "tcp_keepalives_idle": f"{KEEP_IDLE_S}",
    "tcp_keepalives_interval": f"{KEEP_INTERVAL_S}",
    "tcp_keepalives_count": f"{KEEP_COUNT}",
    "tcp_user_timeout": f"{int(DEADLINE_S * 1000)}",
    "client_connection_check_interval": "2000",  # a node that died must not leave a statement behind that goes on
    "synchronous_commit": "on",
    "jit": "off",
}


class DatabaseRefused(Misconfigured):
    """The server is there and does not let us in, or not do what we must."""

    code = "storage.refused"
    hint = "The user named in storage.url needs a password that fits, and the right to create a schema in the database."


class DatabaseUntrusted(Misconfigured):
    """The server cannot prove that it is the one that `storage.url` names."""

    code = "storage.untrusted"
    hint = "Check sslrootcert and the host in storage.url, and the certificate that the server shows."


class PoolerUnsuitable(Misconfigured):
    """A pooler stands before the database that does not pass on what our sessions rest on."""

    code = "storage.pooler_unsuitable"
    hint = "Name the database itself in storage.url: each process keeps a small pool of its own."


class Unstorable(BadInput):
    """PostgreSQL refuses this one row: a value is longer or other than it can keep."""

    code = "store.unstorable"


class Contended(StoreBusy):
    """Another node held a row for too long; the rows of other conversations are not concerned."""


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg comes without types
    """A connection whose session state nobody changes, so that nothing needs a reset when it is given back."""

    def get_reset_query(self) -> str:
        """Return no statement: a round trip less for every call."""
        return ""


_UNAVAILABLE = (
    OSError,  # with it ConnectionError and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
)
"""What is raised when the fault is the server's, the network's or another session's, and not in our statements."""

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)


@contextmanager
def told_apart() -> Iterator[None]:
    """Turn what the driver raises into what our callers know.

    Raises:
        StoreBusy: The same call may succeed later.
        Contended: As `StoreBusy`, because of rows that another session holds.
        Unstorable: A value cannot be kept; what was stored with it is undone too.
        DatabaseRefused: The user may not do this.
        DatabaseUntrusted: The server's certificate does not hold.
        PoolerUnsuitable: PgBouncer or the like takes none of our settings.
    """
    try:
        yield
    except asyncpg.ProtocolViolationError as error:
        if POOLERS_WORDS in str(error):
            raise PoolerUnsuitable(f"Not the database has answered, but a pooler: {error}.") from None
        raise StoreBusy("What has answered does not speak as the database does.") from error
    except ssl.SSLCertVerificationError as error:
        raise DatabaseUntrusted(f"The database's certificate is not accepted: {error.verify_message}.") from None
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise Contended("Another node holds the same conversation; nothing was stored.") from error
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise StoreBusy("The database did not answer in time; it is not known whether it was stored.") from error
    except _REFUSED as error:
        raise DatabaseRefused(f"The database refuses us: {error}.") from None
    except _UNAVAILABLE as error:
        raise StoreBusy(f"The database cannot be reached or does not work now ({type(error).__name__}).") from error
    except asyncpg.InterfaceError as error:
        if isinstance(error, ValueError):  # what the driver could not encode
            raise Unstorable("A value cannot be kept in PostgreSQL.") from error
        raise StoreBusy(f"The connection to the database was lost ({type(error).__name__}).") from error
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as error:
        raise Unstorable(f"PostgreSQL cannot keep this ({type(error).__name__}).") from error


async def open_pool(address: Address) -> Any:
    """Return a pool of connections to our schema.

    Raises:
        StoreBusy: The server cannot be reached.
        Misconfigured: It is there and refuses us.
    """
    with told_apart():
        try:
            return await asyncpg.create_pool(
                address.dsn.reveal(),
                min_size=POOL_LEAST,
                max_size=POOL_MOST,
                max_inactive_connection_lifetime=300.0,
                statement_cache_size=STATEMENTS,
                connection_class=Connection,
                server_settings=session(address),
                command_timeout=DEADLINE_S,
                timeout=CONNECT_S,
                init=keep_alive,
            )
        except ssl.SSLCertVerificationError:  # a ValueError, too
            raise
        except (ValueError, asyncpg.ClientConfigurationError):  # their words hold parts of the address
            raise DatabaseRefused("The driver cannot use the address in storage.url.") from None


async def open_single(address: Address) -> Any:
    """Return one connection outside the pool, for listening or for work that takes long; see `open_pool`."""
    with told_apart():
        connection = await asyncpg.connect(
            address.dsn.reveal(),
            connection_class=Connection,
            server_settings=session(address),
            command_timeout=DEADLINE_S,
            timeout=CONNECT_S,
        )
        await keep_alive(connection)
        return connection


def session(address: Address) -> dict[str, str]:
    """Return the settings that every session begins with."""
    return {**_SESSION, "search_path": address.schema}


async def keep_alive(connection: Any) -> None:
    """Have the kernel notice a server that is gone. Our own deadlines notice one that is merely silent."""
    transport = getattr(connection, "_transport", None)  # asyncpg has no public way to its socket
    raw = None if transport is None else transport.get_extra_info("socket")
    if raw is None or raw.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with socket.socket(fileno=socket.dup(raw.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE_S)
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_INTERVAL_S)
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_COUNT)
