"""Records that are no messages, or that the inbox will never take: kept where a person can look at them."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ai_worker.foundation import durable

FILE = "queue-set-aside.jsonl"
"""In the data folder, one JSON object a line. A record that was read twice may stand there twice."""


@dataclass(frozen=True, slots=True)
class RecordSetAside:
    """A record of the queue was put into the file instead of the store."""

    topic: str
    partition: int
    offset: int
    reason: str


class Aside:
    """The file with what was set aside."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def put(self, fact: RecordSetAside, *, key: bytes | None, value: bytes | None, at: datetime) -> None:
        """Append a record, flushed to disk. Blocks.

        Raises:
            OSError: It is not on disk.
        """
        line = json.dumps(
            {
                "at": at.isoformat(),
                "topic": fact.topic,
                "partition": fact.partition,
                "offset": fact.offset,
                "reason": fact.reason,
                "key": None if key is None else base64.b64encode(key).decode(),
                "value": None if value is None else base64.b64encode(value).decode(),
            }
        )
        durable.append(self._file, line.encode() + b"\n")
