"""AWS Signature Version 4, against figures of AWS's own published test suite."""

from datetime import UTC, datetime

import pytest

from ai_worker.connectors.http.authenticate import EVERYWHERE
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.sigv4 import SigV4, sigv4
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from tests.connectors.http.business import READ, connected, json, raw

SIGNER = SigV4("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), "us-east-1", "service")
MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
BASE = "https://example.amazonaws.com"


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (Request("GET", "/"), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            Request("GET", "/", ("Param2=value2", "Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (Request("POST", "/"), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Request("POST", "/", content=b"Param1=value1", content_type="application/x-www-form-urlencoded"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
    ids=["get-vanilla", "get-vanilla-query-order-key-case", "post-vanilla", "post-x-www-form-urlencoded"],
)
def test_a_request_is_signed_as_the_suite_says(request_: Request, signature: str) -> None:
    headers = sigv4(SIGNER, request_, BASE, MOMENT)
    assert headers["Authorization"].rpartition("Signature=")[2] == signature
    assert "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request" in headers["Authorization"]


async def test_a_call_goes_out_signed_and_without_the_key() -> None:
    clock = FixedClock(MOMENT)
    async with connected(credentials={EVERYWHERE: SIGNER}, clock=clock) as (business, caller):
        business.says(json({"seen": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}))
        answer = await caller.call(READ, {"id": "1"})
        for said in (
            b'{"seen": "wJalrXUtnFEMI\\/K7MDENG+bPxRfiCYEXAMPLEKEY"}',
            b"wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY",
        ):
            business.says(raw(said, "application/json"))
            assert "K7MDENG" not in repr((await caller.call(READ, {"id": "1"})).data)
        headers = business.asked[0][2]
    assert headers["x-amz-date"] == "20150830T123600Z"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert answer.data == {"seen": "***"}
