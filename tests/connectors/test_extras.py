"""What is not installed is loaded only where a connector needs it, and then the reason says what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

TRY = """
import sys
from pathlib import Path
for name in {missing!r}:
    sys.modules[name] = None
from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import SystemClock
print([name for name in ("sqlalchemy", "sqlglot", "icalendar", "asyncpg", "pymysql") if sys.modules.get(name)])
for file in sorted(Path({folder!r}).glob("*/connector.toml")):
    try:
        load_connector(file, resolve=str, parts=Parts(clock=SystemClock()))
    except ConnectorRefused as error:
        print(error)
"""
COMMON = 'name = "试"\noperations = ["*"]\n'
CONNECTORS = {
    "caldav": f'kind = "caldav"\nbase_url = "http://x"\n{COMMON}[options.calendars]\na = "/a/"\n',
    "sql": f'kind = "sql"\n{COMMON}[options]\nurl = "mysql://x/y"\n'
    '[options.queries.it]\ntitle = "试"\nsql = "SELECT 1"\n',
}


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("sqlglot", "icalendar"), ["pip install 'ai-worker[caldav]'", "pip install 'ai-worker[sql]'"]),
        (("pymysql",), ["the driver of mysql is not installed: pip install pymysql"]),
    ],
    ids=["extras", "driver"],
)
def test_a_missing_library_is_named_where_it_is_needed_and_only_there(
    tmp_path: Path, missing: tuple[str, ...], words: list[str]
) -> None:
    for name, text in CONNECTORS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "connector.toml").write_text(text, "utf-8")
    program = TRY.format(missing=missing, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded, *refused = done.stdout.splitlines()
    assert loaded == "[]"
    assert len(refused) == len(words)
    assert all(one in line for one, line in zip(words, refused, strict=True))
