"""What a person is shown before they give their word."""

import pytest

from ai_worker.conversation.shown import shown
from ai_worker.skills.tool import Tool


@pytest.mark.parametrize(
    ("described", "line"),
    [
        ({"title": "订单号"}, "订单号：DD10001"),
        ({"description": "订单号。"}, "订单号（order_no）：DD10001"),
        ({"description": "订单号\n金额：0"}, "订单号 金额：0（order_no）：DD10001"),
        ({"description": "要修改的订单的编号，以 DD 开头，后面是五位数字"}, "order_no：DD10001"),
        ({}, "order_no：DD10001"),
    ],
)
def test_an_argument_is_called_what_people_call_it_and_its_name_stands_beside(
    described: dict[str, str], line: str
) -> None:
    parameters = {"type": "object", "properties": {"order_no": {"type": "string", **described}}}
    tool = Tool("erp.cancel", "erp", "取消订单", parameters, "write-reversible")

    assert shown(tool, {"order_no": "DD10001"}) == f"取消订单\n{line}"
