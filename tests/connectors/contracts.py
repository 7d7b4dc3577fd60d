"""Contracts that the tests write themselves, and the shortest way to what became of them."""

import json
from collections.abc import Mapping
from typing import Any

from ai_worker.connectors.openapi.compile import compile_contract
from ai_worker.connectors.operation import Contract, Operation


def openapi(paths: Mapping[str, Any], *, version: str = "3.0.3", **more: Any) -> dict[str, Any]:
    return {"openapi": version, "info": {"title": "华星 ERP", "version": "1"}, "paths": paths, **more}


def swagger(paths: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "info": {"title": "华星 ERP", "version": "1"}, "paths": paths, **more}


def compiled(document: Any) -> Contract:
    return compile_contract(json.dumps(document).encode(), name="erp.json")


def only(document: Any) -> Operation:
    (operation,) = compiled(document).operations
    return operation


def posting(schema: Any, *, required: bool = True, kind: str = "application/json", **schemas: Any) -> dict[str, Any]:
    """Return a contract with one operation that takes `schema`."""
    body = {"required": required, "content": {kind: {"schema": schema}}}
    paths = {"/orders": {"post": {"operationId": "createOrder", "requestBody": body}}}
    return openapi(paths, components={"schemas": schemas})


def shape(schema: Any, **schemas: Any) -> Any:
    """Return what becomes of a property that has this schema."""
    body = {"type": "object", "properties": {"it": schema}}
    return only(posting(body, **schemas)).input_schema["properties"]["it"]
