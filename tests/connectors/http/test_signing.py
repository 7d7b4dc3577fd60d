"""Requests are signed the way that a system's own words for it say."""

import hashlib
import hmac
import json as plain
from base64 import b64encode
from urllib.parse import parse_qs, urlsplit

import pytest

from ai_worker.connectors.http.authenticate import EVERYWHERE
from ai_worker.connectors.http.signing import Signed
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from tests.connectors.http.business import READ, WRITE, Naps, connected, json

SECRET = "sesame-4711"


async def test_a_request_is_signed_over_its_path_its_query_and_its_body() -> None:
    clock = FixedClock()
    signed = Signed(
        "app-1",
        Secret(SECRET),
        "{method}\n{path}\n{sorted_query}\n{timestamp}\n{nonce}\n{body_sha256}",
        {"X-App": "{key}", "X-Time": "{timestamp}", "X-Nonce": "{nonce}", "X-Sign": "v1={signature}"},
        encoding="base64",
    )
    async with connected(credentials={EVERYWHERE: signed}, clock=clock) as (business, caller):
        business.says(json({}))
        await caller.call(WRITE, {"order": "订单"})
        await caller.call(READ, {"id": "1", "page": 2, "cursor": "a"})
    seconds = str(int(clock.now().timestamp()))
    for (method, path, headers, content), query in zip(business.asked, ("", "cursor=a&page=2"), strict=True):
        body = hashlib.sha256(content).hexdigest()
        text = f"{method}\n{urlsplit(path).path}\n{query}\n{seconds}\n{headers['X-Nonce']}\n{body}"
        expected = b64encode(hmac.new(SECRET.encode(), text.encode(), "sha256").digest()).decode()
        assert headers["X-Sign"] == f"v1={expected}"
        assert (headers["X-App"], headers["X-Time"]) == ("app-1", seconds)


async def test_a_secret_may_be_digested_with_the_text_and_the_signature_go_into_the_query() -> None:
    signed = Signed(
        "app-1", Secret(SECRET), "{secret}{body}{secret}", query={"sign": "{signature}"}, digest="md5", keyed=False,
        encoding="HEX",
    )  # fmt: skip
    async with connected(credentials={EVERYWHERE: signed}) as (business, caller):
        business.says(json({}))
        await caller.call(WRITE, {"order": "1"})
    _, path, _, content = business.asked[0]
    expected = hashlib.md5(f"{SECRET}{content.decode()}{SECRET}".encode()).hexdigest().upper()
    assert parse_qs(urlsplit(path).query) == {"sign": [expected]}
    assert plain.loads(content) == {"order": "1"}


async def test_every_attempt_is_signed_anew() -> None:
    signed = Signed("a", Secret(SECRET), "{nonce}", {"X-Nonce": "{nonce}"})
    async with connected(credentials={EVERYWHERE: signed}, naps=Naps()) as (business, caller):
        business.says(json({}, 503), json({}))
        await caller.call(READ, {"id": "1"})
    assert len({headers["X-Nonce"] for _, _, headers, _ in business.asked}) == 2


@pytest.mark.parametrize(("text", "header"), [("{body.__class__}", ""), ("{body!r}", ""), ("", "{secret}")])
def test_a_template_names_only_what_there_is_and_never_sends_the_secret(text: str, header: str) -> None:
    with pytest.raises(ValueError, match="is none of"):
        Signed("a", Secret(SECRET), text, {"X": header})
