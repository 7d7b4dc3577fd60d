"""A small Odoo on loopback that speaks its JSON-RPC and is strict about it: no Odoo can be installed here."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.connectors.http.business import served

DATABASE, USER, KEY, NUMBER = "huaxing", "worker@huaxing.example", "0123456789abcdef-api-key", 7


class Said(Exception):
    """An exception of Odoo's, with its name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def many2one(relation: str, **more: Any) -> dict[str, Any]:
    """Return a field that leads to another record."""
    return {"type": "many2one", "relation": relation, "string": relation, **more}


FIELDS: dict[str, dict[str, dict[str, Any]]] = {
    "sale.order": {
        "id": {"type": "integer", "string": "ID", "readonly": True},
        "name": {"type": "char", "string": "单号", "required": True},
        "state": {
            "type": "selection",
            "string": "状态",
            "readonly": True,
            "selection": [["draft", "报价"], ["sale", "销售订单"], ["cancel", "已取消"]],
        },
        "partner_id": many2one("res.partner", required=True),
        "partner_shipping_id": many2one("res.partner", required=True),
        "order_line": {"type": "one2many", "relation": "sale.order.line", "string": "明细"},
        "note": {"type": "html", "string": "备注"},
        "require_signature": {"type": "boolean", "string": "在线签字"},
        "date_order": {"type": "datetime", "string": "下单时间", "required": True},
        "amount_total": {"type": "monetary", "string": "合计", "readonly": True},
        "tag_ids": {"type": "many2many", "relation": "crm.tag", "string": "标签"},
    },
    "res.partner": {
        "id": {"type": "integer", "string": "ID", "readonly": True},
        "name": {"type": "char", "string": "名称"},
        "parent_id": many2one("res.partner"),
        "type": {"type": "selection", "string": "类型", "selection": [["contact", "联系人"], ["delivery", "收货"]]},
        "street": {"type": "char", "string": "街道"},
    },
    "sale.order.line": {
        "id": {"type": "integer", "string": "ID", "readonly": True},
        "name": {"type": "text", "string": "说明", "required": True},
        "product_uom_qty": {"type": "float", "string": "数量", "required": True},
        "price_unit": {"type": "float", "string": "单价", "required": True},
    },
    "res.users": {
        "id": {"type": "integer", "string": "ID", "readonly": True},
        "name": {"type": "char", "string": "姓名"},
        "lang": {"type": "char", "string": "语言"},
        "company_id": many2one("res.company"),
    },
    "res.company": {"display_name": {"type": "char", "string": "名称"}},
}


