"""What the API can be told."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ai_worker.keys.network import BadNetwork, Networks


def _networks(blocks: tuple[str, ...]) -> tuple[str, ...]:
    try:
        Networks.parse(blocks)
    except BadNetwork:
        raise PydanticCustomError("network", "network") from None
    return blocks


class ApiSettings(BaseModel):
    """The API door: where it listens, whom it believes, and where it may send replies."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = "0.0.0.0"  # noqa: S104  (platforms have to reach it)
    """The address to listen on. `::` serves IPv6 and IPv4."""

    port: int = Field(default=18789, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port on which a process that does not serve the API (`--role runner`, `--role console`) serves `/metrics`,
    `/healthz` and `/readyz`, at `host`. Left out, it serves none of them. The API has them on its own port."""

    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = ()
    """Addresses or networks of reverse proxies. Only these may say who the client is, by `X-Forwarded-For`."""

    mcp_tools: tuple[str, ...] = ()
    """Tools of business systems that other agents may call at `/mcp` with a key of scope `tools`: `erp.get_*`.
    Only those that read are offered, whatever stands here."""

    callback_hosts: tuple[str, ...] = ()
    """Hosts, or `host:port`, that a message's `callback_url` may name. All others are refused."""
