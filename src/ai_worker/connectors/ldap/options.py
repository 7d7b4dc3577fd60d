"""What an administrator says about a directory: the `[options]` of the kind `ldap`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ai_worker.connectors.kind import Options
from ai_worker.connectors.ldap.names import parts_of
from ai_worker.foundation.secret import SecretField, TextField

Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]

NEVER = frozenset({
    "userpassword", "unicodepwd", "ntpwdhistory", "lmpwdhistory", "dbcspwd", "supplementalcredentials",
    "krbprincipalkey", "sambantpassword", "sambalmpassword", "authpassword", "ms-mcs-admpwd", "pwdhistory",
})  # fmt: skip
"""Attributes that nobody gets to see, whatever the settings say."""


def _a_name(name: str) -> str:
    if not parts_of(name):
        raise ValueError("a distinguished name such as ou=people,dc=example,dc=com")
    return name


DistinguishedName = Annotated[str, AfterValidator(_a_name)]


class LdapOptions(Options):
    """A directory."""

    url: Annotated[TextField, Field(pattern=r"^ldaps?://[^/\s?#@]+$")]
    """`ldaps://ldap.example.com`, or `ldap://ldap.example.com` for StartTLS."""

    base: DistinguishedName
    """Nothing outside is looked at: `dc=example,dc=com`."""

    bind_dn: TextField = ""
    """As whom; empty: as nobody."""

    password: SecretField | None = None
    tls: Literal["required", "none"] = "required"
    """`none`: of `ldap://`, everything goes readable over the network; only for a directory on the same machine."""

    ca_file: str = ""
    """Certificates that the directory's is signed by; empty: the machine's own."""

    person: Attribute = "person"
    """The object class of people: `user` in Active Directory."""

    name: tuple[Attribute, ...] = ("cn", "displayName")
    """Attributes that a name is looked for in, as a part of them."""

    uid: tuple[Attribute, ...] = ("uid", "sAMAccountName")
    mail: tuple[Attribute, ...] = ("mail",)
    phone: tuple[Attribute, ...] = ("telephoneNumber", "mobile")
    department: tuple[Attribute, ...] = ("departmentNumber", "department", "ou")
    shown: tuple[Attribute, ...] = (
        "cn", "displayName", "uid", "sAMAccountName", "mail", "telephoneNumber", "title", "departmentNumber",
        "department", "manager",
    )  # fmt: skip
    """Attributes that are told."""

    max_entries: int = Field(default=50, ge=1, le=1_000)
    connections: int = Field(default=5, ge=1, le=50)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if (self.password is None) != (not self.bind_dn):
            raise ValueError("bind_dn and password go together")
        if hidden := [one for one in self.shown if one.lower() in NEVER]:
            raise ValueError(f"shown: {hidden[0]} is never told")
        return self
