"""`ai-worker channels setup`: the steps of a platform's manifest, one after the other, each shown to work."""

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from ai_worker.cli.channels_section import Section
    from ai_worker.cli.channels_verify import Outcome

WAIT_S = 300.0
"""How long somebody at a terminal may take for what a step asks on the platform's pages."""


ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  (compared with, not bound to)


class SettingGiven(BadInput):
    """`--set` names no setting of this kind of channel, or says nothing of it."""

    code = "channels.setting_unknown"
    hint = "Write --set FIELD=VALUE, with a field of this kind of channel."


class SettingMissing(BadInput):
    """A setting that the channel needs was not given, and there is no terminal at which to ask for it."""

    code = "channels.setting_missing"
    hint = "Give it with --set FIELD=VALUE; a secret best as env:NAME or file:PATH."


def register(channels: typer.Typer) -> None:
    """Add the command."""
    words = both("一步一步接好一个渠道，每一步当场验证", "Connect a channel step by step, each shown to work")
    channels.command("setup", help=words)(setup)


def setup(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=both("渠道类型", "Which kind of channel"))],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help=both("渠道的名字，会出现在回调地址里", "What to call it")),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help=both(
                "不提问，直接给一项设置，可重复；密钥写 env:变量名 或 file:路径",
                "A setting, without being asked; may repeat; secrets as env:NAME or file:PATH",
            ),
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help=both("平台从哪个网址访问本服务", "Our address from outside")),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait", metavar="SECONDS", min=0, help=both("每一步最多等多久", "How long each step is waited for")
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set a channel up, or change one that is there. Exit code 1 if a step does not work."""
    from ai_worker.channels import registry
    from ai_worker.cli.channels_section import Section
    from ai_worker.cli.channels_verify import verify
    from ai_worker.cli.output import print_json
    from ai_worker.settings.edit import FileNotEditable

    invocation = Invocation.of(context)
    registry.settings_class(kind)
    asks = sys.stdin.isatty() and not as_json
    section = Section.of(invocation.settings(), kind, name)
    for word in given or ():
        field, equals, value = word.partition("=")
        if not equals or field not in registry.settings_class(kind).model_fields or field == "kind":
            raise SettingGiven(f"--set {field}: there is no such setting of {kind}")
        section.put(field, value)
    url = _public_url(invocation, section, public_url, asks=asks)
    if asks:
        from ai_worker.cli.channels_asking import ask

        ask(invocation, section, url)
    if missing := section.missing():
        raise SettingMissing(f"{kind} needs: {', '.join(missing)}")
    try:
        section.write(invocation.environ)
    except FileNotEditable:
        print(section.printable(), file=sys.stderr)
        raise
    if not as_json:
        _tell_written(invocation, section)
    if asks:
        words = ("下面逐步验证；Ctrl+C 可以随时离开。", "Now each step is verified; Ctrl+C leaves at any time.")
        print(invocation.say(*words))
    patience = wait if wait is not None else WAIT_S if asks else 0.0
    outcome = asyncio.run(verify(invocation, section, patience=patience, quiet=as_json))
    if as_json:
        print_json(_described(section, url, outcome))
    elif asks or outcome.waiting:
        _tell_next(invocation, section, outcome)
    if outcome.failed:
        raise typer.Exit(1)


def _public_url(invocation: Invocation, section: "Section", given: str | None, *, asks: bool) -> str:
    """Return where the platform finds us, without a slash at the end."""
    api = invocation.settings().api
    host = socket.gethostname() if api.host in ANYWHERE else f"[{api.host}]" if ":" in api.host else api.host
    default = f"http://{host}:{api.port}"
    if given is None and asks and section.calls_back:
        words = ("平台从哪个网址访问本服务", "Under which address can the platform reach this service")
        given = typer.prompt(f"? {invocation.say(*words)}", default=default)
    return (given or default).rstrip("/")


def _tell_written(invocation: Invocation, section: "Section") -> None:
    from ai_worker.cli.output import done

    if section.changed:
        done(invocation.say(f"已写入 {section.file} 的 {section.title}", f"Wrote {section.title} to {section.file}"))
    else:
        done(invocation.say(f"{section.title} 没有变化", f"{section.title} stays as it is"))
    for file in section.secrets:
        words = f"密钥另存在 {file}，只有属主能读", f"The secret is in {file}, readable by its owner alone"
        print(f"  {invocation.say(*words)}")


def _tell_next(invocation: Invocation, section: "Section", outcome: "Outcome") -> None:
    if not outcome.running:
        print(invocation.say("接下来：", "Next: "), "ai-worker run", sep="")
    again = f"ai-worker channels test {section.name}"
    print(invocation.say(f"随时再查：{again}", f"To look again: {again}"))


def _described(section: "Section", url: str, outcome: "Outcome") -> dict[str, Any]:
    from ai_worker.channels.manifest import callback_url

    return {
        "name": section.name,
        "kind": section.kind,
        "config": str(section.file),
        "changed": section.changed,
        "secrets": [str(file) for file in section.secrets],
        "callback_url": callback_url(url, section.name),
        "service_running": outcome.running,
        "checks": [
            {
                "step": check.step,
                "proof": check.proof,
                "status": check.status,
                "at": check.at.isoformat() if check.at else None,
                "detail": check.detail,
                "fix": check.fix,
            }
            for check in outcome.checks
        ],
    }
