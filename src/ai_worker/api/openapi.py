"""`GET /openapi.json`: the endpoints, told by themselves."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

import ai_worker
from ai_worker.api.auth import Caller
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.problems import MEDIA_TYPE, TITLES

REF = "#/components/schemas/{name}"
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable and dotted; listed in the error reference"},
        "hint": {"type": "string"},
        "turn_id": {"type": "string", "description": "The turn that was accepted, if one was"},
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "For 24 hours the same key and body give the first answer again; another body is 422",
}


def endpoint(others: Sequence[Endpoint]) -> Endpoint:
    """Return the endpoint that describes `others` and itself."""
    written: bytes | None = None

    async def show(request: Request, caller: Caller) -> Response:
        nonlocal written
        if written is None:
            written = msgspec.json.encode(describe([*others, itself]))
        return Response(written, media_type="application/json")

    itself = Endpoint(method="GET", path="/openapi.json", scope="public", handle=show, summary="This description")
    return itself


def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `endpoints`."""
    shapes = [shape for each in endpoints for shape in (each.body, each.answer) if shape is not None]
    _, schemas = msgspec.json.schema_components(shapes, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(PARAMETER.sub(r"{\1}", each.path), {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ai-worker", "version": ai_worker.__version__},
        "paths": paths,
        "components": {
            "schemas": schemas | {"Problem": PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(each: Endpoint) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(each.path)
    ]
    if each.method == "POST" and each.scope != "public":
        parameters.append(IDEMPOTENCY_KEY)
    operation: dict[str, Any] = {
        "operationId": _operation_id(each),
        "summary": each.summary,
        "parameters": parameters,
        "responses": {str(each.status): _success(each)},
        "security": [] if each.scope == "public" else [{"key": []}],
    }
    if each.scope != "public":
        scopes = " or ".join(f"`{scope}`" for scope in (each.scope, *each.also))
        operation["description"] = f"Needs a key with the scope {scopes}."
    if each.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(each.body)}
    operation |= each.details
    operation["responses"] = operation["responses"] | _failures(each)
    return operation


def _operation_id(each: Endpoint) -> str:
    return "_".join([each.method.lower(), *re.findall(r"[a-z]+", each.path)])


def _success(each: Endpoint) -> dict[str, Any]:
    return {"description": each.summary, "content": _json(each.answer) if each.answer else {"application/json": {}}}


def _failures(each: Endpoint) -> dict[str, Any]:
    statuses = [] if each.scope == "public" else [401, 403, 429]
    statuses += [404] if "{" in each.path else []
    statuses += [400, 409, 413, 415, 422] if each.method == "POST" else []
    content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}
    return {str(status): {"description": TITLES[status], "content": content} for status in sorted([*statuses, 503])}


def _json(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(name=shape.__name__)}}}
