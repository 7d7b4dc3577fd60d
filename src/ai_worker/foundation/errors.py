"""The errors that we foresaw, sorted by who has to act.

    AiWorkerError
    ├── BadInput            the sender: what came in cannot be used
    │   └── TooLarge        the sender: there is too much of it
    ├── Denied              the sender: not with these credentials, or not from there
    ├── NotFound            the sender: no such thing, or none that the sender may see
    ├── Conflict            the sender: the same name already stands for something else
    ├── Misconfigured       the administrator: settings, credentials, files
    └── Busy                nobody: the same call may succeed later

The rooms subclass these beside the code that raises them. Anything else that is raised is a
defect, and is caught at a task boundary only.
"""

from typing import ClassVar


class AiWorkerError(Exception):
    """Something went wrong that we foresaw, can name, and can tell the reader how to mend."""

    code: ClassVar[str] = "internal"
    """Stable, dotted, English: `keys.expired`. Listed in the error reference, never reused."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without anyone changing anything."""

    hint: ClassVar[str | None] = None
    """The next thing to do, as a command or a console page. Shown under the message."""


class BadInput(AiWorkerError):
    """What came in cannot be used as it is; nothing was stored."""

    code = "input.bad"


class TooLarge(BadInput):
    """More came in than the limit allows; nothing was stored."""

    code = "input.too_large"


class Denied(AiWorkerError):
    """The caller may not do this. The words never say more than that."""

    code = "access.denied"


class NotFound(AiWorkerError):
    """There is no such thing, or none that this caller may see."""

    code = "not_found"


class Conflict(AiWorkerError):
    """The same name already stands for something else."""

    code = "conflict"


class Misconfigured(AiWorkerError):
    """The settings, a credential or a file is not as it must be; an administrator mends it."""

    code = "settings.bad"


class Busy(AiWorkerError):
    """Not now. The same call may succeed after `retry_after` seconds."""

    code = "busy"
    retryable = True

    def __init__(self, message: str, *, retry_after: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the caller should wait before it tries again."""
