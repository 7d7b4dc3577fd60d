"""English words that mean the same are brought together, phrases before their words."""

import pytest

from ai_worker.knowledge import terms
from ai_worker.knowledge.intents.features import counted, tokens
from ai_worker.knowledge.language import english_meaning


def meanings(text: str) -> list[str]:
    return list(english_meaning.read(tokens(text)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("invoice", "receipts"),
        ("the parcel disappeared", "the package is missing"),
        ("money back", "a reimbursement"),
        ("automobile", "cars"),
    ],
)
def test_other_words_for_the_same_share_a_meaning(one: str, other: str) -> None:
    assert set(meanings(one)) & set(meanings(other))


def test_a_phrase_stands_for_itself() -> None:
    assert "refund" in meanings("i want my money back")
    assert "money" not in meanings("i want my money back")


def test_unknown_words_mean_themselves_and_function_words_nothing() -> None:
    assert meanings("the zeppelin of my") == ["zeppelin"]


def test_every_phrase_of_the_list_can_be_found() -> None:
    assert all(len(phrase) <= english_meaning.LONGEST for phrase in english_meaning.lexicon())
    assert all(word.isascii() and word.isalnum() for phrase in english_meaning.lexicon() for word in phrase)


def test_chinese_has_meanings_too() -> None:
    one, other = (counted(terms.plain(text))[3] for text in ("怎么注销账号", "如何销户"))

    assert set(one) & set(other)
