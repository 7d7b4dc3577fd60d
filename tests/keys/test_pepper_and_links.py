import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.keys.links import ConsoleLinks
from ai_worker.keys.pepper import BadPepper, load_pepper
from ai_worker.storage.sqlite.keys import SqliteKeyStore


def test_the_pepper_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first, second = load_pepper(tmp_path), load_pepper(tmp_path)
    file = tmp_path / "secrets" / "pepper"

    assert first == second
    assert len(first) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [each.name for each in file.parent.iterdir()] == ["pepper"]


def test_processes_that_start_at_once_agree_on_one_pepper(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        peppers = set(pool.map(load_pepper, [tmp_path] * 16))

    assert len(peppers) == 1


def test_a_damaged_pepper_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pepper").write_bytes(b"short")

    with pytest.raises(BadPepper, match="5 bytes instead of 32"):
        load_pepper(tmp_path)


async def test_a_console_link_works_once_and_for_ten_minutes(store: SqliteKeyStore, clock: FixedClock) -> None:
    links = ConsoleLinks(store, clock=clock)
    token, late = (await links.issue()).reveal(), (await links.issue()).reveal()

    assert sorted(await asyncio.gather(*(links.take(token) for _ in range(5)))) == [False] * 4 + [True]
    assert not await links.take("nonsense")
    assert not await links.take("\ud800")
    clock.advance(timedelta(minutes=10, seconds=1))
    assert not await links.take(late)
