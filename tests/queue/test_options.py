"""What the Kafka clients are told, and what they are never told."""

import pytest
from confluent_kafka import KafkaException, Producer

from ai_worker.foundation.secret import Secret
from ai_worker.queue.options import QueueOptionRefused, QueueOptions

PASSWORD = "kafka-pa55-never-shown"


def options(**given: str) -> QueueOptions:
    return QueueOptions("127.0.0.1:1", "topic", {name.replace("__", "."): Secret(v) for name, v in given.items()})


def test_options_are_handed_on_as_they_stand() -> None:
    told = options(security__protocol="SASL_SSL", sasl__password=PASSWORD, linger__ms="5")

    for each in (told.producer(), told.consumer()):
        assert each["security.protocol"] == "SASL_SSL"
        assert each["sasl.password"] == PASSWORD
        assert each["linger.ms"] == "5"
        assert each["bootstrap.servers"] == "127.0.0.1:1"


@pytest.mark.parametrize("name", ["acks", "enable.idempotence", "enable.auto.commit", "auto.offset.reset"])
def test_an_option_that_a_promise_rests_on_is_refused(name: str) -> None:
    with pytest.raises(QueueOptionRefused, match=name):
        QueueOptions("127.0.0.1:1", "topic", {name: Secret("1")})


async def test_a_refusal_by_the_client_does_not_show_what_it_was_told() -> None:
    told = options(security__protocol=PASSWORD)
    with pytest.raises(KafkaException, match=PASSWORD) as raised:
        Producer(told.producer())

    refused = told.refused(raised.value)
    assert PASSWORD not in str(refused)
    assert PASSWORD not in repr(told)
    assert "The Kafka client does not take its options" in str(refused)


async def test_what_the_client_says_does_not_show_what_it_was_told(caplog: pytest.LogCaptureFixture) -> None:
    told = options(sasl__mechanism=PASSWORD)
    Producer(told.producer(), logger=told).poll(0.5)

    assert "`sasl.mechanism` set to `***`" in caplog.text
    assert PASSWORD not in caplog.text