class Odoo:
    """Its records, and what is called."""

    def __init__(self, version: str = "17.0") -> None:
        self.version, self.base, self.key = version, "", KEY
        self.calls: list[tuple[str, str]] = []
        self.contexts: list[Any] = []
        self.records: dict[str, dict[int, dict[str, Any]]] = {
            "res.company": {1: {"display_name": "华星办公"}},
            "res.users": {NUMBER: {"name": "数字员工", "lang": "zh_CN", "company_id": 1}},
            "res.partner": {
                1: {"name": "晨光设计工作室", "parent_id": False, "type": "contact", "street": "漕溪北路 18 号"},
                2: {"name": "海棠咖啡", "parent_id": False, "type": "contact", "street": False},
            },
            "sale.order.line": {1: {"name": "人体工学椅", "product_uom_qty": 4.0, "price_unit": 1299.0}},
            "sale.order": {
                1: self._order("S00012", "sale", 1, [1]),
                2: self._order("S00013", "draft", 1, []),
                3: self._order("S00014", "cancel", 2, []),
            },
        }

    @staticmethod
    def _order(name: str, state: str, partner: int, lines: list[int]) -> dict[str, Any]:
        return {
            "name": name,
            "state": state,
            "partner_id": partner,
            "partner_shipping_id": partner,
            "order_line": lines,
            "note": False,
            "require_signature": False,
            "date_order": "2026-11-20 02:30:00",
            "amount_total": 5196.0,
            "tag_ids": [],
        }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        assert (request.method, request.path) == ("POST", "/jsonrpc")
        message = await request.json()
        assert message["jsonrpc"] == "2.0"
        assert message["method"] == "call"
        params = message["params"]
        assert params.keys() == {"service", "method", "args"}
        try:
            result = self._dispatch(params["service"], params["method"], params["args"])
        except Said as said:
            told = {
                "name": said.name,
                "message": str(said),
                "arguments": [str(said)],
                "debug": "Traceback …",
                "context": {},
            }
            error = {"code": 200, "message": "Odoo Server Error", "data": told}
            return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _dispatch(self, service: str, method: str, args: list[Any]) -> Any:
        if service == "common" and method == "version":
            return {"server_version": self.version, "server_serie": self.version, "protocol_version": 1}
        if service == "common" and method == "authenticate":
            database, login, key, agent = args
            assert agent == {}
            return NUMBER if (database, login, key) == (DATABASE, USER, self.key) else False
        assert (service, method) == ("object", "execute_kw")
        database, number, key, model, name, positional, named = args
        if (database, number, key) != (DATABASE, NUMBER, self.key):
            raise Said("odoo.exceptions.AccessDenied", "Access Denied")
        if model not in FIELDS:
            raise Said("builtins.KeyError", model)
        self.calls.append((model, name))
        self.contexts.append(named.pop("context"))
        method_of = getattr(self, f"_{name}", None)
        if method_of is None or (name == "check_access_rights" and self.version > "18"):
            raise Said("builtins.AttributeError", f"The method '{model}.{name}' does not exist")
        return method_of(model, *positional, **named)

    def _fields_get(self, model: str, attributes: list[str]) -> Any:
        return {name: {key: one[key] for key in attributes if key in one} for name, one in FIELDS[model].items()}

    def _default_get(self, model: str, fields: list[str]) -> Any:
        return {"date_order": "2026-11-22 00:00:00"} if "date_order" in fields else {}

    def _check_access_rights(self, model: str, right: str, raise_exception: bool) -> bool:
        return (model, right) != ("sale.order", "unlink")

    def _has_access(self, model: str, ids: list[int], right: str) -> bool:
        return self._check_access_rights(model, right, raise_exception=False)

    def _web_search_read(
        self, model: str, *, domain: list[Any], specification: Any, offset: int, limit: int, order: str = "id"
    ) -> Any:
        found = [number for number in self.records[model] if all(self._fits(model, number, *one) for one in domain)]
        found.sort(reverse=order.endswith(" desc"))
        records = [self._told(model, number, specification) for number in found[offset : offset + limit]]
        return {"length": len(found), "records": records}

    def _web_read(self, model: str, ids: list[int], *, specification: Any) -> Any:
        if missing := [number for number in ids if number not in self.records[model]]:
            raise Said("odoo.exceptions.MissingError", f"记录不存在：{missing}")
        return [self._told(model, number, specification) for number in ids]

    def _create(self, model: str, rows: list[dict[str, Any]]) -> list[int]:
        return [self._created(model, row) for row in rows]

    def _created(self, model: str, row: Mapping[str, Any]) -> int:
        assert row.keys() <= FIELDS[model].keys()
        needed = {name for name, one in FIELDS[model].items() if one.get("required")} - {"date_order"}
        if absent := needed - row.keys():
            raise Said("odoo.exceptions.ValidationError", f"缺少：{absent}")
        number = max(self.records[model], default=0) + 1
        values = dict.fromkeys(FIELDS[model], False) | dict(row)
        for name, field in FIELDS[model].items():
            if field["type"] == "one2many" and row.get(name):
                assert all(line[:2] == [0, 0] for line in row[name])
                values[name] = [self._created(field["relation"], line[2]) for line in row[name]]
        self.records[model][number] = values
        return number

    def _write(self, model: str, ids: list[int], values: dict[str, Any]) -> bool:
        for number in ids:
            if number not in self.records[model]:
                raise Said("odoo.exceptions.MissingError", "记录不存在")
            if model == "sale.order" and self.records[model][number]["state"] == "cancel":
                raise Said("odoo.exceptions.UserError", "已取消的订单不能修改。")
            if values.get("note") == "撞车":
                raise Said("psycopg2.errors.SerializationFailure", "could not serialize access")
            self.records[model][number].update(values)
        return True

    def _unlink(self, model: str, ids: list[int]) -> bool:
        for number in ids:
            del self.records[model][number]
        return True

    def _action_cancel(self, model: str, ids: list[int]) -> bool:
        for number in ids:
            self.records[model][number]["state"] = "cancel"
        return True

    def _fits(self, model: str, number: int, path: str, comparison: str, value: Any) -> bool:
        has: Any = self.records[model][number] | {"id": number}
        relation = model
        for step in path.split("."):
            if isinstance(has, int):
                has = self.records[relation][has]
            relation = FIELDS[relation][step].get("relation", relation)
            has = has[step]
        match comparison:
            case "=":
                return bool(has == value)
            case "in":
                return has in value
            case "=ilike":
                return str(has).lower() == str(value).replace("\\", "").lower()
            case "ilike":
                return str(value).replace("\\", "").lower() in str(has).lower()
            case ">=":
                return bool(has >= value)
        raise Said("builtins.ValueError", f"Invalid operator {comparison}")

    def _told(self, model: str, number: int, specification: Mapping[str, Any]) -> dict[str, Any]:
        record = self.records[model][number]
        told: dict[str, Any] = {"id": number}
        for name, wanted in specification.items():
            if name not in FIELDS[model]:
                raise Said("builtins.ValueError", f"Invalid field {name!r} on model {model!r}")
            value = number if name == "id" else record[name]
            if "fields" in wanted and isinstance(value, list):
                value = [self._told(FIELDS[model][name]["relation"], one, wanted["fields"]) for one in value]
            elif "fields" in wanted and value is not False:
                value = self._told(FIELDS[model][name]["relation"], value, wanted["fields"])
            told[name] = value
        return told


@asynccontextmanager
async def odoo(version: str = "17.0") -> AsyncIterator[Odoo]:
    """Run one."""
    system = Odoo(version)
    async with served(system.answer) as port:
        system.base = f"http://127.0.0.1:{port}"
        yield system
