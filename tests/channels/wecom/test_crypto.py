"""The envelope, against wechatpy and against vectors that other tools made."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_worker.channels.wecom.crypto import Envelope, decode_key, decrypt
from ai_worker.channels.wecom.refused import Refused
from ai_worker.foundation.secret import Secret
from tests.channels.wecom.peer import (
    ABOUT_NOW,
    CORP,
    KEY,
    NONCE,
    TOKEN,
    encrypted_by_hand,
    encrypted_by_wechatpy,
    signed_by_wechatpy,
)


def envelope(receive_id: str = CORP) -> Envelope:
    return Envelope(token=Secret(TOKEN), encoding_aes_key=Secret(KEY), receive_id=receive_id)


def opened(encrypted: str, **changes: str) -> bytes:
    signature = changes.get("signature")
    if signature is None:
        signature = signed_by_wechatpy(encrypted)
    return envelope().open(encrypted, signature=signature, timestamp=ABOUT_NOW, nonce=NONCE)


def reason(encrypted: str, **changes: str) -> str:
    with pytest.raises(Refused) as refused:
        opened(encrypted, **changes)
    return refused.value.reason


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_what_wechatpy_seals_is_opened(message: str) -> None:
    assert opened(encrypted_by_wechatpy(message)) == message.encode()


@pytest.mark.parametrize("length", range(33))
def test_every_padding_length_is_understood(length: int) -> None:
    message = "单" * 3 + "x" * length
    assert opened(encrypted_by_wechatpy(message)) == message.encode()


def test_the_published_sample_is_opened() -> None:
    # The sample that the platform publishes with its crypto library; its key's last character has spare bits set.
    encrypted = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    sample = Envelope(token=Secret("QDG6eK"), encoding_aes_key=Secret(KEY), receive_id="wx5823bf96d3bd56c7")
    signature = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"

    assert (
        sample.open(encrypted, signature=signature, timestamp="1409659589", nonce="263014780") == b"1616140317555161061"
    )


@pytest.mark.parametrize("signature", ["", "0" * 40, "签名" * 20, "\ud800" * 40, "\x00"])
def test_a_wrong_signature_is_refused_whatever_it_is_made_of(signature: str) -> None:
    assert reason(encrypted_by_wechatpy("你好"), signature=signature) == "signature"


def test_a_signature_over_three_parts_or_with_another_token_is_refused() -> None:
    encrypted = encrypted_by_wechatpy("你好")

    assert reason(encrypted, signature=signed_by_wechatpy("")) == "signature"
    assert reason(encrypted, signature=signed_by_wechatpy(encrypted, token="foreign")) == "signature"
    assert reason(encrypted, signature=signed_by_wechatpy(encrypted).upper()) == "signature"


@pytest.mark.parametrize("receive_id", ["", "ww109031c0531884", CORP + "0", "x" + CORP, "wwanother"])
def test_a_message_for_another_company_is_refused_though_it_is_signed(receive_id: str) -> None:
    assert reason(encrypted_by_wechatpy("你好", receive_id=receive_id)) == "receive_id"


@pytest.mark.parametrize(
    "encrypted",
    [
        "AAAA",
        "A" * 43,
        "=" * 8,
        "不是密文",
        "\ud800\udfff",
        encrypted_by_wechatpy("你好")[:-24],
        encrypted_by_wechatpy("你好") + "AAAA",
        encrypted_by_wechatpy("你好") + "\n",
        base64.b64encode(bytes(64)).decode(),
    ],
    ids=["short", "odd", "pads", "chinese", "surrogates", "cut", "longer", "newline", "zeros"],
)
def test_a_broken_ciphertext_is_refused_though_it_is_signed(encrypted: str) -> None:
    signature = _sign_anything(encrypted)
    assert reason(encrypted, signature=signature) == "envelope"


@pytest.mark.parametrize(
    "plain",
    [
        b"\x00" * 32,  # pad 0
        b"\x21" * 64,  # pad 33
        b"r" * 16 + b"\x00" * 15 + b"\x02",  # two pad bytes announced, one there
        b"\x20" * 32,  # nothing but padding
        b"r" * 16 + b"\x00\x00\x00" + b"\x0d" * 13,  # cut within the length field
        b"r" * 16 + b"\xff\xff\xff\xff" + CORP.encode() + b"\x0a" * 10,  # a length of 2³²-1
        b"r" * 16 + b"\x00\x00\x00\x13" + CORP.encode() + b"\x0a" * 10,  # one byte longer than what is there
    ],
)
def test_wrong_padding_and_wrong_lengths_are_refused(plain: bytes) -> None:
    assert reason(encrypted_by_hand(plain)) == "envelope"


def test_a_length_of_zero_is_an_empty_message() -> None:
    assert opened(encrypted_by_hand(b"r" * 16 + b"\x00" * 4 + CORP.encode() + b"\x1a" * 26)) == b""


def test_every_flipped_bit_is_refused_even_under_a_right_signature() -> None:
    message = "<xml/>" * 3
    sound = base64.b64decode(encrypted_by_wechatpy(message))
    for position in range(len(sound) - 32, len(sound)):
        broken = bytearray(sound)
        broken[position] ^= 1
        encrypted = base64.b64encode(broken).decode()
        assert reason(encrypted) in {"envelope", "receive_id"}


@pytest.mark.parametrize("key", ["", "short", "A" * 44, "A" * 42 + "-", "密" * 43, "A" * 42 + "="])
def test_a_key_of_the_wrong_shape_is_named_so(key: str) -> None:
    with pytest.raises(ValueError, match="43 characters"):
        decode_key(key)


def test_an_envelope_shows_no_secret() -> None:
    assert TOKEN not in repr(envelope())
    assert KEY not in repr(envelope())


def _sign_anything(encrypted: str) -> str:
    """wechatpy's own signer gives up on lone surrogates."""
    signed = "".join(sorted([TOKEN, ABOUT_NOW, NONCE, encrypted]))
    return hashlib.sha1(signed.encode("utf-8", "surrogatepass")).hexdigest()


