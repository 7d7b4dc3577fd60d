"""Where the demo listens: the usual ports when they are free, others when they are not."""

import socket
from contextlib import suppress

from ai_worker.demo.office import API_PORT, CONSOLE_PORT, Ports


def test_a_port_that_somebody_uses_is_left_alone_and_named() -> None:
    with socket.socket() as somebody:
        with suppress(OSError):  # whoever has it already does as well
            somebody.bind(("127.0.0.1", CONSOLE_PORT))
            somebody.listen()
        ports = Ports.usual(api=0, console=None)

    assert ports == Ports(api=0, console=0, taken=(CONSOLE_PORT,))


def test_ports_that_are_asked_for_are_taken_as_they_are() -> None:
    assert Ports.usual(api=API_PORT + 1, console=CONSOLE_PORT + 1) == Ports(API_PORT + 1, CONSOLE_PORT + 1)
