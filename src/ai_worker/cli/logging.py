"""How log lines are written: one sink for ours and for the libraries', and one redaction before it."""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_NAMED = "secret|token|password|passwd|api_?key|aes_?key|encrypt_?key"
_WORD = r"[A-Z]?[a-z]{1,19}\.?(?![0-9A-Za-z_~+/=-])"
"""As in "basic authentication": a word, and no credentials."""

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"aiw_(live|test)_[0-9A-Za-z_-]+"), r"aiw_\1_***"),
    (re.compile(r"\b(sk|whsec|ghp)[-_][0-9A-Za-z_+/=-]{16,}"), r"\1_***"),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:bearer\s+|basic\s+)?[^\s\"']+"), r"\1***"),
    (re.compile(rf"\b((?i:bearer|basic))\s+(?!{_WORD})[0-9A-Za-z._~+/=-]{{8,}}"), r"\1 ***"),
    (re.compile(r"\b[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}\b"), "***"),
    (re.compile(rf"""(?i)((?:{_NAMED})["']?\s*[:=]\s*["']?)[^\s"'&,;}}]+"""), r"\1***"),
    (re.compile(r"([?&](?:t|key|sign|signature|msg_signature|code|corpsecret)=)[^&\s\"']+"), r"\1***"),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), r"\1***@"),
    (re.compile(r"(?<![0-9A-Za-z.])((?:\+?86[ -]?)?1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])"), r"\1****\2"),
)
"""What may stand in a line by accident, and what is written in its place."""


def redact(line: str) -> str:
    """Return a log line without keys, tokens, passwords in addresses and phone numbers."""
    for pattern, instead in _SECRETS:
        line = pattern.sub(instead, line)
    return line


def set_up_logging(level: str, *, as_json: bool = False) -> None:
    """Write log lines of at least `level` to stderr: for people, in colour on a terminal, or as JSON."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [structlog.dev.ConsoleRenderer(pad_event_to=32, colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render, _redacted],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(max(logging.WARNING, root.level))


def _redacted(logger: WrappedLogger, name: str, line: EventDict | str | bytes) -> str:
    return redact(str(line))
