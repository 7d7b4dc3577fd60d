"""How dangerous an operation is taken to be."""

import pytest

from ai_worker.connectors.risk import risk_of
from ai_worker.skills.tool import Risk


@pytest.mark.parametrize(
    ("method", "risk"),
    [
        ("GET", "read"),
        ("HEAD", "read"),
        ("PUT", "write-reversible"),
        ("PATCH", "write-reversible"),
        ("POST", "write-reversible"),
        ("DELETE", "write-irreversible"),
        ("LINK", "write-reversible"),
    ],
)
def test_the_method_says_it_where_no_word_does(method: str, risk: Risk) -> None:
    assert risk_of(method, name="address", path="/contacts/{id}/address") == risk


@pytest.mark.parametrize(
    ("name", "path", "title", "risk"),
    [
        ("refundOrder", "/orders/{id}/refund", "", "money"),
        ("orders_pay", "/orders/{id}", "", "money"),
        ("act", "/accounts/{id}/transfers", "", "money"),
        ("PurgeRecordings", "/recordings/purge", "", "write-irreversible"),
        ("act", "/orders/{id}", "Deletes nothing but will delete the draft", "write-irreversible"),
        ("cancelOrder", "/orders/{id}", "", "write-irreversible"),
        ("setPermissions", "/users/{id}", "", "admin"),
        ("act", "/admin/users", "", "admin"),
        ("refundAsAdmin", "/x", "", "admin"),
        ("tuikuan", "/orders/{id}/tk", "订单退款", "money"),
        ("act", "/x", "给供应商付款", "money"),
        ("act", "/x", "转账到子账户", "money"),
        ("act", "/x", "删除客户", "write-irreversible"),
        ("act", "/x", "修改角色权限", "admin"),
        ("act", "/x", "修改收货地址", "write-reversible"),
    ],
)
def test_words_raise_a_write(name: str, path: str, title: str, risk: Risk) -> None:
    assert risk_of("POST", name=name, path=path, title=title) == risk


@pytest.mark.parametrize(
    ("name", "path", "title", "risk"),
    [
        ("sendMessage", "/messages/one", "", "write-irreversible"),
        ("act", "/messages/send", "", "write-irreversible"),
        ("act", "/jobs/{id}/trigger", "", "write-reversible"),
        ("Logout", "/users/me/logout", "", "write-reversible"),
        ("getUserLogout", "/users/logout", "", "write-reversible"),
        ("act", "/x/{id}", "Deletes the draft.", "write-irreversible"),
        ("payInvoice", "/x/{id}", "", "money"),
        ("act", "/x", "删除草稿", "write-irreversible"),
        ("act", "/x", "一键退款", "money"),
    ],
)
def test_a_get_that_does_something_is_no_read(name: str, path: str, title: str, risk: Risk) -> None:
    assert risk_of("GET", name=name, path=path, title=title) == risk


@pytest.mark.parametrize(
    ("name", "path", "title"),
    [
        ("getRefunds", "/orders/{id}/refunds", "Refunds of an order"),
        ("listPayments", "/payments", "List payments"),
        ("releases_list", "/releases", "Return all releases"),
        ("actorRuns", "/runs", "Get list of runs"),
        ("getPermissions", "/users/{id}/permissions", ""),
        ("ListPosts", "/posts", "List the posts of a thread"),
        ("cx", "/tk", "查询退款记录"),
        ("cx", "/tk", "退款列表"),
    ],
)
def test_a_get_that_looks_at_dangerous_things_is_a_read(name: str, path: str, title: str) -> None:
    assert risk_of("GET", name=name, path=path, title=title) == "read"


def test_nothing_makes_a_delete_less_than_irreversible() -> None:
    assert risk_of("DELETE", name="getOrder", path="/orders/list", title="查询订单") == "write-irreversible"


def test_a_placeholder_says_nothing() -> None:
    assert risk_of("PUT", name="act", path="/orders/{refund_id}") == "write-reversible"
