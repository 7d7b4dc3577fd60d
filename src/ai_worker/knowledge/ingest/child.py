"""The child process that parses documents: `python -m ai_worker.knowledge.ingest.child CPU_S MEMORY`.

It reads requests from standard input and writes answers to standard output, each as four bytes of
length (big-endian) and JSON; a document's bytes follow its request. It opens no file that anyone
names. A document that takes too much kills this process and nothing else: the parent starts another.
"""

import os
import resource
import sys
from pathlib import PurePosixPath
from typing import BinaryIO

import msgspec

from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.text import shorten
from ai_worker.knowledge.ingest.parsed import Parsed, Refusal, Request, Response
from ai_worker.knowledge.ingest.refusals import DocumentRefused, Empty, TooCostly, UnsupportedType

TABLES = frozenset((".csv", ".jsonl", ".xlsx", ".xlsm"))
TEXTS = frozenset((".md", ".markdown", ".txt", ".text", ".docx", ".pdf", ".html", ".htm"))
SUPPORTED = TABLES | TEXTS
"""What `parse` reads, by the end of a file's name in lower case."""


def parse(name: str, content: bytes) -> Parsed:
    """Return what a document holds; `name` is its id, and its ending says what it is.

    Raises:
        DocumentRefused: It cannot be read, or holds nothing.
    """
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    parsed = _table(suffix, path, content) if suffix in TABLES else _text(suffix, path, content)
    if not (parsed.pieces or parsed.rows or parsed.refused_rows):
        raise Empty("The document holds no text")
    return parsed


def _table(suffix: str, path: PurePosixPath, content: bytes) -> Parsed:
    from ai_worker.knowledge.ingest.sheets import read_csv, read_jsonl, read_xlsx

    read = {".csv": read_csv, ".jsonl": read_jsonl}.get(suffix, read_xlsx)
    return read(path.stem, content, str(path))


def _text(suffix: str, path: PurePosixPath, content: bytes) -> Parsed:
    from ai_worker.knowledge.ingest.html import read_docx, read_html
    from ai_worker.knowledge.ingest.markdown import read_markdown, read_text
    from ai_worker.knowledge.ingest.pdf import read_pdf

    readers = {
        ".md": read_markdown,
        ".markdown": read_markdown,
        ".txt": read_text,
        ".text": read_text,
        ".docx": read_docx,
        ".pdf": read_pdf,
        ".html": read_html,
        ".htm": read_html,
    }
    if suffix not in readers:
        raise UnsupportedType(f"Nothing reads {suffix or 'files without an ending'}")
    return readers[suffix](path.stem, content)


def answer(request: Request, content: bytes) -> Response:
    """Return what a document holds, or why it cannot be read."""
    try:
        return Response(parsed=parse(request.name, content))
    except AiWorkerError as error:
        return Response(refusal=Refusal(error.code, str(error)))
    except (MemoryError, RecursionError):
        return Response(refusal=Refusal(TooCostly.code, "Reading it takes more memory than a document may use"))
    except Exception as error:  # noqa: BLE001  (a task boundary: parsers raise anything on a broken document)
        reason = f"The document is damaged ({type(error).__name__}: {shorten(str(error), 120)})"
        return Response(refusal=Refusal(DocumentRefused.code, reason))


def limit_memory(size: int) -> None:
    """Let this process use at most `size` bytes of address space, and write no files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":  # elsewhere the system refuses to limit it; the deadline still holds
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def limit_seconds(seconds: int) -> None:
    """Let the next document take `seconds` of CPU; beyond, the system ends this process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def serve(source: BinaryIO, sink: BinaryIO, seconds: int) -> None:
    """Answer requests until there are no more."""
    while len(head := source.read(4)) == 4:
        request = msgspec.json.decode(source.read(int.from_bytes(head)), type=Request)
        content = source.read(request.size)
        limit_seconds(seconds)
        body = msgspec.json.encode(answer(request, content))
        sink.write(len(body).to_bytes(4))
        sink.write(body)
        sink.flush()


def main() -> None:
    """Set the limits, keep the pipe for answers alone, and serve."""
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # a library that prints must not end up in an answer
    limit_memory(int(sys.argv[2]))
    serve(sys.stdin.buffer, sink, int(sys.argv[1]))


if __name__ == "__main__":
    main()
