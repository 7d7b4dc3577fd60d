"""What a WeCom channel can be told."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from ai_worker.channels.contract import ChannelSettings, GroupSettings
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


def _aes_key_or_none(value: Secret) -> Secret:
    return _aes_key(value) if value else value


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


def _file_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_base_address(value) for value in values)


def _socket_address(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("ws", "wss") or not address.hostname:
        raise ValueError("an address of a long connection begins with wss:// (or ws://) and names a host")
    if address.fragment or address.username is not None:
        raise ValueError("the address may carry a path, but no user name or fragment")
    return value


def _webhook(value: Secret) -> Secret:
    address = urlsplit(value.reveal())
    if address.scheme not in ("http", "https") or not address.hostname or not parse_qs(address.query).get("key"):
        raise ValueError("copy the robot's whole address: it begins with https:// and ends with key=…")
    return value


ApiBase = Annotated[TextField, AfterValidator(_base_address)]
AesKey = Annotated[SecretField, AfterValidator(_aes_key)]
Given = Annotated[SecretField, AfterValidator(_not_empty)]
"""A secret that may not be empty."""

NO_SECRET = Secret("")
API_BASE = "https://qyapi.weixin.qq.com"


class WecomSettings(ChannelSettings):
    """What every kind of WeCom channel can be told."""

    model_config = ConfigDict(hide_input_in_errors=True)

    max_callback_age_s: float = Field(600.0, gt=0, allow_inf_nan=False)
    """A signed callback this many seconds older or newer than now is refused."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call to the API may take, in seconds."""


class WecomAppSettings(WecomSettings):
    """A self-built application (自建应用): encrypted callbacks in, application messages out."""

    kind: Literal["wecom-app"] = "wecom-app"
    """Always `wecom-app`."""

    corp_id: Annotated[TextField, Field(min_length=1)]
    """企业ID: 「我的企业 › 企业信息」, at the bottom of the page; begins with `ww`."""

    agent_id: Annotated[TextField, AfterValidator(_agent_id), BeforeValidator(_id_as_text)]
    """AgentId: 「应用管理 › 自建」, the application's own page. Text or number."""

    secret: Given
    """Secret: 「应用管理 › 自建」, the application's own page; it is sent to the administrator's WeCom."""

    token: Given
    """Token: the application's page, 「接收消息 › 设置API接收」."""

    encoding_aes_key: AesKey
    """EncodingAESKey: the same page as the Token; 43 characters."""

    api_base: ApiBase = API_BASE
    """Where the API is, without `/cgi-bin`; another one for a private deployment. May carry a path."""

    welcome: TextField = ""
    """What is said to a member who opens the application for the first time in a day; empty: nothing."""


class WecomBotSettings(WecomSettings):
    """An AI bot (智能机器人): over its long connection, over encrypted callbacks, or both."""

    kind: Literal["wecom-bot"] = "wecom-bot"
    """Always `wecom-bot`."""

    bot_id: TextField = ""
    """Bot ID, for the long connection: the bot's page, 「API模式 › 使用长连接」."""

    secret: SecretField = NO_SECRET
    """Secret of the long connection: the same page as the Bot ID."""

    ws_url: Annotated[TextField, AfterValidator(_socket_address)] = "wss://openws.work.weixin.qq.com"
    """Where the long connection goes; another address for a private deployment."""

    token: SecretField = NO_SECRET
    """Token, for callbacks: the bot's page, 「API模式 › 使用URL回调」."""

    encoding_aes_key: Annotated[SecretField, AfterValidator(_aes_key_or_none)] = NO_SECRET
    """EncodingAESKey, for callbacks: the same page as the Token; 43 characters."""

    api_base: ApiBase = API_BASE
    """Where the API is, without `/cgi-bin`: late answers to callbacks go there, and nowhere else."""

    media_hosts: Annotated[tuple[TextField, ...], AfterValidator(_file_addresses)] = ()
    """More addresses (`https://files.example.com`) from which files may be fetched, if WeCom keeps them elsewhere."""

    welcome: TextField = "您好，我是 AI 数字员工，有问题直接问我就行。"
    """What is said to a person who opens the chat for the first time in a day; empty: nothing."""

    waiting: Annotated[TextField, Field(min_length=1, max_length=200)] = "正在查询…"
    """What a callback's answer shows before its first words are there."""

    bot_name: TextField = ""
    """The bot's name in groups; `@` and this name are taken out of questions. Empty: one `@word` at an end is."""

    group_answer: Literal["mentioned", "all", "never"] = "mentioned"
    """Which messages of a group are answered. The platform passes on only those that mention the bot."""

    groups: Mapping[str, GroupSettings] = Field(default_factory=dict)
    """Groups that are served otherwise, by the platform's chat id: `{ wrOgAAA = { answer = "never" } }`."""

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if bool(self.bot_id) != bool(self.secret) and not self.token:
            raise ValueError("the long connection needs both bot_id and secret")
        if bool(self.token) != bool(self.encoding_aes_key):
            raise ValueError("callbacks need both token and encoding_aes_key")
        if not self.connects and not self.token:
            raise ValueError("write bot_id and secret (long connection), or token and encoding_aes_key (callbacks)")
        return self

    @property
    def connects(self) -> bool:
        """Whether the bot has what its long connection needs."""
        return bool(self.bot_id and self.secret)


class WecomKfSettings(WecomSettings):
    """Customer service (微信客服): customers write from WeChat; messages are fetched, replies are sent by API."""

    kind: Literal["wecom-kf"] = "wecom-kf"
    """Always `wecom-kf`."""

    corp_id: Annotated[TextField, Field(min_length=1)]
    """企业ID: 「我的企业 › 企业信息」, at the bottom of the page; begins with `ww`."""

    secret: Given
    """Secret of 微信客服: 「应用管理 › 微信客服 › API」."""

    token: Given
    """Token: 「应用管理 › 微信客服 › API」, 「接收事件服务器」."""

    encoding_aes_key: AesKey
    """EncodingAESKey: the same page as the Token; 43 characters."""

    api_base: ApiBase = API_BASE
    """Where the API is, without `/cgi-bin`; another one for a private deployment. May carry a path."""

    welcome: TextField = ""
    """What is said to a customer who opens the conversation; empty: nothing."""


class WecomGroupSettings(WecomSettings):
    """A group's robot (群机器人): it only sends."""

    kind: Literal["wecom-group"] = "wecom-group"
    """Always `wecom-group`."""

    webhook_url: Annotated[SecretField, AfterValidator(_webhook)]
    """The robot's whole Webhook address, with its key: whoever has it can write into the group."""
