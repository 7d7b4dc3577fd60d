"""Signatures, encryption and frames, against vectors that other tools have made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.channels.feishu.crypto import decrypt, event_signature, is_signed, robot_sign
from ai_worker.channels.feishu.frames import Frame, MalformedFrame, decode, encode, ping
from ai_worker.channels.feishu.refused import Refused
from ai_worker.foundation.secret import Secret

Vectors = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def vectors(shared_dir: Path) -> Vectors:
    found = json.loads((shared_dir / "protocols" / "vectors.json").read_text(encoding="utf-8"))["vectors"]
    return lambda prefix: [vector for vector in found if vector["id"].startswith(prefix)]


@pytest.mark.shared
def test_events_are_signed_and_opened_as_the_vectors_say(vectors: Vectors) -> None:
    for vector in vectors("feishu-event-"):
        told, expected = vector["inputs"], vector["outputs"]
        key, body = Secret(told["encrypt_key"]), told["raw_body"].encode()
        parts = {"timestamp": told["timestamp"], "nonce": told["nonce"], "body": body}
        assert event_signature(key, **parts) == expected["x_lark_signature"]
        assert is_signed(key, expected["x_lark_signature"], **parts)
        assert decrypt(key, expected["encrypt"]) == told["plaintext"].encode()


def test_the_published_sample_is_opened() -> None:
    assert decrypt(Secret("test key"), "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=") == b"hello world"


@pytest.mark.shared
def test_robots_sign_as_the_vectors_say(vectors: Vectors) -> None:
    for vector in vectors("feishu-custom-bot-"):
        told = vector["inputs"]
        assert robot_sign(Secret(told["secret"]), int(told["timestamp_s"])) == vector["outputs"]["sign"]


@pytest.mark.parametrize("text", ["", "!", "AAAA", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghl=" * 2, "é" * 44])
def test_what_is_no_ciphertext_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        decrypt(Secret("test key"), text)


def test_a_signature_that_is_not_ascii_is_just_wrong() -> None:
    assert not is_signed(Secret("test key"), "签名", timestamp="1", nonce="\ud800", body=b"")


@pytest.mark.shared
def test_pings_and_pongs_are_the_platforms(vectors: Vectors) -> None:
    (wire,) = [bytes.fromhex(vector["outputs"]["wire_hex"]) for vector in vectors("feishu-frame-ping")]
    assert encode(ping(2624611)) == wire
    (pong,) = [bytes.fromhex(vector["outputs"]["wire_hex"]) for vector in vectors("feishu-frame-pong")]
    assert decode(pong) == Frame(service=2624611, headers=(("type", "pong"),), payload=b'{"PingInterval":120}')
    assert encode(decode(pong)) == pong


@pytest.mark.shared
def test_a_split_event_is_joined_as_bytes(vectors: Vectors) -> None:
    (vector,) = vectors("feishu-frame-split-event")
    frames = [decode(bytes.fromhex(frame["wire_hex"])) for frame in vector["inputs"]["frames"]]
    for frame, told in zip(frames, vector["inputs"]["frames"], strict=True):
        assert (frame.seq_id, frame.log_id, frame.service) == (told["SeqID"], told["LogID"], told["service"])
        assert [list(header) for header in frame.headers] == told["headers"]
    assert b"".join(frame.payload for frame in frames).hex() == vector["outputs"]["payload_hex"]


@pytest.mark.shared
def test_an_acknowledgement_is_the_frame_itself_with_another_payload(vectors: Vectors) -> None:
    (vector,) = vectors("feishu-frame-ack")
    told = vector["inputs"]
    came = Frame(
        seq_id=told["SeqID"],
        log_id=told["LogID"],
        service=told["service"],
        method=told["method"],
        headers=tuple((key, value) for key, value in told["headers"] if key != "biz_rt"),
    )
    assert encode(came.answer(told["payload_text"].encode(), took_ms=12)).hex() == vector["outputs"]["wire_hex"]


@given(
    st.builds(
        Frame,
        seq_id=st.integers(0, 2**64 - 1),
        log_id=st.integers(0, 2**64 - 1),
        service=st.integers(-(2**31), 2**31 - 1),
        method=st.sampled_from([0, 1]),
        headers=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=9).map(tuple),
        payload=st.binary(max_size=300),
        log_id_new=st.text(max_size=9),
    )
)
def test_every_frame_is_read_as_it_was_written(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(st.binary(max_size=200))
def test_rubbish_is_a_malformed_frame_or_a_frame_but_never_anything_else(raw: bytes) -> None:
    try:
        decode(raw)
    except MalformedFrame:
        return


@pytest.mark.parametrize("raw", [b"", b"\x08", b"\x08\x00\x10\x00\x18\x00", b"\xff" * 20, b"\x42\xff\xff\xff\xff\x0f"])
def test_a_frame_that_is_cut_off_or_lacks_a_field_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode(raw)
