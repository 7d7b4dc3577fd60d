"""OData 2.0 and 4.0 as a kind of business system."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.connect import make_caller
from ai_worker.connectors.kind import Kind, Options, Parts
from ai_worker.connectors.odata.compile import Choices, compile_metadata
from ai_worker.connectors.odata.dialect import OData
from ai_worker.connectors.odata.xml_tree import MAX_BYTES
from ai_worker.connectors.operation import Contract, ContractRefused, Operation
from ai_worker.connectors.settings import ConnectorSettings


class ODataOptions(Options):
    """`[options]` of a connector of the kind `odata`."""

    filters: Mapping[str, tuple[str, ...]] = {}
    """By entity set: the properties that its list can be asked by; left out: the likeliest ten."""

    raw_filter: bool = True
    """Lists take an OData `$filter` as text, too."""

    update_method: Literal["", "PATCH", "MERGE", "PUT"] = ""
    """How an entity is changed; empty: `PATCH`, of OData 2.0 `MERGE`."""


METADATA = Operation(
    name="metadata",
    method="GET",
    path="/$metadata",
    title="$metadata",
    description="",
    input_schema={"type": "object"},
    risk="read",
    accepts=("application/xml",),
)


def _compile(path: Path, options: ODataOptions) -> Contract:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ContractRefused(f"{path}: {error.strerror}") from None
    return compile_metadata(data, Choices(options.filters, options.raw_filter, options.update_method))


async def _fetch(settings: ConnectorSettings, options: ODataOptions, parts: Parts) -> bytes:
    caller = make_caller(parts.connection or "metadata", settings, Contract("odata", "", "", "", ()), parts)
    await caller.start()
    try:
        return await caller.download(METADATA, {}, at_most=MAX_BYTES)
    finally:
        await caller.close()


def _make_caller(
    connection: str, settings: ConnectorSettings, options: ODataOptions, contract: Contract, parts: Parts
) -> HttpCaller:
    return make_caller(connection, settings, contract, parts, dialect=OData())


KIND = Kind("odata", _compile, options=ODataOptions, make_caller=_make_caller, fetch=_fetch)
