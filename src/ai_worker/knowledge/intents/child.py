"""The child process that learns: `python -m ai_worker.knowledge.intents.child CPU_S MEMORY FILE`.

It reads the lessons from standard input and writes a model to FILE. It knows no secret and no network;
what takes too much kills this process and nothing else.
"""

import os
import resource
import sys
from pathlib import Path

import msgspec

from ai_worker.knowledge.intents.lessons import Lessons


def learn(lessons: Lessons, path: Path) -> None:
    """Make a model of lessons, in a file that is there wholly or not at all."""
    from ai_worker.knowledge.intents import arrays, calibration
    from ai_worker.knowledge.intents.model import Meta
    from ai_worker.knowledge.intents.training import Texts, tables_of

    texts = Texts.of(lessons.texts, lessons.labels)
    confidence = calibration.fit(lessons, texts)
    meta = Meta(lessons.fingerprint, list(lessons.keys), len(lessons.texts) / len(lessons.keys), confidence)
    arrays.write(path, meta, tables_of(texts, len(lessons.keys)))


def limit(seconds: int, memory: int) -> None:
    """Let this process use so much CPU and address space, after everyone else."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":  # elsewhere the system refuses to limit it; the deadline still holds
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def main() -> None:
    """Set the limits, read, learn."""
    limit(int(sys.argv[1]), int(sys.argv[2]))
    learn(msgspec.json.decode(sys.stdin.buffer.read(), type=Lessons), Path(sys.argv[3]))


if __name__ == "__main__":
    main()
