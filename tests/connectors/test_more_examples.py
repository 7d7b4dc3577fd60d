"""The connectors of systems that the demo does not run: each loads, and offers what it says."""

from pathlib import Path

import pytest

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import SystemClock

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "connectors.more"
VALUES = {
    "env:ORDERS_DB_URL": "postgresql://reader@db.example.com/sales",
    "env:LDAP_URL": "ldaps://ldap.example.com",
    "env:LDAP_BIND_DN": "cn=aiworker,dc=example,dc=com",
}


def resolve(reference: str) -> str:
    """Return what an environment could hold: an address where the name says so, else some word."""
    otherwise = "https://system.example.com" if reference.endswith("_URL") else "geheim"
    return VALUES.get(reference, otherwise) if reference.startswith("env:") else reference


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*/connector.toml")), ids=lambda file: file.parent.name)
def test_an_example_loads(file: Path) -> None:
    connection = load_connector(file, resolve=resolve, parts=Parts(clock=SystemClock()))
    assert connection is not None
    assert connection.tools()
