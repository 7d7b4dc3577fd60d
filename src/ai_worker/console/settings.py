"""The console's settings."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator
from pydantic_core import PydanticCustomError

Network = IPv4Network | IPv6Network


def _network(block: object) -> Network:
    """Return a CIDR block; what is none is refused in the settings' own words, not in pydantic's."""
    if isinstance(block, IPv4Network | IPv6Network):
        return block
    try:
        return ip_network(str(block))
    except ValueError:
        raise PydanticCustomError("network", "network") from None


NetworkField = Annotated[Network, PlainValidator(_network)]

PRIVATE_NETWORKS = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")


class ConsoleSettings(BaseModel):
    """Section `[console]`: where the administrators' web pages are served, and to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` serves every IPv4 interface, `::` IPv6 and IPv4."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""

    allow: tuple[NetworkField, ...] = tuple(ip_network(network) for network in PRIVATE_NETWORKS)
    """Networks (CIDR) that may reach the console, and `/metrics` without a key. The address of the
    connection itself counts; what a proxy says about its caller does not."""

    names: tuple[str, ...] = ()
    """Host names under which the console is reached besides `localhost` and IP addresses, for
    example `ai.huaxing.example`. Any other name is refused: a foreign page could have pointed its
    own name here (DNS rebinding)."""

    @field_validator("names")
    @classmethod
    def _bare_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not name or any(character in name for character in ":/@ "):
                raise ValueError(f"{name!r} is not a host name; write it without scheme and port")
        return tuple(name.lower().rstrip(".") for name in names)
