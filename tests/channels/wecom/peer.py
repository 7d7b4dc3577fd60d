"""An independent WeCom: callbacks sealed by wechatpy, and a place where received messages land."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from wechatpy.crypto import _get_signature
from wechatpy.enterprise.crypto import PrpCrypto, WeChatCrypto

from ai_worker.channels.contract import CallbackRequest, CallbackResponse
from ai_worker.channels.wecom.app import WecomApp
from ai_worker.channels.wecom.settings import WecomAppSettings, WecomBotSettings, WecomKfSettings
from ai_worker.conversation.message import InboundMessage
from ai_worker.foundation.clock import FixedClock
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.store import Accepted, StoreBusy
from tests.channels.store import temporary_store

CORP = "ww109031c05318848b"
AGENT = "1000002"
TOKEN = "Q7sXb2LmVt9pRc4W"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"  # its last character carries bits that strict decoders refuse
BOT = "aibH3x9QmWvTz27LkPd8RcYn"
SECRET = "wK3v9s-Yq8mZt1LrXc5bNf7hJd2gPa6e"
NONCE = "6444352977"
USER = "linxiaoyan"
ABOUT_NOW = "1795328640"  # FixedClock's first moment


def settings(**changes: Any) -> WecomAppSettings:
    return WecomAppSettings.model_validate(
        {
            "kind": "wecom-app",
            "corp_id": CORP,
            "agent_id": AGENT,
            "secret": SECRET,
            "token": TOKEN,
            "encoding_aes_key": KEY,
            **changes,
        }
    )


def bot_settings(**changes: Any) -> WecomBotSettings:
    """A bot with a long connection, unless changed."""
    return WecomBotSettings.model_validate({"kind": "wecom-bot", "bot_id": BOT, "secret": SECRET, **changes})


def callback_bot_settings(**changes: Any) -> WecomBotSettings:
    """A bot that is called back, unless changed."""
    told = {"kind": "wecom-bot", "bot_id": BOT, "token": TOKEN, "encoding_aes_key": KEY}
    return WecomBotSettings.model_validate({**told, **changes})


def kf_settings(**changes: Any) -> WecomKfSettings:
    """A customer service account, unless changed."""
    told = {"kind": "wecom-kf", "corp_id": CORP, "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return WecomKfSettings.model_validate({**told, **changes})


def bot_body(text: str = "年假怎么休？", **changes: Any) -> dict[str, Any]:
    """A message to the bot, as the platform writes it."""
    return {
        "msgid": "CAIQ16HMjQYY",
        "aibotid": BOT,
        "chattype": "single",
        "from": {"userid": USER},
        "msgtype": "text",
        "text": {"content": text},
        **changes,
    }


def bot_callback(body: Any, *, receive_id: str = "", **changes: str) -> CallbackRequest:
    """A callback to the bot as wechatpy seals it."""
    encrypted = encrypted_by_wechatpy(json.dumps(body, ensure_ascii=False), receive_id=receive_id)
    return CallbackRequest("POST", query(encrypted, **changes), {}, json.dumps({"encrypt": encrypted}).encode())


def opened_by_wechatpy(response: CallbackResponse) -> Any:
    """What the platform reads in an answer to a bot's callback."""
    told = json.loads(response.body)
    assert told["nonce"] == NONCE
    assert isinstance(told["timestamp"], int)
    assert told["msgsignature"] == _get_signature(TOKEN, str(told["timestamp"]), NONCE, told["encrypt"])
    return json.loads(decrypted_by_wechatpy(told["encrypt"]))


def decrypted_by_wechatpy(encrypted: str) -> str:
    """What was sealed for nobody in particular, as for a company's own bot."""
    opened = PrpCrypto(base64.b64decode(KEY + "=")).decrypt(encrypted, "")
    return opened.decode() if isinstance(opened, bytes) else str(opened)


class Inbox:
    """Takes messages as the pipeline does; `busy` makes it refuse the next ones."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.busy = 0

    async def __call__(self, message: InboundMessage) -> Accepted:
        if self.busy:
            self.busy -= 1
            raise StoreBusy("the disk is slow", retry_after=2.0)
        self.messages.append(message)
        return Accepted("turn-1", 1, duplicate=False)


async def rated(_: Rating) -> bool:
    """Take an opinion as the feedback store does."""
    return True


async def started(inbox: Inbox, clock: FixedClock | None = None, **changes: Any) -> WecomApp:
    clock = clock or FixedClock()
    channel = WecomApp("service-desk", settings(**changes), clock=clock, store=temporary_store(clock))
    await channel.start(inbox, rated, connects=True)
    return channel


def text_xml(content: str = "订单 ORD12345 到哪了？", **changes: str) -> str:
    fields = {
        "ToUserName": CORP,
        "FromUserName": USER,
        "CreateTime": "1700000001",
        "MsgType": "text",
        "Content": content,
        "MsgId": "7000000000000000001",
        "AgentID": AGENT,
        **changes,
    }
    return "<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in fields.items() if v) + "</xml>"


def encrypted_by_wechatpy(message: str, *, receive_id: str = CORP) -> str:
    envelope = WeChatCrypto(TOKEN, KEY, receive_id).encrypt_message(message, NONCE, ABOUT_NOW)
    found = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", envelope)
    assert found is not None
    return found[1]


def encrypted_by_hand(plain: bytes) -> str:
    """Encrypt exactly these bytes: what wechatpy would never write."""
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def signed_by_wechatpy(encrypted: str, *, timestamp: str = ABOUT_NOW, nonce: str = NONCE, token: str = TOKEN) -> str:
    signature = _get_signature(token, timestamp, nonce, encrypted)
    assert isinstance(signature, str)
    return signature


def query(encrypted: str, *, timestamp: str = ABOUT_NOW, **changes: str) -> dict[str, str]:
    signature = signed_by_wechatpy(encrypted, timestamp=timestamp)
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": NONCE, **changes}


def outer(encrypted: str) -> bytes:
    return (
        f"<xml><ToUserName>{CORP}</ToUserName><Encrypt>{encrypted}</Encrypt><AgentID>{AGENT}</AgentID></xml>".encode()
    )


def post(body: bytes, parameters: Mapping[str, str]) -> CallbackRequest:
    return CallbackRequest("POST", parameters, {"content-type": "text/xml"}, body)


def signed(encrypted: str, **changes: str) -> CallbackRequest:
    """A message whose ciphertext is `encrypted`, rightly signed unless changed."""
    return post(outer(encrypted), query(encrypted, **changes))


def sealed(message: str | None = None, *, receive_id: str = CORP, **changes: str) -> CallbackRequest:
    """A message as wechatpy seals it."""
    return signed(encrypted_by_wechatpy(message or text_xml(), receive_id=receive_id), **changes)


def later(seconds: float) -> FixedClock:
    clock = FixedClock()
    clock.advance(timedelta(seconds=seconds))
    return clock
