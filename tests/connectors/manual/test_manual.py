"""Manifests by hand: those that come with ai-worker, spoken to fakes of their systems, and broken ones."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.manual.kind import KIND, ManualOptions
from ai_worker.connectors.manual.manifest import read, shipped
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import FixedClock
from ai_worker.skills.tool import ToolFailed, ToolRefused
from tests.connectors.http.business import Business, json, served

SHIPPED = [
    "dingtalk-classic", "dingtalk-office", "feishu-office", "fxiaoke-crm", "kingdee-k3cloud",
    "weaver-ecology", "wecom-office", "yonyou-u8", "yonyou-yonbip",
]  # fmt: skip


def write(folder: Path, contract: str, base: str, credentials: dict[str, str], more: str = "") -> Path:
    values = "".join(f'{name} = "{value}"\n' for name, value in credentials.items())
    file = folder / "office.toml"
    file.write_text(
        f'kind = "manual"\nname = "办公"\ncontract = "{contract}"\noperations = ["**"]\nbase_url = "{base}"\n'
        f"{more}\n[options.credentials]\n{values}",
        "utf-8",
    )
    return file


@asynccontextmanager
async def connected(
    folder: Path, contract: str, credentials: dict[str, str]
) -> AsyncIterator[tuple[Business, Connection]]:
    """Connect one of our manifests to a business system on loopback."""
    business = Business()
    async with served(business.answer) as port:
        business.port = port
        filled = {name: value.replace("BASE", business.base) for name, value in credentials.items()}
        file = write(folder, f"builtin:{contract}", business.base, filled)
        connection = load_connector(file, resolve=str, parts=Parts(FixedClock()))
        assert connection is not None
        await connection.start()
        try:
            yield business, connection
        finally:
            await connection.close()


async def call(connection: Connection, name: str, arguments: dict[str, Any]) -> Any:
    return (await connection.call(f"office.{name}", arguments, idempotency_key="k")).data


def test_these_come_with_us() -> None:
    assert shipped() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_manifest_loads_and_says_what_was_never_tried(tmp_path: Path, name: str) -> None:
    manifest, _ = read(Path(f"builtin:{name}"))
    assert manifest.id == name
    assert manifest.quality.tried or "没有在真实" in manifest.quality.notes
    credentials = {key: "https://x.example.com/t" if "url" in key else "x-x-x-x" for key in manifest.credentials}
    file = write(tmp_path, f"builtin:{name}", "https://office.example.com", credentials)
    connection = load_connector(file, resolve=str, parts=Parts(FixedClock()))
    assert connection is not None
    assert len(connection.tools()) == len(manifest.operation)
    assert all(len(tool.parameters["properties"]) <= 10 for tool in connection.tools())
    # Whatever braces `[auth]` has name a credential, the address, or a part of a signature.
    known = {*manifest.credentials, "base_url", "key", "timestamp_ms", "signature"}
    assert set(re.findall(r"{(\w+)}", str(manifest.auth))) <= known


async def test_wecom_gets_its_token_in_the_query_and_anew_when_it_ran_out(tmp_path: Path) -> None:
    async with connected(tmp_path, "wecom-office", {"corpid": "corp-1", "corpsecret": "s-e-c-r-e-t"}) as (
        office,
        connection,
    ):
        office.says(
            json({"errcode": 0, "access_token": "token-1", "expires_in": 7200}),
            json({"errcode": 42001, "errmsg": "access_token expired"}),
            json({"errcode": 0, "access_token": "token-2", "expires_in": 7200}),
            json({"errcode": 0, "booking_id": "b1"}),
        )
        booking = {"meetingroom_id": 7, "start_time": 1, "end_time": 2, "booker": "zhangsan"}
        assert (await call(connection, "meetingroom_book", booking))["booking_id"] == "b1"
        paths = [path for _, path, _, _ in office.asked]
        assert parse_qs(urlsplit(paths[0]).query) == {"corpid": ["corp-1"], "corpsecret": ["s-e-c-r-e-t"]}
        assert paths[1:4:2] == [f"/cgi-bin/oa/meetingroom/book?access_token=token-{number}" for number in (1, 2)]
        office.says(json({"errcode": 60011, "errmsg": "no privilege"}))
        with pytest.raises(ToolRefused, match="no privilege"):
            await call(connection, "user_get", {"userid": "lisi"})


async def test_an_argument_deep_in_a_body_gets_there_beside_what_is_fixed(tmp_path: Path) -> None:
    async with connected(tmp_path, "wecom-office", {"corpid": "c", "corpsecret": "s"}) as (office, connection):
        office.says(json({"errcode": 0, "access_token": "t"}), json({"errcode": 0, "sp_no": "2026"}))
        contents = [{"control": "Text", "id": "Text-1", "value": {"text": "出差"}}]
        asked = {"creator_userid": "u", "template_id": "t", "contents": contents, "summary_list": [{}]}
        await call(connection, "approval_submit", asked)
        assert msgspec.json.decode(office.asked[-1][3]) == {
            "use_template_approver": 1,
            "creator_userid": "u",
            "template_id": "t",
            "summary_list": [{}],
            "apply_data": {"contents": contents},
        }


async def test_kingdee_logs_in_for_a_cookie_and_again_when_the_session_is_lost(tmp_path: Path) -> None:
    lost = {"Result": {"ResponseStatus": {"IsSuccess": False, "MsgCode": 1, "Errors": [{"Message": "会话信息已丢失"}]}}}
    failed = {"Result": {"ResponseStatus": {"IsSuccess": False, "MsgCode": 11, "Errors": [{"Message": "数量必录"}]}}}
    credentials = {"acct_id": "a", "username": "u", "password": "p-a-s-s"}
    async with connected(tmp_path, "kingdee-k3cloud", credentials) as (office, connection):
        office.says(
            json({"LoginResultType": 1, "KDSVCSessionId": "session-1"}),
            json([[lost]]),
            json({"LoginResultType": 1, "KDSVCSessionId": "session-2"}),
            json([["XSDD000001", "2026-11-22"]]),
        )
        asked = {"form_id": "SAL_SaleOrder", "field_keys": "FBillNo,FDate", "limit": 5}
        assert await call(connection, "bill_query", asked) == [["XSDD000001", "2026-11-22"]]
        assert office.asked[-1][2]["Cookie"] == "kdservice-sessionid=session-2"
        sent = msgspec.json.decode(office.asked[-1][3])["data"]
        assert (sent["FormId"], sent["Limit"], sent["StartRow"]) == ("SAL_SaleOrder", 5, 0)
        office.says(json(failed))
        with pytest.raises(ToolRefused, match="数量必录"):
            await call(connection, "bill_save", {"form_id": "SAL_SaleOrder", "model": {"FQty": 0}})


async def test_fxiaoke_has_its_token_in_the_body(tmp_path: Path) -> None:
    credentials = {
        "app_id": "a",
        "app_secret": "b",
        "permanent_code": "c",
        "corp_id": "corp",
        "open_user_id": "FSUID_1",
    }
    async with connected(tmp_path, "fxiaoke-crm", credentials) as (office, connection):
        office.says(json({"errorCode": 0, "corpAccessToken": "token-1", "expiresIn": 7200}), json({"errorCode": 0}))
        await call(connection, "data_create", {"object": "AccountObj", "fields": {"name": "华星"}})
        who = {"corpAccessToken": "token-1", "corpId": "corp", "currentOpenUserId": "FSUID_1"}
        assert msgspec.json.decode(office.asked[-1][3]) == {
            **who,
            "data": {"object_data": {"name": "华星", "dataObjectApiName": "AccountObj"}},
        }
        await call(connection, "object_list", {})
        assert msgspec.json.decode(office.asked[-1][3]) == who


async def test_weaver_sends_forms_with_json_in_their_fields(tmp_path: Path) -> None:
    from base64 import b64decode, b64encode

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = b64encode(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    credentials = {"appid": "app", "secret": "s-e-c-r-e-t", "spk": public, "userid": "17"}
    async with connected(tmp_path, "weaver-ecology", credentials) as (office, connection):
        office.says(json({"token": "token-1"}), json({"code": "SUCCESS", "data": {"requestid": 5}}))
        main = [{"fieldName": "sy", "fieldValue": "出差"}]
        asked = {"workflow_id": "51", "title": "出差申请", "main": main}
        assert (await call(connection, "request_create", asked))["data"] == {"requestid": 5}
        _, _, headers, content = office.asked[-1]
        form = parse_qs(content.decode())
        assert (form["workflowId"], msgspec.json.decode(form["mainData"][0])) == (["51"], main)
        assert private.decrypt(b64decode(headers["userid"]), padding.PKCS1v15()) == b"17"


async def test_yonbip_signs_its_log_in(tmp_path: Path) -> None:
    credentials = {"token_url": "BASE/open-auth/selfAppAuth/getAccessToken", "app_key": "key", "app_secret": "secret"}
    async with connected(tmp_path, "yonyou-yonbip", credentials) as (office, connection):
        office.says(
            json({"code": "00000", "data": {"access_token": "token-1", "expire": 7200}}),
            json({"code": "200", "data": {"recordList": []}}),
        )
        await call(connection, "saleorder_list", {"code": "XS001"})
        assert set(parse_qs(urlsplit(office.asked[0][1]).query)) == {"appKey", "timestamp", "signature"}
        assert office.asked[1][1] == "/yonbip/sd/voucherorder/list?access_token=token-1"
        assert msgspec.json.decode(office.asked[1][3])["isSum"] is True


async def test_arguments_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    async with connected(tmp_path, "wecom-office", {"corpid": "c", "corpsecret": "s"}) as (office, connection):
        for name, arguments in (("user_get", {}), ("checkin_records", {"opencheckindatatype": 9})):
            with pytest.raises(ToolFailed):
                await call(connection, name, arguments)
        assert office.asked == []


OWN = """
id = "shop"
name = "自建商城"
name_en = "Shop"
version = "1"
base_url = "https://shop.example.com"
docs = "https://shop.example.com/docs"
[quality]
tried = true
notes = ""
[[operation]]
name = "order_get"
method = "GET"
path = "/orders/{id}"
title = "查订单"
risk = "read"
docs = "https://shop.example.com/docs/orders"
argument = [{ name = "id", place = "path", required = true }]
"""


def test_a_manifest_of_ones_own_is_a_file_beside_the_connector(tmp_path: Path) -> None:
    (tmp_path / "shop-manifest").mkdir()
    (tmp_path / "shop-manifest" / "shop.toml").write_text(OWN, "utf-8")
    contract = KIND.compile(tmp_path / "shop-manifest" / "shop.toml", ManualOptions())
    assert [one.name for one in contract.operations] == ["order_get"]
    assert (contract.servers, contract.warnings) == (("https://shop.example.com",), ())


@pytest.mark.parametrize(
    ("change", "to", "words"),
    [
        ('place = "path", ', "", "placeholders"),
        ('risk = "read"', 'risk = "harmless"', "risk"),
        ('docs = "https://shop.example.com/docs/orders"', 'docs = "see the wiki"', "docs"),
        ('name = "order_get"', 'name = "Order Get"', "name"),
        ("[quality]", "[quality]\nstars = 5", "stars"),
        ('version = "1"', "version = ", "shop.toml"),
    ],
)
def test_a_broken_manifest_is_refused_by_what_is_wrong(tmp_path: Path, change: str, to: str, words: str) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "shop.toml").write_text(OWN.replace(change, to), "utf-8")
    file = write(tmp_path, "manifests/shop.toml", "https://shop.example.com", {})
    with pytest.raises(ConnectorRefused, match=words):
        load_connector(file, resolve=str, parts=Parts(FixedClock()))


@pytest.mark.parametrize(
    ("contract", "credentials", "words"),
    [
        ("builtin:gone", {}, "there are dingtalk-classic"),
        ("builtin:../../registry", {}, "../../registry"),
        ("builtin:wecom-office", {"corpid": "c"}, "corpsecret: Field required"),
        ("builtin:wecom-office", {"corpid": "c", "corpsecret": "s", "token": "t"}, "options.credentials.token"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, contract: str, credentials: dict[str, str], words: str) -> None:
    file = write(tmp_path, contract, "https://office.example.com", credentials)
    with pytest.raises(ConnectorRefused, match=re.escape(words)):
        load_connector(file, resolve=str, parts=Parts(FixedClock()))
