"""OpenAPI 2.0, 3.0 and 3.1 as a kind of business system."""

from pathlib import Path

from ai_worker.connectors.kind import Kind, Options
from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.operation import Contract


def _compile(path: Path, options: Options) -> Contract:
    return compile_file(path)


KIND = Kind("openapi", _compile)
