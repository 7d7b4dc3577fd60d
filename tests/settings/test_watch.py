"""Noticing a changed settings file; a bad one changes nothing."""

import os
from pathlib import Path

from ai_worker.settings import load
from ai_worker.settings.watch import SettingsWatch

GOOD = 'data_dir = "var"\n[channels.site]\nkind = "web"\n'


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    file = tmp_path / "ai-worker.toml"
    file.write_text(GOOD, "utf-8")
    settings = load(file, environ={})
    watch = SettingsWatch(settings, environ={})
    assert watch.changed() is None

    file.write_text(GOOD + '[channels.shop]\nkind = "web"\n', "utf-8")

    changed = watch.changed()
    assert changed is not None
    assert list(changed.channels) == ["site", "shop"]
    assert watch.changed() is None
    assert watch.waits_for_restart(changed, settings) == []


def test_a_bad_change_is_refused_and_said_and_the_next_good_one_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ai-worker.toml"
    file.write_text(GOOD, "utf-8")
    watch = SettingsWatch(load(file, environ={}), environ={})

    file.write_text(GOOD + "[channels.shop]\n", "utf-8")
    assert watch.changed() is None
    assert watch.refused is not None
    assert "shop" in str(watch.refused)

    file.write_text(GOOD + 'language = "en"\n'.replace("language", "# language"), "utf-8")
    assert watch.changed() is not None
    assert watch.refused is None


def test_what_takes_effect_only_at_a_start_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ai-worker.toml"
    file.write_text(GOOD, "utf-8")
    running = load(file, environ={})
    watch = SettingsWatch(running, environ={})

    file.write_text('log_level = "DEBUG"\n' + GOOD, "utf-8")

    changed = watch.changed()
    assert changed is not None
    assert watch.waits_for_restart(changed, running) == ["log_level"]


def test_a_file_that_is_gone_for_a_moment_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ai-worker.toml"
    file.write_text(GOOD, "utf-8")
    watch = SettingsWatch(load(file, environ={}), environ={})

    os.rename(file, tmp_path / "away")
    assert watch.changed() is None
    assert SettingsWatch(load(environ={"HOME": str(tmp_path)}), environ={}).changed() is None
