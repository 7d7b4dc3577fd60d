"""Files that are whole or not there, with the rights they were given, and nothing left beside them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ai_worker.foundation import durable


def _beside(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


def test_a_file_takes_anothers_place_with_the_rights_it_was_given(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_bytes(b"old")
    before = os.umask(0o077)
    try:
        durable.put(place, [b"new, ", b"in two parts"], mode=0o644)
    finally:
        os.umask(before)

    assert place.read_bytes() == b"new, in two parts"
    assert place.stat().st_mode & 0o777 == 0o644
    assert _beside(place) == ["kept"]


def test_what_is_not_written_whole_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the other half is missing")

    with pytest.raises(RuntimeError):
        durable.put(place, broken())

    assert place.read_bytes() == b"old"
    assert _beside(place) == ["kept"]


def test_a_draft_that_cannot_take_its_place_is_gone(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()

    with pytest.raises(IsADirectoryError):
        durable.put(place, [b"a file"])

    assert _beside(place) == ["folder"]


def test_of_many_who_write_at_once_one_does(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    contents = [str(number).encode() * 1000 for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(lambda content: durable.put_once(place, [content]), contents))

    assert won.count(True) == 1
    assert place.read_bytes() == contents[won.index(True)]
    assert place.stat().st_mode & 0o777 == durable.PRIVATE
    assert _beside(place) == ["kept"]


def test_what_is_added_stands_behind_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "lines"

    durable.append(place, b"one\n")
    durable.append(place, b"two\n")

    assert place.read_bytes() == b"one\ntwo\n"
    assert place.stat().st_mode & 0o777 == durable.PRIVATE
