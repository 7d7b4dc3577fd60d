"""What a contract's paths and parameters say of paging and of business questions."""

from typing import Any

from ai_worker.connectors.catalogue.hints import paging, verbs
from ai_worker.connectors.catalogue.system import PagingHint
from tests.connectors.contracts import compiled, openapi


def asking(*names: str) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]}


SHOP = compiled(
    openapi(
        {
            "/orders": {"get": {"operationId": "listOrders", **asking("page", "per_page")}},
            "/orders/{id}": {"get": {"operationId": "getOrder"}, "delete": {"operationId": "dropOrder"}},
            "/archive/orders/{id}": {"get": {"operationId": "getOldOrder"}},
            "/customers": {"get": {"operationId": "listCustomers", **asking("page", "per_page")}},
            "/invoices/{id}": {"get": {"operationId": "getInvoice", "deprecated": True}},
            "/tickets/{id}": {"get": {"operationId": "getTicket"}},
            "/logs": {"get": {"operationId": "listLogs", **asking("offset", "limit")}},
        }
    )
)


def test_the_way_of_most_lists_is_the_systems_way() -> None:
    assert paging(SHOP) == PagingHint("page", "page", "per_page")


def test_one_list_alone_says_nothing() -> None:
    assert paging(compiled(openapi({"/logs": {"get": {"operationId": "a", **asking("offset")}}}))) is None


def test_a_question_is_answered_by_the_nearest_read_that_is_still_meant() -> None:
    assert verbs(SHOP, "ecommerce") == {"order.status": "getOrder", "customer.find": "listCustomers"}


def test_a_word_counts_only_where_it_means_that() -> None:
    assert verbs(SHOP, "support-itsm") == {"customer.find": "listCustomers", "ticket.status": "getTicket"}
