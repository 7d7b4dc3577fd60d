"""The signature, against vectors that other tools made."""

import json
from pathlib import Path
from typing import Any

import pytest

from ai_worker.channels.dingtalk.refused import Refused
from ai_worker.channels.dingtalk.sign import check, signature, signed_query
from ai_worker.foundation.secret import Secret


def vectors(shared_dir: Path, name: str) -> list[dict[str, Any]]:
    found = json.loads((shared_dir / "protocols" / "vectors.json").read_text(encoding="utf-8"))
    chosen = [vector for vector in found["vectors"] if vector["id"].startswith(name)]
    assert chosen
    return chosen


@pytest.mark.shared
def test_a_custom_robot_signs_as_other_tools_do(shared_dir: Path) -> None:
    for vector in vectors(shared_dir, "dingtalk-custom-robot"):
        secret, at = Secret(vector["inputs"]["secret"]), vector["inputs"]["timestamp_ms"]
        assert signature(secret, at) == vector["outputs"]["sign_b64"]
        assert signed_query(secret, int(at)).endswith(vector["outputs"]["sign_urlencoded"])


@pytest.mark.shared
def test_a_callback_is_checked_as_other_tools_sign(shared_dir: Path) -> None:
    for vector in vectors(shared_dir, "dingtalk-http-callback"):
        at, secret = vector["inputs"]["header_timestamp"], Secret(vector["inputs"]["app_secret"])
        headers = {"timestamp": at, "sign": vector["outputs"]["header_sign"]}
        last = vector["outputs"]["valid_until_ms"] / 1000
        check(headers, secret, now=last, max_age_s=3600)
        with pytest.raises(Refused, match="stale"):
            check(headers, secret, now=last + 1, max_age_s=3600)


def test_plus_and_slash_of_a_signature_are_encoded_once() -> None:
    secret = Secret("SEC818724cca6275f95c93c7206602c21e4d66365beeee8ca4476a6328e669520be")
    assert signed_query(secret, 1738475802189) == (
        "timestamp=1738475802189&sign=9r%2Bs15sE7ckkyF0wyB7BZmT2QRIs6yG%2FcaJ5CFR3cRU%3D"
    )
