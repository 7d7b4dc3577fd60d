"""The address of a database: taken apart, and shown without its password."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.secret import Secret

SCHEMA = "ai_worker"
"""The schema in which everything is kept unless the address says `?schema=NAME`."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class AddressUnusable(Misconfigured):
    """The address of the database cannot be understood. Its words never hold the address itself."""

    code = "storage.address_unusable"
    hint = 'Use url = "postgresql://USER@HOST/DB"; a schema of its own may be added with ?schema=NAME.'


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and in which of its schemas our tables are."""

    dsn: Secret
    """What the driver is told; may hold the password."""

    schema: str
    shown: str
    """Host and database, for people: never user or password. Several hosts stand as they were written."""


def parse(url: str) -> Address:
    """Return the address that `storage.url` names.

    Raises:
        AddressUnusable: It is no address of a PostgreSQL database, or the schema's name is not a plain one.
    """
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]  # one or several, of which the driver takes the first that serves
        if "," not in hosts:
            hosts = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
        shown = f"{hosts}{parts.path}"
    except ValueError:  # its own words would hold parts of the address
        raise AddressUnusable("The address of the database is not one") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise AddressUnusable("The address is not that of a PostgreSQL database")
    options = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(options).get("schema", SCHEMA)
    if not _NAME.fullmatch(schema):
        raise AddressUnusable("The schema named in storage.url must be lower-case letters, digits and _")
    rest = urlencode([(name, value) for name, value in options if name != "schema"])
    return Address(Secret(urlunsplit(parts._replace(query=rest))), schema, shown)
