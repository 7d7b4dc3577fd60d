"""What is refused at the start, in words, and left as it was found."""

import asyncio
import os
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import apsw
import pytest

from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import Misconfigured
from ai_worker.storage.schema import ForeignDatabase
from ai_worker.storage.sqlite.connect import StorageUnusable
from ai_worker.storage.sqlite.deadletters import SqliteDeadLetterStore
from ai_worker.storage.sqlite.migrations import APPLICATION_ID
from tests.storage.scene import PYTHON, message, open_database, pipeline

OPEN = """
import os, sys
from pathlib import Path
from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.sqlite.database import SqliteDatabase
if sys.argv[2] == "as-nobody" and os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
try:
    SqliteDatabase.open(Path(sys.argv[1]), clock=SystemClock())
except Misconfigured as refused:
    print(refused.code, str(refused))
"""


async def _filled(file: Path) -> None:
    database = open_database(file)
    store = pipeline(database)
    for n in range(300):
        await store.accept(message(n, text=f"第 {n} 条消息，想问一下怎么退货，订单是上个月的。"))
    await database.close()


async def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    await _filled(tmp_path / "store.db")

    database = open_database(tmp_path / "store.db")

    store = pipeline(database)
    assert await store.recover(owner="me") == 300
    assert (await store.accept(message(299))).duplicate
    await database.close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    await _filled(tmp_path / "store.db")

    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with apsw.Connection(str(tmp_path / "store.db")) as other:
        other.execute("CREATE TABLE theirs (x)")

    with pytest.raises(ForeignDatabase):
        open_database(tmp_path / "store.db")

    with apsw.Connection(str(tmp_path / "store.db")) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


async def test_a_damaged_page_is_found_and_nothing_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    await _filled(file)
    whole = bytearray(file.read_bytes())
    whole[8 * 4096 : 12 * 4096] = bytes(range(256)) * 64
    file.write_bytes(whole)

    with pytest.raises(StorageUnusable, match="backup"):
        open_database(file)

    assert file.read_bytes() == bytes(whole)


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 300])
def test_a_file_that_lost_its_contents_is_not_started_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.db").write_bytes(content)

    with pytest.raises(StorageUnusable, match="backup"):
        open_database(tmp_path / "store.db")

    assert (tmp_path / "store.db").read_bytes() == content


async def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    await _filled(file)
    os.truncate(file, file.stat().st_size // 2)

    with pytest.raises(StorageUnusable, match="backup"):
        open_database(file)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="folder"):
        open_database(tmp_path / "nowhere" / "store.db")


@pytest.mark.slow
def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    asyncio.run(_filled(tmp_path / "store.db"))
    folder = Path("/var/tmp") / f"ai-worker-read-only-{os.getpid()}"  # where another user can reach it
    folder.mkdir(mode=0o755)
    try:
        shutil.copy(tmp_path / "store.db", folder / "store.db")
        (folder / "store.db").chmod(0o444)
        folder.chmod(0o555)
        command = [PYTHON, "-c", OPEN, str(folder / "store.db"), "as-nobody"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)

    assert run.stdout.startswith("storage.unusable"), run.stderr
    assert "cannot be written" in run.stdout


@pytest.mark.slow
def test_processes_that_create_the_file_together_agree(tmp_path: Path) -> None:
    command = [PYTHON, "-c", OPEN, str(tmp_path / "store.db"), "as-myself"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    assert [process.communicate(timeout=60)[0] for process in running] == [""] * 4


async def test_a_database_of_the_first_schema_is_brought_up_to_date_with_its_contents(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    first = files("ai_worker.storage.sqlite").joinpath("migrations", "0001_first.sql").read_text("utf-8")
    with apsw.Connection(str(file)) as old:
        old.execute(first)
        old.pragma("application_id", APPLICATION_ID)
        old.pragma("user_version", 1)
        old.execute("INSERT INTO gap VALUES (1, 'q', '火星上有店吗？', 3, 1, 2, 't-1')")
    old.close()

    database = open_database(file)

    assert await SqliteDeadLetterStore(database, SystemClock()).count() == 0
    kept = await database.read(lambda connection: list(connection.execute("SELECT question, times FROM gap")))
    assert kept == [("火星上有店吗？", 3)]
    await database.close()
