"""What a DingTalk channel can be told."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from ai_worker.channels.contract import ChannelSettings, GroupSettings
from ai_worker.foundation.secret import Secret, SecretField, TextField


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _not_empty(value: Secret) -> Secret:
    if not value:
        raise ValueError("it is empty: copy it from the application's page on open-dev.dingtalk.com")
    return value


def _base_address(value: str) -> str:
    address = urlsplit(value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("an address begins with https:// (or http://) and names a host")
    if address.query or address.fragment or address.username is not None:
        raise ValueError("the address may carry a path, but no user name, query or fragment")
    if address.path.rstrip("/").endswith("/v1.0"):
        raise ValueError("write the address without /v1.0: that part is added to it")
    return value.rstrip("/")


def _file_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_base_address(value) for value in values)


def _robot_address(value: Secret) -> Secret:
    address = urlsplit(value.reveal())
    if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
        raise ValueError("the Webhook begins with https:// and names a host")
    query = parse_qs(address.query)
    if not query.get("access_token"):
        raise ValueError("the Webhook ends with access_token=…: copy all of it from the robot's page")
    if "sign" in query or "timestamp" in query or address.fragment:
        raise ValueError("write the Webhook as the robot's page shows it, without timestamp and sign")
    return value


def _robot_secret(value: Secret) -> Secret:
    if value and not value.reveal().startswith("SEC"):
        raise ValueError("the secret of 加签 begins with SEC: copy all of it from the robot's page")
    return value


class DingtalkSettings(ChannelSettings):
    """The robot of an enterprise application (企业内部应用): messages in both directions."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["dingtalk"] = "dingtalk"
    """Always `dingtalk`."""

    max_callback_age_s: float = Field(3600.0, gt=0, allow_inf_nan=False)
    """A signed callback this many seconds older or newer than now is refused (mode `http`)."""

    client_id: Annotated[TextField, Field(min_length=1, max_length=128), BeforeValidator(_id_as_text)]
    """Client ID (formerly AppKey): 「凭证与基础信息」, begins with `ding`."""

    client_secret: Annotated[SecretField, AfterValidator(_not_empty)]
    """Client Secret (formerly AppSecret): the same page as the Client ID."""

    robot_code: Annotated[TextField, Field(max_length=128), BeforeValidator(_id_as_text)] = ""
    """RobotCode: the application's 「机器人」 page. Empty: the same as the Client ID, as it usually is."""

    mode: Literal["stream", "http"] = "stream"
    """How messages come in: `stream` (we connect out; needs no public address) or `http` (DingTalk calls us)."""

    card_template_id: Annotated[TextField, Field(max_length=256)] = ""
    """Template of the AI card in which answers grow and carry buttons. Empty: answers are sent as Markdown."""

    group_answer: Literal["mentioned", "all", "never"] = "mentioned"
    """In groups: answer what mentions the worker, all that it gets to hear, or nothing."""

    groups: Mapping[str, GroupSettings] = Field(default_factory=dict)
    """Single groups that are served in another way, by their conversation id (`cid…`)."""

    api_base: Annotated[TextField, AfterValidator(_base_address)] = "https://api.dingtalk.com"
    """Where the API is, without `/v1.0`; another one for a private deployment. May carry a path."""

    oapi_base: Annotated[TextField, AfterValidator(_base_address)] = "https://oapi.dingtalk.com"
    """Where the old API is, which has the directory. May carry a path."""

    media_hosts: Annotated[tuple[TextField, ...], AfterValidator(_file_addresses)] = ()
    """More addresses (`https://files.example.com`) from which files may be fetched, if they are elsewhere."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call to the API may take, in seconds."""

    @model_validator(mode="after")
    def _own_robot(self) -> "DingtalkSettings":
        if not self.robot_code:
            object.__setattr__(self, "robot_code", self.client_id)
        return self


class DingtalkGroupSettings(ChannelSettings):
    """A custom robot (自定义机器人) of one group: it sends and hears nothing."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["dingtalk-group"] = "dingtalk-group"
    """Always `dingtalk-group`."""

    webhook_url: Annotated[SecretField, AfterValidator(_robot_address)]
    """Webhook: the robot's page in the group's settings. Whoever knows it can write into the group."""

    secret: Annotated[SecretField, AfterValidator(_robot_secret)] = Secret("")
    """The secret of 加签 (begins with `SEC`), if that is switched on for the robot."""

    keyword: Annotated[TextField, Field(max_length=64)] = ""
    """A word of 自定义关键词, if that is switched on: messages without it get it at their end."""

    timeout_s: float = Field(10.0, gt=0, le=60)
    """How long one call may take, in seconds."""
