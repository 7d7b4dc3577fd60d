"""Puts the commands together, and ends every call with the right words and exit code."""

import sys
import traceback
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ai_worker.cli import (
    channels,
    chat,
    connectors,
    console,
    deadletters,
    demo,
    drill,
    evaluation,
    failures,
    init,
    keys,
    knowledge,
    run,
    skills,
    storage,
)
from ai_worker.cli.invocation import LANGUAGES, SEPARATOR, Invocation, Json, both
from ai_worker.foundation.errors import AiWorkerError

NAME = "ai-worker"
ORDER = (
    *("init", "run", "demo", "chat", "knowledge", "eval", "keys", "channels", "connectors", "skills", "console"),
    *("deadletters", "storage", "drill", "version"),
)
"""The commands as the help lists them: in the order in which one needs them."""

EVERYWHERE = both(
    "每个命令都可以加：--config 文件 · --lang zh-CN|en · --debug（写在命令前后都行）",
    "Every command also takes: --config FILE · --lang zh-CN|en · --debug (before or after it)",
)


def execute(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run one command and return its exit code. Nothing but a defect of ours raises, and only with `--debug`."""
    invocation = Invocation(environ, chosen=_asked_language(arguments))
    try:
        command = program(invocation.language)
        result = command.main(arguments or ["--help"], prog_name=NAME, standalone_mode=False, obj=invocation)
    except typer.TyperException as error:
        failures.tell_usage(error, invocation.language)
        return failures.USAGE
    except (typer.Abort, KeyboardInterrupt):
        return failures.INTERRUPTED
    except AiWorkerError as error:
        _show_trace(invocation)
        failures.tell(error, invocation.language)
        return failures.exit_code(error)
    except BrokenPipeError:  # whoever read us has read enough
        sys.stdout = None
        return failures.OK
    except Exception as error:  # noqa: BLE001  (the outermost boundary: a defect still ends in words)
        _show_trace(invocation)
        failures.tell_defect(error, invocation.language)
        return failures.PROBLEM
    return result if isinstance(result, int) else failures.OK


def program(language: str) -> Any:  # a group of typer's, which has no public type
    """Return all commands, with their help in `language`."""
    app = typer.Typer(
        name=NAME,
        help=both("自托管的 AI 数字员工。", "A self-hosted AI digital employee."),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_everywhere)
    for module in (
        init,
        run,
        demo,
        chat,
        knowledge,
        keys,
        channels,
        connectors,
        skills,
        console,
        deadletters,
        evaluation,
        storage,
        drill,
    ):
        module.register(app)
    app.command("version", help=both("显示版本", "Show the version"))(_version)
    command: Any = typer.main.get_command(app)
    command.commands = {name: command.commands[name] for name in ORDER}
    _translate(command, LANGUAGES.index(language))
    return command


def _everywhere(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help=both("设置文件", "The settings file")),
    ] = None,
    lang: Annotated[
        Literal["zh-CN", "en"] | None, typer.Option("--lang", help=both("界面语言", "The language to speak"))
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help=both("出错时显示完整记录", "Show the traceback of a failure"))
    ] = False,
) -> None:
    from ai_worker.cli.logging import set_up_logging

    invocation = Invocation.of(context)
    invocation.config, invocation.chosen, invocation.debug = config, lang, debug
    set_up_logging("DEBUG" if debug else "WARNING")


def _version(as_json: Json = False) -> None:
    from ai_worker.cli.version import show

    show(as_json=as_json)


def _asked_language(arguments: list[str]) -> str | None:
    """Return the language that `--lang` asks for, looked up before anything can fail in it."""
    for word, following in pairwise([*arguments, ""]):
        wanted = following if word == "--lang" else word.removeprefix("--lang=")
        if word.startswith("--lang") and wanted in LANGUAGES:
            return wanted
    return None


def _translate(command: Any, language: int) -> None:
    """Keep one language of every help text, in this command and those below it."""
    command.help = _part(command.help, language)
    command.epilog = _part(EVERYWHERE, language)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _part(parameter.help, language)
    for child in getattr(command, "commands", {}).values():
        _translate(child, language)


def _part(text: str | None, language: int) -> str | None:
    return text.split(SEPARATOR)[language] if text and SEPARATOR in text else text


def _show_trace(invocation: Invocation) -> None:
    if invocation.debug:
        traceback.print_exc()
