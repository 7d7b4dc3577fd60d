"""The connectors of systems that the demo does not run: each loads, and offers what it says."""

from pathlib import Path

import pytest

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import SystemClock

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "connectors.more"
VALUES = {
    "ORDERS_DB_URL": "postgresql://reader@db.example.com/sales",
    "ROOMS_URL": "https://dav.example.com",
    "ROOMS_USER": "aiworker",
    "ROOMS_PASSWORD": "geheim",
    "LDAP_URL": "ldaps://ldap.example.com",
    "LDAP_BIND_DN": "cn=aiworker,dc=example,dc=com",
    "LDAP_PASSWORD": "geheim",
}


def resolve(reference: str) -> str:
    return VALUES[reference.removeprefix("env:")] if reference.startswith("env:") else reference


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*/connector.toml")), ids=lambda file: file.parent.name)
def test_an_example_loads(file: Path) -> None:
    connection = load_connector(file, resolve=resolve, parts=Parts(clock=SystemClock()))
    assert connection is not None
    assert connection.tools()
