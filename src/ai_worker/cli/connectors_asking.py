"""Asking at the terminal for what a connector needs and nobody has said yet."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ai_worker.cli.connectors_site import RISKS
from ai_worker.cli.invocation import Invocation

if TYPE_CHECKING:
    from ai_worker.connectors.operation import Contract, Scheme

SECRET_WORDS = {
    "bearer": ("令牌", "token"),
    "header": ("密钥", "key"),
    "key": ("密钥", "key"),
    "basic": ("密码", "password"),
    "oauth2": ("客户端密钥（client secret）", "client secret"),
}
"""What the secret of a kind of credentials is called; of the others a person writes the file."""


@dataclass(slots=True)
class Told:
    """What is known of a connector that is to be."""

    id: str
    kind: str
    name: str
    contract: Path | None
    base_url: str
    auth: dict[str, Any]
    operations: list[str]
    options: dict[str, Any]
    secret: str = field(default="", repr=False)
    """One that was typed in; `kept` puts it into a file."""


def ask(invocation: Invocation, told: Told, contract: "Contract") -> None:
    """Ask for what is missing, with what the contract says as the suggestion."""
    from ai_worker.connectors.registry import KINDS

    say, count = invocation.say, len(contract.operations)
    risks = Counter[str](one.risk for one in contract.operations)
    parts = [f"{say(*RISKS[risk])} {risks[risk]}" for risk in RISKS if risks[risk]]
    print(
        say(f"契约：{contract.title}，{count} 个操作", f"The contract: {contract.title}, {count} operations"), end=" "
    )
    print(f"({', '.join(parts)})")
    if not told.name:
        told.name = typer.prompt(say("? 给人看的名称", "? What people see"), default=contract.title).strip()
    if KINDS[told.kind].needs_base_url and not told.base_url:
        suggested = contract.servers[0] if contract.servers else None
        told.base_url = typer.prompt(say("? 系统的地址", "? The system's address"), default=suggested).strip()
    if not told.auth:
        _ask_auth(invocation, told, contract)
    _ask_secret(invocation, told)
    if not told.operations:
        question = say(
            "? 哪些操作（* 只读的，** 全部，或名称，逗号分开）", "? Which operations (* reads, ** all, or names)"
        )
        answer = typer.prompt(question, default="*")
        told.operations = [word.strip() for word in answer.replace("，", ",").split(",") if word.strip()]


def kept(invocation: Invocation, told: Told) -> dict[str, Any]:
    """Return the credentials with a reference in the place of a secret that was typed in."""
    if not told.secret:
        return told.auth
    from ai_worker.settings import edit

    settings = invocation.settings()
    beside = settings.file or settings.connectors_folder.parent / "ai-worker.toml"
    return {**told.auth, "secret": edit.keep_secret(beside, f"connector-{told.id}", "secret", told.secret)}


def _ask_auth(invocation: Invocation, told: Told, contract: "Contract") -> None:
    suggested = suggestion(contract)
    say = invocation.say
    words = say(
        "? 凭据的种类（none、bearer、header、basic、oauth2）", "? Credentials (none, bearer, header, basic, oauth2)"
    )
    kind = typer.prompt(words, default=suggested["kind"]).strip()
    told.auth = suggested if kind == suggested["kind"] else {"kind": kind}
    asked = {
        "header": (("header", say("? 请求头", "? Header"), "X-Api-Key"),),
        "basic": (("username", say("? 用户名", "? User name"), None),),
        "oauth2": (
            ("token_url", say("? 令牌地址", "? Token address"), None),
            ("client_id", say("? 客户端 ID", "? Client id"), None),
        ),
    }
    for name, question, default in asked.get(kind, ()):
        if name not in told.auth:
            told.auth[name] = typer.prompt(question, default=default).strip()


def _ask_secret(invocation: Invocation, told: Told) -> None:
    words = SECRET_WORDS.get(told.auth.get("kind", ""))
    if words is None or "secret" in told.auth:
        return
    hint = invocation.say(
        "（输入不显示；可写 env:变量名 或 file:路径）", " (not shown; env:NAME or file:PATH work too)"
    )
    answer = typer.prompt(f"? {invocation.say(*words)}{hint}", hide_input=True).strip()
    if answer.startswith(("env:", "file:")):
        told.auth["secret"] = answer
    else:
        told.secret = answer


def suggestion(contract: "Contract") -> dict[str, Any]:
    """Return the credentials that the contract asks for first, as `[auth]` has them, without their secrets."""
    for scheme in contract.schemes.values():
        if found := _suggested(scheme):
            return found
    return {"kind": "none"}


def _suggested(scheme: "Scheme") -> dict[str, Any]:
    match scheme.kind:
        case "apiKey" if scheme.place == "header":
            return {"kind": "header", "header": scheme.key}
        case "apiKey":
            return {"kind": "key", "place": scheme.place, "name": scheme.key}
        case "basic" | "bearer":
            return {"kind": scheme.kind}
        case "oauth2":
            flow = scheme.flows.get("clientCredentials") or scheme.flows.get("application") or {}
            address = flow.get("tokenUrl")
            return {"kind": "oauth2", "token_url": address} if address else {"kind": "oauth2"}
        case _:
            return {}
