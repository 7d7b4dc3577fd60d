"""librdkafka's mock cluster as a process of its own: prints its address, lives until stdin closes.

It speaks the protocol and keeps records in memory; it is no Kafka. Topics appear on first use with
four partitions.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SERVE = """
import sys
from confluent_kafka.admin import AdminClient
cluster = AdminClient({"test.mock.num.brokers": 3})
found = cluster.list_topics(timeout=10).brokers.values()
print(",".join(f"{each.host}:{each.port}" for each in found), flush=True)
sys.stdin.read()
"""


@dataclass
class MockCluster:
    """Three mock brokers in one process, which can be paused and killed."""

    servers: str
    process: "subprocess.Popen[str]"


@contextmanager
def mock_cluster() -> Iterator[MockCluster]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield MockCluster(process.stdout.readline().strip(), process)
    finally:
        process.kill()
        process.communicate()
