"""Messages that no platform has sent: what somebody could try who knows every address and id, but no secret."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

from ai_worker.demo.feishu_envelope import encrypted, signed_headers
from ai_worker.demo.wecom_envelope import Seal, xml

TIMEOUT_S = 10.0


async def forge_wecom(url: str, user: str, text: str, *, corp_id: str, now: datetime) -> int:
    """Post a message of `user` that is sealed and signed with guessed keys; return the HTTP status."""
    guessed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    seal = Seal("guessed", guessed, corp_id)
    timestamp, nonce = str(int(now.timestamp())), "1"
    sealed = seal.encrypt(xml({"ToUserName": corp_id, "FromUserName": user, "MsgType": "text", "Content": text}))
    query = {"msg_signature": seal.sign(timestamp, nonce, sealed), "timestamp": timestamp, "nonce": nonce}
    return await _post(url, xml({"ToUserName": corp_id, "Encrypt": sealed}).encode(), query=query)


async def forge_feishu(url: str, event: Mapping[str, Any], *, now: datetime) -> int:
    """Post an event that is encrypted and signed with a guessed key; return the HTTP status."""
    body = msgspec.json.encode({"encrypt": encrypted("guessed", msgspec.json.encode(event))})
    return await _post(url, body, headers=signed_headers("guessed", body, timestamp=int(now.timestamp())))


async def forge_dingtalk(url: str, message: Mapping[str, Any], *, now: datetime) -> int:
    """Post a robot message with a guessed signature; return the HTTP status."""
    headers = {"timestamp": str(int(now.timestamp() * 1000)), "sign": base64.b64encode(bytes(32)).decode()}
    return await _post(url, msgspec.json.encode(message), headers=headers)


async def _post(
    url: str, body: bytes, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
        session.post(url, data=body, params=query, headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status
