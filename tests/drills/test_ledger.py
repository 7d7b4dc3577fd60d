"""Counting: what is lost, doubled and out of order, and what cannot be held against anybody."""

from ai_worker.drills.ledger import Entry, Tally, count


def entry(number: int, conversation: int = 0, *, began: float, accepted: float | None) -> Entry:
    return Entry(number, conversation, began_at=began, accepted_at=accepted)


def test_everything_answered_once_and_in_order_is_clean() -> None:
    entries = [entry(n, n % 2, began=n, accepted=n + 0.5) for n in range(6)]

    tally = count(entries, {n: [n] for n in range(6)})

    assert tally == Tally(accepted=6, replied=6, lost=0, duplicated=0, out_of_order=0)
    assert tally.clean


def test_an_acknowledged_message_without_a_reply_is_lost_and_an_unacknowledged_one_is_not() -> None:
    entries = [entry(1, began=1, accepted=2), entry(2, began=3, accepted=None)]

    tally = count(entries, {})

    assert (tally.accepted, tally.lost) == (1, 1)


def test_a_second_reply_is_a_duplicate_even_for_a_message_that_was_never_acknowledged() -> None:
    entries = [entry(1, began=1, accepted=None), entry(2, began=1, accepted=2)]

    assert count(entries, {1: [1, 2], 2: [3]}).duplicated == 1


def test_a_second_turn_of_one_message_is_a_duplicate() -> None:
    twice = entry(1, began=1, accepted=2)
    twice.turns = {"t-1", "t-2"}

    assert count([twice], {1: [1]}).duplicated == 1


def test_a_reply_that_overtakes_an_earlier_one_is_out_of_order() -> None:
    entries = [entry(n, began=n, accepted=n + 0.5) for n in range(4)]

    assert count(entries, {0: [0], 1: [3], 2: [1], 3: [2]}).out_of_order == 2


def test_messages_whose_order_of_acceptance_nobody_knows_may_be_answered_in_any_order() -> None:
    entries = [entry(1, began=1, accepted=5), entry(2, began=2, accepted=3)]

    assert count(entries, {1: [2], 2: [1]}).out_of_order == 0


def test_conversations_have_no_order_among_one_another() -> None:
    entries = [entry(1, 1, began=1, accepted=2), entry(2, 2, began=3, accepted=4)]

    assert count(entries, {1: [9], 2: [1]}).out_of_order == 0
