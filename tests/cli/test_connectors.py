"""`ai-worker connectors compile`."""

import gzip
import json
from pathlib import Path

from tests.cli.calling import Cli, call

CONTRACT = {
    "openapi": "3.0.3",
    "info": {"title": "华星 ERP", "version": "1"},
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}},
    "paths": {
        "/orders/{id}": {
            "get": {"operationId": "getOrder", "summary": "查询订单"},
            "delete": {"operationId": "deleteOrder", "summary": "删除订单"},
        },
        "/refunds": {"post": {"operationId": "refund", "$ref": "elsewhere.yaml"}},
    },
}


def test_json_shows_what_the_contract_becomes(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "erp.json.gz"
    file.write_bytes(gzip.compress(json.dumps(CONTRACT).encode()))

    called = cli("connectors", "compile", str(file), "--json")

    assert (called.code, called.err) == (0, "")
    assert called.json == {
        "operations": 3,
        "tools": [
            {
                "name": name,
                "method": method,
                "path": "/orders/{id}",
                "input_schema": {
                    "type": "object",
                    "properties": {"id": {"type": "string"}},
                    "required": ["id"],
                    "additionalProperties": False,
                },
                "risk": risk,
            }
            for name, method, risk in (("getOrder", "GET", "read"), ("deleteOrder", "DELETE", "write-irreversible"))
        ],
        "skipped": [
            {"operation": "POST /refunds", "reason": "it stands in another file; give the contract's folder"},
        ],
        "auth": [{"name": "key", "kind": "apiKey", "in": "header", "key": "X-Api-Key", "flows": []}],
        "level": "L0",
    }


def test_a_person_reads_what_it_becomes_and_what_was_left_out(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(CONTRACT))

    called = cli("connectors", "compile", str(tmp_path))

    assert called.code == 0
    assert "华星 ERP（openapi-3.0）：3 个操作，2 个成为工具，L0" in called.out
    assert "只读 1，不可撤销的写 1" in called.out
    assert "POST /refunds" in called.err


def test_what_is_no_contract_is_refused_with_its_code(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html>")
    (tmp_path / "large.json").write_bytes(b" " * (20 * 1024 * 1024 + 1))
    (tmp_path / "packed.json").write_bytes(gzip.compress(b" " * (20 * 1024 * 1024 + 1)))
    (tmp_path / "broken.json.gz").write_bytes(b"\x1f\x8bnonsense")

    for name, code in (
        ("page.html", "contract.bad"),
        ("gone.json", "contract.bad"),
        (".", "contract.bad"),
        ("broken.json.gz", "contract.bad"),
        ("large.json", "contract.too_large"),
        ("packed.json", "contract.too_large"),
    ):
        called = call(tmp_path, "connectors", "compile", name, "--json", LANG="zh_CN.UTF-8")
        assert (called.code, called.out) == (2, ""), name
        assert f"代码 {code}" in called.err, name
