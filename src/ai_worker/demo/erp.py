"""The sample company's ERP: a small business system behind a real HTTP API on loopback."""

import hmac
from collections.abc import Mapping
from datetime import date, timedelta
from types import TracebackType
from typing import Any, Self

from aiohttp import web

Record = Mapping[str, Any]


def orders(today: date) -> dict[str, Record]:
    """Return the orders by id, with dates around `today`, so that the sample never looks old."""

    def day(offset: int) -> str:
        return (today + timedelta(days=offset)).isoformat()

    rows: list[Record] = [
        _order("ORD12345", "SHIPPED", "惠达 M227 打印机等 2 件", "1299.00", day(-2))
        | {"carrier": "顺丰速运", "tracking_no": "SF1690238847512", "eta": day(1)}
        | {"items": [_item("惠达 M227 激光打印机", 1), _item("惠达 M227 原装硒鼓", 1)]},
        _order("ORD12346", "PENDING", "晨光 A4 复印纸 20 箱", "3160.00", day(-1))
        | {"eta": day(3), "items": [_item("晨光 A4 复印纸 80 克（5 包/箱）", 20)]},
        _order("ORD12347", "DELIVERED", "人体工学椅 4 把", "5196.00", day(-9))
        | {"carrier": "德邦快递", "tracking_no": "DPK364812095587", "delivered_on": day(-4)}
        | {"items": [_item("华星人体工学椅 H3", 4)]},
        _order("ORD12348", "CANCELLED", "会议白板 1 块", "468.00", day(-6))
        | {"items": [_item("磁性会议白板 120×240", 1)]},
        _order("ORD12349", "PARTLY_SHIPPED", "会议桌椅一套", "8720.00", day(-5))
        | {"carrier": "德邦快递", "tracking_no": "DPK364812101942", "eta": day(4)}
        | {"items": [_item("华星会议桌 2.4 米", 1), _item("华星会议椅", 8)]},
        _order("ORD12340", "RETURNED", "惠达 M227 打印机 1 台", "1099.00", day(-16))
        | {"carrier": "顺丰速运", "tracking_no": "SF1690237719038", "delivered_on": day(-13)}
        | {"items": [_item("惠达 M227 激光打印机", 1)]},
        _order("ORD12341", "RETURNED", "碎纸机 2 台", "1358.00", day(-12))
        | {"carrier": "中通快递", "tracking_no": "ZTO78120466315", "delivered_on": day(-9)}
        | {"items": [_item("科密碎纸机 C-838", 2)]},
    ]
    return {row["id"]: row for row in rows}


def refunds(today: date) -> dict[str, Record]:
    """Return the refunds by order, with dates around `today`."""

    def day(offset: int) -> str:
        return (today + timedelta(days=offset)).isoformat()

    rows: list[Record] = [
        {"order_id": "ORD12340", "status": "PAID", "amount": "1099.00", "applied_on": day(-8)}
        | {"paid_on": day(-2), "arrives_by": day(3)},
        {"order_id": "ORD12341", "status": "GOODS_RECEIVED", "amount": "1358.00", "applied_on": day(-5)}
        | {"paid_on": None, "arrives_by": None},
    ]
    return {row["order_id"]: row for row in rows}


def _order(order_id: str, status: str, title: str, amount: str, ordered_on: str) -> dict[str, Any]:
    blank = dict.fromkeys(("carrier", "tracking_no", "eta", "delivered_on"))
    return {"id": order_id, "status": status, "title": title, "amount": amount, "ordered_on": ordered_on, **blank}


def _item(name: str, quantity: int) -> dict[str, Any]:
    return {"name": name, "quantity": quantity}


class SimulatedErp:
    """The ERP, running while the block lasts. It takes its API key in `X-Api-Key`."""

    def __init__(self, *, today: date, api_key: str) -> None:
        self.api_key = api_key
        self.base_url = ""
        """Known once the block has begun."""

        self._tables = {"orders": orders(today), "refunds": refunds(today)}
        application = web.Application(client_max_size=64 * 1024)
        application.router.add_get("/{table:orders|refunds}/{order_id}", self._show)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("X-Api-Key", "").encode(), self.api_key.encode()):
            return web.json_response({"message": "密钥不对"}, status=401)
        record = self._tables[request.match_info["table"]].get(request.match_info["order_id"].upper())
        if record is None:
            return web.json_response({"message": "没有这个订单，或者它没有退款"}, status=404)
        return web.json_response(record)
