"""People and groups of a real directory, over StartTLS and over TLS from the first byte."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.ldap.session import DirectoryFailed
from ai_worker.connectors.registry import load_connector
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import ToolRefused
from tests.connectors.ldap.slapd import PASSWORD, Slapd, shared_slapd


@pytest.fixture(scope="module")
def slapd() -> Slapd:
    return shared_slapd()


def settings(url: str, *, password: str = PASSWORD, options: str = "", more: str = "") -> str:
    return f"""
kind = "ldap"
name = "通讯录"
operations = ["*"]
timeout_s = 5
{more}
[options]
url = "{url}"
base = "dc=example,dc=com"
bind_dn = "cn=worker,dc=example,dc=com"
password = "{password}"
{options}
"""


def load(folder: Path, text: str) -> Connection:
    file = folder / "people" / "connector.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    connection = load_connector(file, resolve=str, parts=Parts(clock=SystemClock()))
    assert connection is not None
    return connection


@asynccontextmanager
async def connected(folder: Path, slapd: Slapd, **other: Any) -> AsyncIterator[Connection]:
    options = f'ca_file = "{slapd.ca_file}"\n{other.pop("options", "")}'
    url = other.pop("url", f"ldap://127.0.0.1:{slapd.port}")
    connection = load(folder, settings(url, options=options, **other))
    await connection.start()
    yield connection
    await connection.close()


async def ask(connection: Connection, name: str, /, **arguments: Any) -> Any:
    return (await connection.call(f"people.{name}", arguments, idempotency_key="")).data


@pytest.mark.parametrize("encrypted", ["starttls", "tls"])
async def test_people_are_found_by_what_is_known_of_them(slapd: Slapd, tmp_path: Path, encrypted: str) -> None:
    url = f"ldap://127.0.0.1:{slapd.port}" if encrypted == "starttls" else f"ldaps://127.0.0.1:{slapd.tls_port}"
    async with connected(tmp_path, slapd, url=url, more='masked = ["telephoneNumber"]') as connection:
        assert await connection.check() == "SEARCH check: 2 fields"
        [zhang] = (await ask(connection, "find_person", name="张"))["entries"]
        assert zhang == {
            "dn": "uid=zhangsan,ou=people,dc=example,dc=com",
            "uid": "zhangsan",
            "cn": "张三",
            "mail": "zhangsan@example.com",
            "telephoneNumber": "***",
            "departmentNumber": "研发部",
        }
        for known in ({"uid": "lisi"}, {"mail": "lisi@example.com"}, {"name": "四 (外包)", "department": "研发部"}):
            assert [one["uid"] for one in (await ask(connection, "find_person", **known))["entries"]] == ["lisi"]
        assert (await ask(connection, "find_person", department="研发部"))["count"] == 2
        assert (await ask(connection, "find_person", uid="lisi", name="张"))["count"] == 0


async def test_a_group_gives_the_members_that_are_there(slapd: Slapd, tmp_path: Path) -> None:
    async with connected(tmp_path, slapd) as connection:
        assert [one["uid"] for one in (await ask(connection, "members_of_group", group="dev"))["entries"]] == [
            "zhangsan"
        ]
        with pytest.raises(ToolRefused, match="no such group"):
            await ask(connection, "members_of_group", group="*")


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "z*",
        "*)(uid=*",
        "lisi)(|(uid=*",
        "\\2a",
        "lisi\x00",
        "(&",
        "zhangsan)(userPassword=*",
        "\ud7ff",
        "ｌｉｓｉ＊",
    ],
)
async def test_a_value_is_never_syntax(slapd: Slapd, tmp_path: Path, value: str) -> None:
    async with connected(tmp_path, slapd) as connection:
        for key in ("uid", "mail", "department"):
            assert (await ask(connection, "find_person", **{key: value}))["count"] == 0


async def test_half_a_character_never_leaves(tmp_path: Path) -> None:
    with pytest.raises(ArgumentsRefused):
        await ask(load(tmp_path, settings("ldap://127.0.0.1:9")), "find_person", uid="\ud800")


async def test_an_entry_is_told_without_secrets_and_only_below_the_base(slapd: Slapd, tmp_path: Path) -> None:
    async with connected(tmp_path, slapd, options='shown = ["cn", "jpegPhoto"]') as connection:
        found = await ask(connection, "get_entry", dn="uid=zhangsan, OU=people,dc=example,dc=com")
        assert set(found) == {"dn", "cn", "jpegPhoto"}
        assert "bytes" in found["jpegPhoto"]
        with pytest.raises(ToolRefused):
            await ask(connection, "get_entry", dn="uid=nobody,ou=people,dc=example,dc=com")
        for dn in (
            "cn=config",
            "dc=com",
            "cn=x\\,dc=example,dc=com",
            "cn=Subschema",
            'cn="x,dc=example,dc=com',
            "张三",
        ):
            with pytest.raises(ArgumentsRefused):
                await ask(connection, "get_entry", dn=dn)


async def test_more_than_the_limit_is_said(slapd: Slapd, tmp_path: Path) -> None:
    async with connected(tmp_path, slapd, options="max_entries = 1") as connection:
        found = await ask(connection, "find_person", department="研发部")
        assert (found["count"], found["note"]) == (1, "only the first 1; ask more narrowly")


async def test_a_wrong_password_a_foreign_certificate_and_no_directory_are_told(slapd: Slapd, tmp_path: Path) -> None:
    async with connected(tmp_path, slapd, password="falsch-falsch") as connection:
        with pytest.raises(DirectoryFailed, match="name or password") as failed:
            await connection.check()
        assert "falsch" not in str(failed.value)
    connection = load(tmp_path, settings(f"ldaps://127.0.0.1:{slapd.tls_port}"))
    with pytest.raises(DirectoryFailed, match="no encrypted connection"):
        await connection.check()
    connection = load(tmp_path, settings("ldap://127.0.0.1:9"))
    with pytest.raises(DirectoryFailed, match="cannot be reached"):
        await connection.check()


def test_what_is_looked_for_can_be_read_beforehand(tmp_path: Path) -> None:
    connection = load(tmp_path, settings("ldap://ldap.example.com"))
    preview = connection.preview("people.find_person", {"uid": "a*)(b"})
    assert preview.address == "ldap://ldap.example.com/dc=example,dc=com"
    assert preview.body == "(&(objectClass=person)(|(uid=a\\2a\\29\\28b)(sAMAccountName=a\\2a\\29\\28b)))"
