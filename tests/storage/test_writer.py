"""Group commit: many writes, one flush, and every caller's own success or failure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.sqlite.database import SqliteDatabase
from tests.storage.scene import message, open_database, pipeline


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = open_database(tmp_path / "store.db")
    await opened.write(lambda connection: _run(connection, "CREATE TABLE note (text TEXT UNIQUE)"))
    yield opened
    await opened.close()


def _run(connection: apsw.Connection, statement: str, *values: str) -> None:
    connection.execute(statement, values)


async def _write(database: SqliteDatabase, text: str) -> None:
    await database.write(lambda connection: _run(connection, "INSERT INTO note VALUES (?)", text))


async def _notes(database: SqliteDatabase) -> list[str]:
    return await database.read(lambda connection: [row[0] for row in connection.execute("SELECT text FROM note")])


async def test_writes_that_wait_together_share_a_flush(database: SqliteDatabase) -> None:
    commits: list[int] = []

    def count() -> bool:
        commits.append(1)
        return False

    await database.write(lambda connection: connection.set_commit_hook(count))
    await asyncio.gather(*(_write(database, f"第 {n} 条") for n in range(400)))

    assert len(await _notes(database)) == 400
    assert len(commits) < 40


async def test_one_that_fails_is_undone_alone(database: SqliteDatabase) -> None:
    def half(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO note VALUES ('一半')")
        raise LookupError("没有另一半")

    outcomes = await asyncio.gather(
        _write(database, "之前"), database.write(half), _write(database, "之后"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), LookupError, type(None)]
    assert await _notes(database) == ["之前", "之后"]


async def test_a_statement_that_is_refused_fails_its_caller_alone(database: SqliteDatabase) -> None:
    outcomes = await asyncio.gather(
        _write(database, "甲"), _write(database, "甲"), _write(database, "乙"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), apsw.ConstraintError, type(None)]
    assert await _notes(database) == ["甲", "乙"]


async def test_a_result_is_returned_once_it_can_be_read_by_others(database: SqliteDatabase, tmp_path: Path) -> None:
    await _write(database, "在盘上")

    with apsw.Connection(str(tmp_path / "store.db")) as other:
        assert other.execute("SELECT text FROM note").fetchall() == [("在盘上",)]


async def test_a_reader_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(StoreBusy):
        await database.read(lambda connection: _run(connection, "INSERT INTO note VALUES ('偷偷')"))
    assert await _notes(database) == []


async def test_reads_go_on_beside_one_another_and_a_write(database: SqliteDatabase) -> None:
    await _write(database, "一")

    results = await asyncio.gather(*(_notes(database) for _ in range(50)), _write(database, "二"))

    assert all(result is None or result[0] == "一" for result in results)


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db")
    store = pipeline(database)
    waiting = [asyncio.ensure_future(store.accept(message(n))) for n in range(200)]
    await asyncio.sleep(0)

    await database.close()

    accepted = await asyncio.gather(*waiting)
    again = open_database(tmp_path / "store.db")
    assert await pipeline(again).recover(owner="me") == len(accepted) == 200
    await again.close()
    with pytest.raises(StoreBusy):
        await store.accept(message(201))
    with pytest.raises(StoreBusy):
        await store.next_due(now=message(201).received_at)


async def test_a_caller_that_went_away_does_not_disturb_the_others(database: SqliteDatabase) -> None:
    tasks = [asyncio.ensure_future(_write(database, f"第 {n} 条")) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    await asyncio.gather(*tasks, return_exceptions=True)

    assert {f"第 {n} 条" for n in range(1, 20, 2)} <= set(await _notes(database))


async def test_a_check_writes(database: SqliteDatabase) -> None:
    await database.check()

    assert await database.read(lambda connection: next(connection.execute("SELECT at FROM pulse"))[0]) > 0


def test_a_database_serves_one_event_loop_after_another(tmp_path: Path) -> None:
    database = open_database(tmp_path / "store.db")
    store = pipeline(database)

    assert not asyncio.run(store.accept(message(1))).duplicate
    assert asyncio.run(store.accept(message(1))).duplicate
    asyncio.run(database.close())
