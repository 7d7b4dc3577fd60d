"""Whose values they are that something is done with."""

from typing import Any

import pytest

from ai_worker.conversation.wish import of_contact

SAID = ("把 ORD12345 的数量改成 5 件，收货人 Li Lei",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ORD12345", True),
        ("ord 12345", True),
        (5, True),
        ("件", True),
        ({"name": "LiLei", "count": 5}, True),
        (1, False),
        ("45", False),
        ("", False),
        ([5, "RD"], False),
        ("ORD99999", False),
    ],
)
def test_a_value_is_the_contacts_own_if_they_said_it_and_not_by_chance(value: Any, said: bool) -> None:
    assert of_contact(value, SAID) is said
