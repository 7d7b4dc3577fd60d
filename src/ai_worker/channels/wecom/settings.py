"""What a WeCom channel can be told."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from ai_worker.channels.contract import ChannelSettings
from ai_worker.channels.wecom.crypto import decode_key
from ai_worker.foundation.secret import Secret, SecretField, TextField

_DIGITS = re.compile(r"[0-9]{1,15}")


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _agent_id(value: str) -> str:
    if not _DIGITS.fullmatch(value):
        raise ValueError("an AgentId is a whole number, for example 1000002")
    return str(int(value))


def _not_empty(value: Secret) -> Secret:
    if not value:
        raise ValueError("it is empty: copy it from the application's page in the WeCom admin console")
    return value


def _aes_key(value: Secret) -> Secret:
    if len(value.reveal()) != 43:
        raise ValueError("an EncodingAESKey has exactly 43 characters: copy it again, without spaces")
    decode_key(value.reveal())
    return value


def _base_address(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("an address begins with https:// (or http://) and names a host")
    if address.query or address.fragment or address.username is not None:
        raise ValueError("the address may carry a path, but no user name, query or fragment")
    if address.path.rstrip("/").endswith("/cgi-bin"):
        raise ValueError("write the address without /cgi-bin: that part is added to it")
    return value.rstrip("/")


class WecomAppSettings(ChannelSettings):
    """A self-built application (自建应用): encrypted callbacks in, application messages out."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["wecom-app"] = "wecom-app"
    """Always `wecom-app`."""

    max_callback_age_s: float = Field(600.0, gt=0, allow_inf_nan=False)
    """A signed callback this many seconds older or newer than now is refused."""

    corp_id: Annotated[TextField, Field(min_length=1)]
    """企业ID: 「我的企业 › 企业信息」, at the bottom of the page; begins with `ww`."""

    agent_id: Annotated[TextField, AfterValidator(_agent_id), BeforeValidator(_id_as_text)]
    """AgentId: 「应用管理 › 自建」, the application's own page. Text or number."""

    secret: Annotated[SecretField, AfterValidator(_not_empty)]
    """Secret: 「应用管理 › 自建」, the application's own page; it is sent to the administrator's WeCom."""

    token: Annotated[SecretField, AfterValidator(_not_empty)]
    """Token: the application's page, 「接收消息 › 设置API接收」."""

    encoding_aes_key: Annotated[SecretField, AfterValidator(_aes_key)]
    """EncodingAESKey: the same page as the Token; 43 characters."""

    api_base: Annotated[TextField, AfterValidator(_base_address)] = "https://qyapi.weixin.qq.com"
    """Where the API is, without `/cgi-bin`; another one for a private deployment. May carry a path."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call to the API may take, in seconds."""
