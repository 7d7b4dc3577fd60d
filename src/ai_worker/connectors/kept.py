"""Refresh tokens that outlive the process: encrypted files in the data folder, one for each set of credentials."""

import asyncio
import fcntl
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ai_worker.foundation import durable
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed

FOLDER = Path("secrets") / "connectors"
KEY_BYTES = 32
NONCE_BYTES = 12
WAIT_S = 30.0
"""The longest that one process waits while another exchanges the same token."""


class KeptUnreadable(ToolFailed):
    """A kept refresh token, or the key to it, cannot be read or written."""

    code = "connector.kept_unreadable"
    hint = "Restore the folder secrets/connectors from the backup, or run `ai-worker connectors authorize ID` again."


class KeptTokens:
    """The refresh tokens of all connections. Processes on one machine may share the folder."""

    def __init__(self, data_dir: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self._folder = data_dir / FOLDER

    async def recall(self, name: str) -> Secret | None:
        """Return the token that was kept last under a name; `None`: none was.

        Raises:
            KeptUnreadable: It cannot be read, or was made with another key.
        """
        return await asyncio.to_thread(self._read, name)

    async def remember(self, name: str, token: Secret) -> None:
        """Keep a token; it is on the disk when this returns.

        Raises:
            KeptUnreadable: It cannot be written.
        """
        await asyncio.to_thread(self._write, name, token)

    async def consented(self, name: str, token: Secret) -> None:
        """Keep the token that a person's consent gave, after any that is being exchanged for the one before.

        Raises:
            KeptUnreadable: It cannot be written.
            ToolFailed: Another process has been exchanging it for half a minute.
        """
        async with self.alone(name):
            await self.remember(name, token)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Hold a name for oneself, before all tasks and processes that use this folder.

        Raises:
            ToolFailed: Somebody else held it for half a minute.
        """
        handle = await asyncio.to_thread(self._open_lock, name)
        try:
            await self._lock(handle, name)
            yield
        finally:
            os.close(handle)

    async def _lock(self, handle: int, name: str) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                while not _locked(handle):  # noqa: ASYNC110  (who holds it may be another process)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ToolFailed(f"another process has been renewing the token of {name} for {WAIT_S:g} s") from None

    def _file(self, name: str, suffix: str) -> Path:
        # Names of credentials come from contracts; as a digest they can lead nowhere.
        return self._folder / f"{sha256(name.encode()).hexdigest()[:32]}.{suffix}"

    def _open_lock(self, name: str) -> int:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self._file(name, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KeptUnreadable(f"{self._folder}: {error.strerror}") from None

    def _read(self, name: str) -> Secret | None:
        file = self._file(name, "sealed")
        try:
            sealed = file.read_bytes()
            opened = AESGCM(self._key()).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeptUnreadable(f"{file}: {error.strerror}") from None
        except (InvalidTag, ValueError):
            raise KeptUnreadable(f"{file} was sealed with another key, for another name, or is damaged") from None
        return Secret(opened.decode())

    def _write(self, name: str, token: Secret) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            nonce = secrets.token_bytes(NONCE_BYTES)
            sealed = nonce + AESGCM(self._key()).encrypt(nonce, token.reveal().encode(), name.encode())
            durable.put(self._file(name, "sealed"), [sealed])
        except OSError as error:
            raise KeptUnreadable(f"{self._folder}: {error.strerror}") from None

    def _key(self) -> bytes:
        """Return the key of this installation, made at its first use; processes that start at once agree on one."""
        path = self._folder / "key"
        if not path.exists():
            durable.put_once(path, [secrets.token_bytes(KEY_BYTES)])
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise KeptUnreadable(f"{path} holds {len(key)} bytes instead of {KEY_BYTES}")
        return key


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