def _vectors(shared_dir: Path) -> dict[str, dict[str, Any]]:
    read = json.loads((shared_dir / "protocols" / "vectors.json").read_text(encoding="utf-8"))
    return {vector["id"]: vector for vector in read["vectors"] if vector["id"].startswith("wecom-")}


def _vector_envelope(inputs: dict[str, str]) -> Envelope:
    return Envelope(
        token=Secret(inputs["token"]),
        encoding_aes_key=Secret(inputs["encoding_aes_key"]),
        receive_id=inputs["receive_id"],
    )


@pytest.mark.shared
def test_every_message_vector_is_opened(shared_dir: Path) -> None:
    opened_ids = set()
    for name, vector in _vectors(shared_dir).items():
        inputs, outputs = vector["inputs"], vector["outputs"]
        if "msg_signature" not in outputs:
            continue
        plain = _vector_envelope(inputs).open(
            inputs.get("encrypt") or outputs["encrypt"],
            signature=outputs["msg_signature"],
            timestamp=inputs["timestamp"],
            nonce=inputs["nonce"],
        )
        assert plain.decode() == (inputs.get("plaintext") or outputs["plaintext"]), name
        opened_ids.add(name)
    assert len(opened_ids) == 7


@pytest.mark.shared
def test_every_negative_vector_is_refused(shared_dir: Path) -> None:
    vector = _vectors(shared_dir)["wecom-negative"]
    inputs = vector["inputs"]
    for case in vector["outputs"]["cases"]:
        with pytest.raises(Refused) as refused:
            _vector_envelope(inputs).open(
                case["encrypt"],
                signature=case["msg_signature"],
                timestamp=inputs["timestamp"],
                nonce=inputs["nonce"],
            )
        assert (refused.value.reason == "signature") == (case["fails_at"] == "signature"), case["name"]


@pytest.mark.shared
def test_every_media_vector_is_decrypted(shared_dir: Path) -> None:
    media = [vector for name, vector in _vectors(shared_dir).items() if name.startswith("wecom-media-")]
    assert len(media) == 3
    for vector in media:
        inputs, outputs = vector["inputs"], vector["outputs"]
        plain = decrypt(decode_key(inputs["aeskey"]), base64.b64decode(inputs["ciphertext_b64"]))
        assert plain.hex() == outputs["plaintext_hex"], vector["id"]
