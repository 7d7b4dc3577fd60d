"""`ai-worker init`: a settings file, the database and the first key. Run again, it changes nothing that is there."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.cli.output import done

if TYPE_CHECKING:
    from ai_worker.keys.store import StoredKey
    from ai_worker.settings import SettingsRefused

FIRST_KEY = "first"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "init",
        help=both(
            "写好设置文件，建好数据库，发第一把密钥；可以重复运行，已有的内容不会改动",
            "Write the settings file, make the database and the first key; run again, it leaves what is there",
        ),
    )(init)


def init(
    context: typer.Context,
    system: Annotated[
        bool,
        typer.Option(
            "--system",
            help=both(
                "装成系统服务：/etc/ai-worker 和 /var/lib/ai-worker",
                "For a service: /etc/ai-worker, /var/lib/ai-worker",
            ),
        ),
    ] = False,
    display_name: Annotated[
        str | None, typer.Option("--display-name", help=both("数字员工的名字", "What the worker is called"))
    ] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help=both("时区", "IANA time zone"))] = None,
    model_url: Annotated[
        str | None, typer.Option("--model-url", help=both("大模型接口地址，写到 /v1", "The model's address, up to /v1"))
    ] = None,
    model_name: Annotated[str | None, typer.Option("--model-name", help=both("大模型名称", "The model's name"))] = None,
    model_key: Annotated[
        str | None,
        typer.Option(
            "--model-key",
            metavar="env:NAME|file:PATH",
            help=both("大模型密钥放在哪里", "Where the model's key is"),
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=both("不提问，用默认值", "Ask nothing"))] = False,
    as_json: Json = False,
) -> None:
    """Set an installation up."""
    invocation = Invocation.of(context)
    file = _place(invocation, system)
    given = {
        "data_dir": None if system else "var",
        "time_zone": time_zone,
        "workers.display_name": display_name,
        "model.base_url": model_url,
        "model.name": model_name,
        "model.api_key": model_key,
    }
    new = not file.exists()
    if new:
        if not (yes or as_json) and sys.stdin.isatty():
            _ask(invocation, given)
        _write(file, invocation, {name: value for name, value in given.items() if value})
    invocation.config = file
    made = asyncio.run(_first_key(invocation))
    if as_json:
        _print_json(invocation, file, new, made)
    else:
        _show(invocation, file, new, made)


def _place(invocation: Invocation, system: bool) -> Path:
    """Return the settings file to write, or the one that is there."""
    from ai_worker.settings.places import LOCAL_FILE, SYSTEM_FILE, find

    if system and invocation.config is None:
        return SYSTEM_FILE
    return find(invocation.config, invocation.environ) or LOCAL_FILE.absolute()


def _ask(invocation: Invocation, given: dict[str, str | None]) -> None:
    """Ask for what the options did not say."""
    questions = {
        "workers.display_name": invocation.say("数字员工叫什么", "What is the worker called"),
        "time_zone": invocation.say("时区", "Time zone"),
        "model.base_url": invocation.say("大模型接口地址（没有就留空）", "The model's address (empty for none)"),
    }
    defaults = {"workers.display_name": "小智", "time_zone": "Asia/Shanghai", "model.base_url": ""}
    for name, question in questions.items():
        if given[name] is None:
            given[name] = typer.prompt(f"? {question}", default=defaults[name], show_default=bool(defaults[name]))
    if given["model.base_url"] and given["model.name"] is None:
        given["model.name"] = typer.prompt(f"? {invocation.say('模型名称', 'The name of the model')}")
        given["model.api_key"] = typer.prompt(
            f"? {invocation.say('密钥放在哪里', 'Where its key is')}", default="env:LLM_API_KEY"
        )


def _write(file: Path, invocation: Invocation, chosen: dict[str, str]) -> None:
    """Write the file, readable by its owner alone, unless somebody was faster.

    Raises:
        SettingsRefused: It cannot be written there.
    """
    from ai_worker.settings.template import template

    text = template(invocation.language, {"language": invocation.language, **chosen})
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from None
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        return
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> "SettingsRefused":
    from ai_worker.settings.problems import Problem, SettingsRefused

    return SettingsRefused([Problem("file_unwritable", file=file, facts={"reason": error.strerror or "?"})])


async def _first_key(invocation: Invocation) -> "tuple[StoredKey, str] | None":
    """Open the database and make a key if there is none yet; `None` when there was one."""
    from ai_worker.cli.opening import keyring

    async with keyring(invocation.settings()) as ring:
        if await ring.keys():
            return None
        key, secret = await ring.create(FIRST_KEY)
        return key, secret.reveal()


def _print_json(invocation: Invocation, file: Path, new: bool, made: "tuple[StoredKey, str] | None") -> None:
    from ai_worker.cli.keys import described
    from ai_worker.cli.output import print_json

    key = {"id": made[0].id, "key": made[1], **described(made[0])} if made else None
    print_json({"config": str(file), "created": new, "data_dir": str(invocation.settings().data_dir), "first_key": key})


def _show(invocation: Invocation, file: Path, new: bool, made: "tuple[StoredKey, str] | None") -> None:
    from ai_worker.cli.keys import show_new

    settings = invocation.settings()
    if new:
        done(invocation.say(f"写好了设置 {file}", f"Wrote the settings {file}"))
    else:
        done(invocation.say(f"已有设置 {file}，没有改动", f"Kept the settings {file} as they are"))
    done(invocation.say(f"数据在 {settings.data_dir}", f"Data is in {settings.data_dir}"))
    if made:
        show_new(invocation, *made, chosen=True)
    else:
        done(invocation.say("已有 API 密钥，没有新建", "There are API keys already; none was made"))
    option = f" --config {file}" if invocation.config and file.name not in ("config.toml", "ai-worker.toml") else ""
    print(invocation.say("接下来：", "Next: "), f"ai-worker knowledge add ./…{option} · ai-worker run{option}", sep="")
