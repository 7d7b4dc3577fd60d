"""`ai-worker demo`: the whole product on loopback, with simulated platforms and a sample company."""

from typing import Annotated

import typer

from ai_worker.cli.invocation import Invocation, Json, both


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "demo",
        help=both(
            "演示：模拟的企业微信、飞书和钉钉，样例公司和真实的服务，全在本机，不需要任何密钥",
            "Show everything on this machine: simulated WeCom, Feishu, DingTalk, a sample company, the service; no key",
        ),
    )(demo)


def demo(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help=both("只演一轮就退出", "Play one scripted round and end"))
    ] = False,
    as_json: Json = False,
    port_api: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help=both("API 端口，0 为任意空闲端口", "API port; 0 is free")),
    ] = None,
    port_console: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help=both("控制台端口", "Console port")),
    ] = None,
) -> None:
    """Start the sample company and talk to it."""
    from ai_worker.cli.logging import set_up_logging
    from ai_worker.demo.main import run

    invocation = Invocation.of(context)
    set_up_logging("DEBUG" if invocation.debug else "ERROR")
    language = invocation.language
    raise typer.Exit(run(once=once, as_json=as_json, port_api=port_api, port_console=port_console, language=language))
