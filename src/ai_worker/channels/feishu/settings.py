"""What a Feishu channel can be told."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ai_worker.channels.contract import ChannelSettings, GroupSettings
from ai_worker.foundation.secret import Secret, SecretField, TextField


def _not_empty(value: Secret) -> Secret:
    if not value:
        raise ValueError("it is empty: copy it from the application's page on the open platform")
    return value


def _address(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("an address begins with https:// (or http://) and names a host")
    if address.query or address.fragment or address.username is not None:
        raise ValueError("the address may carry a path, but no user name, query or fragment")
    return value.rstrip("/")


def _base_address(value: str) -> str:
    value = _address(value)
    if urlsplit(value).path.rstrip("/").endswith("/open-apis"):
        raise ValueError("write the address without /open-apis: that part is added to it")
    return value


def _webhook(value: Secret) -> Secret:
    _address(_not_empty(value).reveal())
    return value


class FeishuSettings(ChannelSettings):
    """A self-built application (企业自建应用): events over a long connection or by HTTP, messages and cards out."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["feishu"] = "feishu"
    """Always `feishu`."""

    max_callback_age_s: float = Field(600.0, gt=0, allow_inf_nan=False)
    """A signed callback this many seconds older or newer than now is refused."""

    app_id: Annotated[TextField, Field(min_length=1)]
    """App ID: 「凭证与基础信息」 of the application on the open platform; begins with `cli_`."""

    app_secret: Annotated[SecretField, AfterValidator(_not_empty)]
    """App Secret: the same page as the App ID."""

    mode: Literal["websocket", "webhook"] = "websocket"
    """How events come: `websocket`, a long connection that we open (no public address needed), or `webhook`,
    HTTP requests to our callback address."""

    encrypt_key: SecretField = Secret("")
    """Encrypt Key: 「事件与回调 › 加密策略」. With it callbacks are signed and encrypted; set it when `mode` is
    `webhook`."""

    verification_token: SecretField = Secret("")
    """Verification Token: the same page as the Encrypt Key. Needed to verify the callback address, and the
    only protection of callbacks if no Encrypt Key is set."""

    base_url: Annotated[TextField, AfterValidator(_base_address)] = "https://open.feishu.cn"
    """Where the open platform is, without `/open-apis`: `https://open.larksuite.com` for Lark, or a private
    deployment's own. May carry a path."""

    tenant_key: TextField = ""
    """Only events of this tenant are accepted; empty: of any, as an application of one company has only its own."""

    group_answer: Literal["mentioned", "all", "never"] = "mentioned"
    """Which messages of groups are answered: those that mention the worker, all that it gets to hear, or none."""

    groups: Mapping[str, GroupSettings] = {}
    """What is different in single groups, by chat id (`oc_…`): `{ answer = "all" }`."""

    messages_per_minute: int = Field(950, ge=10, le=100_000)
    """How many messages are sent in a minute at most; the platform's own limit is 1000 unless it has raised it."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call to the API may take, in seconds."""

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if self.mode == "webhook" and not self.encrypt_key and not self.verification_token:
            raise ValueError(
                'mode = "webhook" needs an encrypt_key (or at least a verification_token): without them '
                "anybody could send us events"
            )
        return self


class FeishuGroupSettings(ChannelSettings):
    """A custom robot of one group (自定义机器人): sends only."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["feishu-group"] = "feishu-group"
    """Always `feishu-group`."""

    webhook_url: Annotated[SecretField, AfterValidator(_webhook)]
    """The robot's webhook address: 「群设置 › 群机器人 › 自定义机器人」. Whoever knows it can write to the group."""

    secret: SecretField = Secret("")
    """The secret of 签名校验 on the robot's page, if that is switched on."""

    keyword: TextField = ""
    """One of the robot's 自定义关键词, if any are set there: it is put before every message that lacks it."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call may take, in seconds."""
