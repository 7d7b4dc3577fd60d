"""`ai-worker channels`: the configured connections to platforms."""

import typer

from ai_worker.cli.invocation import Invocation, Json, both


def register(app: typer.Typer) -> None:
    """Add the commands."""
    channels = typer.Typer(no_args_is_help=True, help=both("渠道", "Channels"))
    channels.command("list", help=both("列出已配置的渠道", "List the configured channels"))(list_channels)
    app.add_typer(channels, name="channels")


def list_channels(context: typer.Context, as_json: Json = False) -> None:
    """Print the channels of the settings, with the worker that answers each."""
    from ai_worker.cli.output import print_json, print_table

    invocation = Invocation.of(context)
    settings = invocation.settings()
    staff = settings.staff()
    rows = [
        {
            "name": name,
            "kind": channel.kind,
            "worker": staff.of_channel(name).name,
            "callback": f"/channels/{name}/callback",
        }
        for name, channel in settings.channels.items()
    ]
    if as_json:
        print_json({"channels": rows})
    elif not rows:
        print(
            invocation.say(
                "还没有配置渠道。在设置文件里加一节 [channels.名字]，写法见 docs/zh/guides/。",
                "No channel is configured. Add a table [channels.NAME] to the settings; see docs/en/guides/.",
            )
        )
    else:
        chinese = ("名称", "类型", "数字员工", "回调地址")
        english = ("name", "kind", "worker", "callback")
        print_table(chinese if invocation.language == "zh-CN" else english, [tuple(row.values()) for row in rows])
