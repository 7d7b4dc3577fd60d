"""What may go past the queue, and what would overtake something in it."""

from ai_worker.queue.transit import Transit


def known(partitions: int = 2, most: int = 100) -> Transit:
    transit = Transit(most=most)
    transit.opened(partitions)
    for partition in range(partitions):
        transit.ended(partition)
    return transit


def test_nothing_is_known_before_every_partition_was_read_to_its_end() -> None:
    transit = Transit()
    assert transit.holds(b"a")
    transit.opened(2)
    transit.ended(0)
    assert transit.holds(b"a")
    transit.ended(1)

    assert not transit.holds(b"a")


def test_a_conversation_is_held_until_its_latest_message_was_read() -> None:
    transit = known()
    transit.sent(b"a", 0, 5)
    transit.sent(b"b", 0, 6)
    transit.sent(b"a", 0, 7)
    transit.read(0, 7)
    assert (transit.holds(b"a"), transit.holds(b"b")) == (True, False)
    transit.read(0, 8)

    assert not transit.holds(b"a")


def test_what_was_read_before_its_sender_heard_of_it_holds_nobody() -> None:
    transit = known()
    transit.read(0, 6)
    transit.sent(b"a", 0, 5)

    assert not transit.holds(b"a")


def test_above_its_limit_all_are_held_until_the_queue_was_read() -> None:
    transit = known(most=3)
    for offset in range(3):
        transit.sent(b"%d" % offset, offset % 2, offset)
    transit.sent(b"new", 0, 9)
    assert transit.holds(b"stranger")
    transit.read(0, 3)
    assert transit.holds(b"stranger")
    transit.read(1, 2)

    assert not transit.holds(b"stranger")
    assert transit.holds(b"new")
