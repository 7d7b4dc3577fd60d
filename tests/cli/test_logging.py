"""Log lines: what must never be in one."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ai_worker.cli.logging import redact, set_up_logging


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("key aiw_live_7Qe2mZ0xV4cR_9tKp1LwYb8HsJ3uNd refused", "key aiw_live_*** refused"),
        ("aiw_test_abc", "aiw_test_***"),
        ("sent with bearer abcdefghijklmnopqrstuvwxyz", "sent with bearer ***"),
        ("sent with Basic dXNlcjpwYXNz", "sent with Basic ***"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: ***"),
        ('{"secret": "hunter2", "n": 1}', '{"secret": "***", "n": 1}'),
        ('{"corp_secret": "hunter2"}', '{"corp_secret": "***"}'),
        ("GET /cgi-bin/message/send?access_token=abc123&debug=1", "GET /cgi-bin/message/send?access_token=***&debug=1"),
        ("GET /start?t=tQCNb6YNANGL21YMhk2", "GET /start?t=***"),
        ("postgresql://ai:hunter2@db/ai", "postgresql://ai:***@db/ai"),
        ("联系人 13812342210 来电", "联系人 138****2210 来电"),
        ("+86 13812342210", "+86 138****2210"),
        ("sk-abcdefghijklmnop1234", "sk_***"),
    ],
)
def test_what_looks_like_a_secret_or_a_phone_number_is_not_written(line: str, written: str) -> None:
    assert redact(line) == written


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt_tokens": 120, "timestamp": "2026-11-22T13:31:09.557102Z"}',
        "turn-01m81q8455bsthfaknhm7fh9vf in 1795328640000 ms",
        "订单 ORD13812342210X 已发货",
        "http://127.0.0.1:18789/healthz",
        "the system asks for Basic authentication.",
    ],
)
def test_what_only_resembles_one_stays(line: str) -> None:
    assert redact(line) == line


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_our_lines_and_the_libraries_go_through_one_redaction(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO", as_json=True)

    structlog.get_logger("ai_worker.test").info("keys.refused", key="aiw_live_abc_def", contact="13812342210")
    logging.getLogger("uvicorn.error").warning("got %s", "aiw_live_abc_def")
    structlog.get_logger("ai_worker.test").debug("not.written")

    out, err = capsys.readouterr()
    assert out == ""
    ours, theirs = [json.loads(line) for line in err.splitlines()]
    assert (ours["event"], ours["key"], ours["contact"]) == ("keys.refused", "aiw_live_***", "138****2210")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"]) == ("got aiw_live_***", "warning")


def test_a_traceback_is_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO", as_json=True)

    try:
        int("aiw_live_abc_def")
    except ValueError:
        structlog.get_logger("ai_worker.test").exception("task.failed")

    line = capsys.readouterr().err
    assert "aiw_live_abc_def" not in line
    assert "ValueError" in json.loads(line)["exception"]


def test_a_command_says_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("WARNING")

    structlog.get_logger("ai_worker.test").warning("connector.slow", key="aiw_live_abc_def", system="erp")

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "connector.slow" in line
    assert "key=aiw_live_***" in line
    assert "system=erp" in line
    assert not line.startswith("{")
    assert "\x1b" not in line
