"""A lock, a full disk, a kill: what was acknowledged is there, and what was refused may come again."""

import asyncio
import subprocess
import threading
from pathlib import Path

import apsw
import pytest

from ai_worker.pipeline.store import Accepted, StoreBusy
from ai_worker.storage import rows
from ai_worker.storage.sqlite import inbound
from ai_worker.storage.sqlite.database import SqliteDatabase
from tests.conftest import ROOT
from tests.storage.scene import PYTHON, message, open_database, pipeline

ACCEPT_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from tests.storage.scene import message, open_database, pipeline

async def door(store, numbers):
    for n in numbers:
        accepted = await store.accept(message(n))
        assert not accepted.duplicate
        print(n, accepted.turn_id, flush=True)

async def main():
    store = pipeline(open_database(Path(sys.argv[1])))
    first = int(sys.argv[2])
    await asyncio.gather(*(door(store, range(first + k, first + 1_000_000, 50)) for k in range(50)))

asyncio.run(main())
"""

FILL_THE_DISK = """
import asyncio, resource, sys
from pathlib import Path
from ai_worker.pipeline.store import StoreBusy
from tests.storage.scene import message, open_database, pipeline

async def main():
    file = Path(sys.argv[1])
    database = open_database(file)
    store = pipeline(database)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
    kept, refused = [], 0
    for n in range(4000):
        try:
            kept.append((await store.accept(message(n, text="满" * 2000))).turn_id)
        except StoreBusy:
            refused += 1
            if refused == 20:
                break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    after = await store.accept(message("after"))
    waiting = await store.recover(owner="me")
    await database.close()
    database = open_database(file)
    assert await pipeline(database).recover(owner="me") == waiting
    await database.close()
    print(len(kept), refused, after.duplicate, waiting)

asyncio.run(main())
"""


class Lock:
    """Another process's write lock, as a backup or a stuck command would hold it."""

    def __init__(self, file: Path) -> None:
        self._connection = apsw.Connection(str(file))
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def _known(database: SqliteDatabase) -> int:
    return await database.read(lambda connection: next(connection.execute("SELECT count(*) FROM inbound"))[0])


async def test_a_lock_beyond_the_deadline_is_busy_and_leaves_nothing_behind(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db", accept_deadline_s=0.4)
    store = pipeline(database)
    lock = Lock(tmp_path / "store.db")

    refused = await asyncio.gather(*(store.accept(message(n)) for n in range(30)), return_exceptions=True)
    with pytest.raises(StoreBusy):
        await database.check()
    lock.release()
    accepted = await store.accept(message(0))

    assert all(isinstance(one, StoreBusy) for one in refused)
    assert not accepted.duplicate, "what was refused was never applied"
    await asyncio.sleep(0.5)
    assert await _known(database) == 1
    await database.close()


async def test_a_short_lock_is_only_waited_for(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db")
    store = pipeline(database)
    lock = Lock(tmp_path / "store.db")
    waiting = [asyncio.ensure_future(store.accept(message(n))) for n in range(30)]
    await asyncio.sleep(0.6)

    lock.release()

    assert not any(one.duplicate for one in await asyncio.gather(*waiting))
    await database.close()


async def test_work_that_no_platform_hurries_outlasts_a_lock_that_refuses_messages(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db", accept_deadline_s=0.3)
    store = pipeline(database)
    await store.accept(message(1))
    lock = Lock(tmp_path / "store.db")
    claiming = asyncio.ensure_future(store.claim(owner="me", limit=1, now=message(1).received_at))
    with pytest.raises(StoreBusy):
        await store.accept(message(2))

    lock.release()

    assert len(await claiming) == 1
    await database.close()


async def test_a_transaction_that_takes_too_long_is_not_acknowledged(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db", accept_deadline_s=0.2)
    store = pipeline(database)
    stuck = threading.Event()
    slow = asyncio.ensure_future(database.write(lambda _: stuck.wait(20)))
    await asyncio.sleep(0.1)

    with pytest.raises(StoreBusy):
        await store.accept(message(1))
    stuck.set()

    assert await slow
    assert not (await store.accept(message(1))).duplicate
    await database.close()


async def test_a_commit_that_is_not_waited_for_to_its_end_is_recognised_when_it_comes_again(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db", accept_deadline_s=0.1)
    disk = threading.Event()
    row = rows.inbound(message(1))

    def slowly(connection: apsw.Connection) -> Accepted:
        accepted = inbound.accept(connection, row)
        disk.wait(20)
        return accepted

    with pytest.raises(StoreBusy, match="not known yet"):
        await database.write(slowly, deadline_s=0.1)
    disk.set()
    await database.write(lambda _: None)

    assert (await pipeline(database).accept(message(1))).duplicate
    await database.close()


async def test_a_full_disk_is_busy_until_there_is_space_again(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db")
    store = pipeline(database)
    await store.accept(message(0))
    pages = await database.write(lambda connection: connection.pragma("page_count"))
    await database.write(lambda connection: connection.pragma("max_page_count", pages))

    outcomes = await asyncio.gather(
        *(store.accept(message(n, text="满" * 3000)) for n in range(1, 21)), return_exceptions=True
    )
    assert all(isinstance(one, StoreBusy) for one in outcomes)
    assert await _known(database) == 1, "reading goes on"

    await database.write(lambda connection: connection.pragma("max_page_count", 1 << 30))
    again = [await store.accept(message(n, text="满" * 3000)) for n in range(21)]
    assert [one.duplicate for one in again] == [True] + [False] * 20
    await database.close()


@pytest.mark.slow
def test_a_disk_that_fills_up_in_earnest_is_busy_and_then_recovers(tmp_path: Path) -> None:
    command = [PYTHON, "-c", FILL_THE_DISK, str(tmp_path / "store.db")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=ROOT)

    assert run.returncode == 0, run.stderr
    kept, refused, duplicate, waiting = run.stdout.split()[-4:]
    assert int(kept) > 0
    assert refused == "20"
    assert duplicate == "False"
    assert int(waiting) == int(kept) + 1


async def _all_known(file: Path, acknowledged: dict[str, str]) -> None:
    database = open_database(file)
    store = pipeline(database)
    for number, turn_id in acknowledged.items():
        again = await store.accept(message(int(number)))
        assert again.duplicate
        assert again.turn_id == turn_id
    await database.close()


@pytest.mark.slow
def test_every_message_acknowledged_before_a_kill_is_there(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    acknowledged: dict[str, str] = {}
    for round_number in range(3):
        command = [PYTHON, "-c", ACCEPT_FOR_EVER, str(file), str(round_number * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as doors:
            assert doors.stdout is not None
            lines = [doors.stdout.readline() for _ in range(400 * (round_number + 1))]
            doors.kill()
            lines += doors.stdout.readlines()
        acknowledged |= dict(line.split() for line in lines if line.endswith("\n"))

    assert len(acknowledged) >= 2400
    asyncio.run(_all_known(file, acknowledged))
