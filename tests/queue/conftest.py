"""Brokers to try the queue on: librdkafka's mock cluster, and a real Kafka where one is named."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.queue.brokers import MockCluster, mock_cluster
from tests.queue.world import World, world_on

REAL = "KAFKA_BOOTSTRAP"


@pytest.fixture(scope="session")
def shared_mock() -> Iterator[MockCluster]:
    with mock_cluster() as cluster:
        yield cluster


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    """A mock cluster of the test's own, to be paused or killed."""
    with mock_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["mock_cluster", "kafka"])
def servers(request: pytest.FixtureRequest) -> str:
    """Bootstrap servers; every test runs on the mock cluster and on the Kafka that `KAFKA_BOOTSTRAP` names."""
    if request.param == "mock_cluster":
        cluster: MockCluster = request.getfixturevalue("shared_mock")
        return cluster.servers
    if not os.environ.get(REAL):
        pytest.skip(f"not run: no Kafka is here ({REAL} names none); the mock cluster alone was tried")
    return os.environ[REAL]


@pytest.fixture
def topic() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
async def world(tmp_path: Path, servers: str, topic: str) -> AsyncIterator[World]:
    """A store, its inbox and a new topic."""
    async with world_on(tmp_path, servers, topic) as opened:
        yield opened
