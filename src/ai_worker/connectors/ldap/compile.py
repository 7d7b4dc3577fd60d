"""The operations of a directory: the same for all."""

import hashlib
from typing import Any

from ai_worker.connectors.ldap.options import LdapOptions
from ai_worker.connectors.operation import Contract, Operation

TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
PERSON = ("name", "uid", "mail", "phone", "department")


def compile_ldap(options: LdapOptions) -> Contract:
    """Return a directory's operations."""
    person = dict.fromkeys(PERSON, TEXT)
    operations = (
        _operation(
            "find_person",
            "找同事",
            "Find people by name (or a part of it), login, mail address, phone number or department.",
            {"type": "object", "properties": person, "minProperties": 1, "additionalProperties": False},
        ),
        _operation("members_of_group", "查群组成员", "The people in a group.", _needs({"group": TEXT})),
        _operation(
            "get_entry",
            "查目录条目",
            "One entry by its distinguished name, as other answers give it.",
            _needs({"dn": {"type": "string", "minLength": 3, "maxLength": 1_000}}),
        ),
        _operation("check", "连接与账号", "", _needs({}), internal=True),
    )
    return Contract("ldap", "LDAP", "3", hashlib.sha256(options.base.encode()).hexdigest(), operations)


def _needs(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _operation(name: str, title: str, description: str, schema: dict[str, Any], *, internal: bool = False) -> Operation:
    return Operation(
        name=name,
        method="SEARCH",
        path=name,
        title=title,
        description=description,
        input_schema=schema,
        risk="read",
        transport="ldap",
        internal=internal,
    )
