"""Guess from a compiled contract how its lists are paged, and which operations answer business questions."""

import re
from collections import Counter
from collections.abc import Mapping

from ai_worker.connectors.catalogue.system import PagingHint
from ai_worker.connectors.operation import Contract, Operation

_SIZES = ("per_page", "perpage", "page_size", "pagesize", "limit", "$top", "top", "size", "maxresults", "max_results")
_ASKING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cursor", ("cursor", "after", "starting_after", "page_token", "pagetoken", "next_token", "nexttoken",
                "continuationtoken", "$skiptoken")),
    ("page", ("page", "page_number", "pagenumber", "page_no", "pageno", "pageindex", "page[number]")),
    ("offset", ("offset", "skip", "$skip", "start", "startindex", "start_index")),
)  # fmt: skip
MIN_LISTS = 2
"""Operations that must agree before it counts as the system's way."""

_ONE = re.compile(r"/([A-Za-z][\w-]*)/\{[^{}/]+\}/?$")
_MANY = re.compile(r"/([A-Za-z][\w-]*)/?$")

_TRADE = frozenset({"ecommerce", "erp", "finance", "crm-sales", "logistics-fleet"})
_PEOPLE = frozenset({"hr-learning", "erp", "finance", "project-work", "identity-security"})
_SERVICE = frozenset({"support-itsm", "project-work", "devops-data"})
_PAPER = frozenset({"document-esign", "storage"})
_CLIENTS = _TRADE | {"marketing", "communication", "support-itsm"}

_VERBS: tuple[tuple[str, str, re.Pattern[str], frozenset[str], tuple[str, ...]], ...] = (
    ("order.status", "GET", _ONE, _TRADE, ("orders", "order", "salesorders", "sales-orders", "sales_orders")),
    ("shipment.track", "GET", _ONE, _TRADE, ("tracking", "trackings", "shipments", "shipment", "parcels")),
    ("stock.level", "GET", _MANY, _TRADE, ("inventory", "stock", "stocks", "inventory_levels", "inventorylevels")),
    ("product.find", "GET", _MANY, _TRADE, ("products", "articles")),
    ("customer.find", "GET", _MANY, _CLIENTS, ("customers", "contacts", "clients")),
    ("invoice.status", "GET", _ONE, _TRADE, ("invoices", "invoice")),
    ("payment.status", "GET", _ONE, _TRADE, ("payments", "payment", "charges")),
    ("ticket.status", "GET", _ONE, _SERVICE, ("tickets", "ticket", "issues", "incidents", "cases")),
    ("ticket.create", "POST", _MANY, _SERVICE, ("tickets", "ticket", "issues", "incidents", "cases")),
    ("employee.find", "GET", _MANY, _PEOPLE, ("employees", "employee", "people", "staff")),
    ("leave.request", "POST", _MANY, _PEOPLE, ("leaves", "leave", "absences", "timeoff", "time-off", "time_off")),
    ("expense.create", "POST", _MANY, _PEOPLE, ("expenses", "expense", "expensereports")),
    ("meeting.create", "POST", _MANY, frozenset({"communication", "project-work"}), ("meetings", "bookings")),
    ("document.find", "GET", _MANY, _PAPER, ("documents", "files")),
    ("envelope.status", "GET", _ONE, _PAPER, ("envelopes", "envelope", "agreements", "signature_requests")),
    ("task.create", "POST", _MANY, frozenset({"project-work"}), ("tasks", "cards", "todos")),
    ("message.send", "POST", _MANY, frozenset({"communication"}), ("messages", "message", "sms")),
)
"""A verb; method and form of the path that answers it; the categories in which the nouns mean that; the nouns."""


def paging(contract: Contract) -> PagingHint | None:
    """Return how most of the contract's lists are paged; `None`: no way stands out."""
    found: Counter[tuple[str, str, str]] = Counter()
    for operation in contract.operations:
        if operation.method == "GET" and (hint := _asked(operation)):
            found[hint] += 1
    for (kind, argument, size), count in found.most_common(1):
        if count >= MIN_LISTS and kind in ("page", "offset", "cursor"):
            return PagingHint(kind, argument, size)  # type: ignore[arg-type]  # the test above says which
    return None


def _asked(operation: Operation) -> tuple[str, str, str] | None:
    names = {one.name.lower(): one.argument for one in operation.parameters if one.place == "query" and one.argument}
    size = next((names[name] for name in _SIZES if name in names), "")
    for kind, asking in _ASKING:
        if argument := next((names[name] for name in asking if name in names), ""):
            return kind, argument, size
    return None


def verbs(contract: Contract, category: str) -> Mapping[str, str]:
    """Return business verbs, each with the operation whose path says that it answers it: the shortest such path."""
    found: dict[str, str] = {}
    for operation in sorted(contract.operations, key=lambda one: (len(one.path), one.name)):
        if operation.deprecated:
            continue
        for verb, method, shape, categories, nouns in _VERBS:
            if verb in found or operation.method != method or category not in categories:
                continue
            if (place := shape.search(operation.path)) and place[1].lower() in nouns:
                found[verb] = operation.name
    return {verb: found[verb] for verb, *_ in _VERBS if verb in found}
