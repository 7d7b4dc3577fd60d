"""A business system that executes a real GraphQL schema behind HTTP on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql

SDL = '''
"""订单的状态"""
enum State { OPEN SHIPPED }
scalar DateTime
interface Named { name: String! }
type Customer implements Named { id: ID! name: String! orders(first: Int!): [Order!]! boss: Customer mail: String @deprecated }
type Line { product: String! count: Int! customer: Customer }
type Order { id: ID! state: State! total: Float placed: DateTime customer: Customer! lines: [Line!]! broken: Int }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type OrderEdge { cursor: String! node: Order! }
type OrderConnection { edges: [OrderEdge!]! pageInfo: PageInfo! }
union Found = Order | Customer
input LineInput { product: String! count: Int! note: NoteInput }
input NoteInput { text: String inner: NoteInput }
input OrderInput { customer: ID! state: State = OPEN lines: [LineInput!]! }
type UserError { field: [String!] message: String! }
type OrderPayload { order: Order userErrors: [UserError!]! }
type Query {
  "按编号查订单"
  order(id: ID!): Order
  orders(first: Int, after: String, state: State): OrderConnection!
  find(text: String!): [Found!]!
  forbidden: Int
}
type Mutation {
  "修改收货地址"
  changeAddress(id: ID!, address: String!): Order
  createOrder(input: OrderInput!): OrderPayload!
  ship(id: ID!): Order!
}
'''  # noqa: E501

ORDER: dict[str, Any] = {
    "id": "O1", "state": "OPEN", "total": 12.5, "placed": "2026-11-22T10:00:00Z",
    "customer": {"id": "C1", "name": "华星"}, "lines": [{"product": "键盘", "count": 2}],
}  # fmt: skip


class Shop:
    """Root values of the schema, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.changed: list[tuple[str, str]] = []
        self.shipped: list[str] = []
        self.introspects = True

    def order(self, _: Any, id: str) -> Any:
        return ORDER if id == "O1" else None

    def orders(self, _: Any, first: int | None = None, after: str = "", state: str = "") -> Any:
        if first is None:
            raise GraphQLError("You must provide a `first` or `last` value")
        page = {"hasNextPage": True, "endCursor": "abc"}
        return {"edges": [{"cursor": "abc", "node": ORDER}], "pageInfo": page}

    def find(self, _: Any, text: str) -> Any:
        return [{"__typename": "Order", **ORDER}, {"__typename": "Customer", "id": "C1", "name": text}]

    def forbidden(self, _: Any) -> Any:
        raise GraphQLError("log in first", extensions={"code": "UNAUTHENTICATED"})

    def changeAddress(self, _: Any, id: str, address: str) -> Any:
        if id != "O1":
            raise GraphQLError("没有这个订单")
        self.changed.append((id, address))
        return {**ORDER, "broken": self._broken}

    def createOrder(self, _: Any, input: dict[str, Any]) -> Any:
        errors = [] if input["lines"] else [{"field": ["lines"], "message": "订单没有明细"}]
        return {"order": None if errors else ORDER, "userErrors": errors}

    def ship(self, _: Any, id: str) -> Any:
        self.shipped.append(id)
        return {**ORDER, "customer": self._broken}

    def _broken(self, _: Any) -> Any:
        raise GraphQLError("stock service is down")


def executable() -> GraphQLSchema:
    """Return the schema."""
    return build_schema(SDL)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Shop, str]]:
    """Start the system; yield it and its address."""
    root, schema = Shop(), executable()

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        if "__schema" in body["query"] and not root.introspects:
            return web.json_response({"errors": [{"message": "introspection is switched off"}]})
        if "__schema" not in body["query"]:
            root.asked.append(body)
        result = await graphql(schema, body["query"], root, variable_values=body.get("variables"))
        return web.json_response(result.formatted)

    application = web.Application()
    application.router.add_post("/graphql", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield root, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
