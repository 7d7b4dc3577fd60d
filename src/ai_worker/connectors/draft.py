"""A connector that is to be, and the connector.toml that it is written as."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tomlkit


@dataclass(frozen=True, slots=True)
class Draft:
    """A connector that is to be: what its connector.toml will say."""

    id: str
    kind: str
    name: str
    operations: tuple[str, ...]
    base_url: str = ""
    contract: str = ""
    """The name that the contract's file will have; empty: there is none."""

    auth: Mapping[str, Any] = field(default_factory=dict)
    """As `[auth]` has it; secrets are references (`env:NAME`, `file:PATH`), never literals."""

    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    catalogue: str = ""

    def with_secret(self, reference: str, option: str = "") -> "Draft":
        """Return it with a reference to its secret: that of `[auth]`, or of the option of this name."""
        if option:
            return replace(self, options={**self.options, option: reference})
        return replace(self, auth={**self.auth, "secret": reference})


COMMENTS = {
    "": (
        "一个业务系统。保存后几秒内生效，不用重启；写错了会保留原来的，并在日志和控制台里说明。",
        "One business system. In effect seconds after it is saved; a mistake leaves the former one working.",
    ),
    "contract": ("契约文件，就在旁边", "The contract, beside this file"),
    "base_url": ("系统的地址；只会调用这台主机", "The system's address; no other host is called"),
    "networks": ("系统所在的内网", "The private networks that it may stand in"),
    "operations": (
        '哪些操作成为工具："*" 是所有只读的，"**" 是全部',
        'Which operations become tools: "*" every one that only reads, "**" every one',
    ),
    "auth": (
        "密钥写成 env:变量名 或 file:路径（相对设置文件），不写在这里",
        "Secrets as env:NAME or file:PATH (relative to the settings file), never here",
    ),
    "policies": (
        "对单个操作的规定：风险、谁批准（asker 本人、colleague 同事、never 不许）",
        "What holds for one operation: its risk, who approves (asker, colleague, never)",
    ),
}


def text_of(draft: Draft, language: str) -> str:
    """Return the connector.toml of a draft, with comments in the reader's language."""
    document = tomlkit.document()

    def remark(key: str) -> tomlkit.items.Comment:
        return tomlkit.comment(COMMENTS[key][0 if language == "zh-CN" else 1])

    document.add(remark(""))
    document.add(tomlkit.nl())
    document["kind"], document["name"] = draft.kind, draft.name
    for key, value in (
        ("enabled", True),
        ("catalogue", draft.catalogue),
        ("contract", draft.contract),
        ("base_url", draft.base_url),
        ("networks", list(draft.networks)),
        ("operations", list(draft.operations)),
    ):
        if value:
            if key in COMMENTS:
                document.add(remark(key))
            document.add(key, tomlkit.item(value))
    for key, tables in (("auth", draft.auth), ("options", draft.options), ("policies", draft.policies)):
        if tables:
            document.add(tomlkit.nl())
            if key in COMMENTS:
                document.add(remark(key))
            document.add(key, _table(tables))
    return tomlkit.dumps(document)


def _table(values: Mapping[str, Any]) -> tomlkit.items.Table:
    nested = all(isinstance(value, Mapping) for value in values.values())
    table = tomlkit.table(is_super_table=nested)
    for key, value in values.items():
        table.add(key, _table(value) if isinstance(value, Mapping) else tomlkit.item(value))
    return table
