"""The list of kinds."""

import subprocess
import sys

import pytest

from ai_worker.channels.registry import PLATFORMS, UnknownKind, build, kinds, settings_class
from ai_worker.channels.wecom.settings import WecomAppSettings
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.errors import Misconfigured
from tests.channels.store import temporary_store
from tests.channels.wecom.peer import settings


def test_the_kinds_are_listed_by_name() -> None:
    assert list(kinds()) == sorted(kinds())
    assert "wecom-app" in kinds()
    assert all(name == kind.name for name, kind in kinds().items())


def test_a_kind_is_named_after_its_folder() -> None:
    assert {name.partition("-")[0] for name in kinds()} == set(PLATFORMS)


def test_a_kind_has_its_settings_and_its_channel() -> None:
    assert settings_class("wecom-app") is WecomAppSettings
    channel = build("service-desk", settings(), clock=FixedClock(), store=temporary_store())
    assert (channel.name, channel.kind, channel.pull) == ("service-desk", "wecom-app", False)


@pytest.mark.parametrize("kind", ["", "wecom", "WECOM-APP", "telegram", "../wecom"])
def test_an_unknown_kind_is_refused_with_the_known_ones(kind: str) -> None:
    with pytest.raises(UnknownKind, match="wecom-app") as refused:
        settings_class(kind)
    assert isinstance(refused.value, Misconfigured)


def test_a_platform_is_imported_when_one_of_its_kinds_is_asked_for() -> None:
    program = (
        "import sys\n"
        "from ai_worker.channels.registry import settings_class\n"
        "loaded = lambda: {name.split('.')[2] for name in sys.modules if name.startswith('ai_worker.channels.')}\n"
        "assert loaded() == {'registry', 'manifest', 'contract'}, loaded()\n"
        "settings_class('wecom-app')\n"
        "assert loaded() == {'registry', 'manifest', 'contract', 'wecom'}, loaded()\n"
        "assert 'aiohttp' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
