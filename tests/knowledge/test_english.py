"""English words meet whatever their ending and spelling; Chinese is untouched."""

import pytest

from ai_worker.knowledge import english, terms


@pytest.mark.parametrize(
    "forms",
    [
        ("cancel", "cancels", "cancelled", "canceled", "cancelling", "cancellation"),
        ("verify", "verifies", "verified", "verification"),
        ("charge", "charges", "charged", "charging"),
        ("company", "companies"),
        ("payment", "payments", "paying", "pays"),
        ("address", "addresses"),
        ("colour", "colors"),
        ("organise", "organized"),
        ("centre", "centers"),
        ("cheque", "checks"),
        ("delivery", "deliveries"),
    ],
)
def test_forms_of_one_word_share_a_stem(forms: tuple[str, ...]) -> None:
    assert len({english.stem(form) for form in forms}) == 1


@pytest.mark.parametrize(("one", "other"), [("bus", "but"), ("need", "nee"), ("sing", "s"), ("organ", "organize")])
def test_words_that_only_look_alike_stay_apart(one: str, other: str) -> None:
    assert english.stem(one) != english.stem(other)


@pytest.mark.parametrize("word", ["parcels", "refunded", "supply", "bus", "speed", "notification", "a", "used"])
def test_a_stem_is_a_beginning_of_its_word(word: str) -> None:
    assert word.startswith(english.stem(word))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("i don't know", "i do not know"),
        ("i don’t know", "i do not know"),
        ("i dont know", "i do not know"),
        ("it can't be", "it can not be"),
        ("we won't", "we will not"),
        ("what's the driver's name", "what the driver name"),
        ("whats up", "what up"),
        ("rock'n'roll", "rock'n'roll"),
        ("我的card丢了", "我的card丢了"),
    ],
)
def test_contractions_are_taken_apart(written: str, meant: str) -> None:
    assert english.spelled_out(written) == meant


def test_other_scripts_have_no_english_endings() -> None:
    assert english.stem("ångström") == "ångström"
    assert english.stem("iphone14s") == "iphone14s"
    assert terms.asked_terms("怎么退货") == ["怎", "么", "退", "货", "怎么", "么退", "退货"]


def test_a_wording_and_a_text_have_the_same_english_terms() -> None:
    assert terms.asked_terms("refunds for cancelled orders") == terms.told_terms("refunded for cancelling order")
