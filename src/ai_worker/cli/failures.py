"""How a failure is told: what happened, what to do, its code; and with which exit code it ends."""

import re
import sys

import typer

from ai_worker.cli.output import failed
from ai_worker.foundation.errors import AiWorkerError, BadInput, Busy, Denied, Misconfigured
from ai_worker.foundation.wording import tell_error
from ai_worker.skills.tool import ToolFailed, ToolRefused

OK, PROBLEM, USAGE, UNREACHABLE, REFUSED = 0, 1, 2, 3, 4
INTERRUPTED = 130
"""What a shell expects of a command that Ctrl+C ended."""

_USAGE = (
    (r"No such command '(?P<a>.*?)'\.(?: Did you mean (?P<b>.*)\?)?", "没有这个命令：{a}。", "是不是想用 {b}？"),
    (r"No such option: (?P<a>\S+)(?: \(Possible options: (?P<b>.*)\))?", "没有这个选项：{a}。", "是不是想用 {b}？"),
    (r"Missing \w+ '(?P<a>.*?)'\.?(?P<b>)", "缺少 {a}。", ""),
    (r"Option '(?P<a>.*?)' requires an argument\.(?P<b>)", "选项 {a} 后面缺少内容。", ""),
    (r"Got unexpected extra argument\(?s?\)? \((?P<a>.*)\)(?P<b>)", "多出来的内容：{a}。", ""),
    (r"Invalid value for '(?P<a>.*?)': (?P<b>.*)", "{a} 的内容不能用。", "（{b}）"),
    (r"Missing command\.(?P<a>)(?P<b>)", "缺少命令。", ""),
)


def tell(error: AiWorkerError, language: str) -> None:
    """Print a foreseen failure to stderr: message, hint, code."""
    told = tell_error(error, language)
    failed(told.words)
    if told.detail:
        print(f"  {told.detail}", file=sys.stderr)
    if told.hint:
        print(f"  → {told.hint}", file=sys.stderr)
    print(f"  {'代码' if language == 'zh-CN' else 'code'} {error.code}", file=sys.stderr)


def tell_usage(error: typer.TyperException, language: str) -> None:
    """Print what was wrong with the command itself."""
    message = str(getattr(error, "format_message", error.__str__)())
    failed(_usage_in_chinese(message) if language == "zh-CN" else message)
    print(f"  → {_command_of(error)} --help", file=sys.stderr)
    print(f"  {'代码' if language == 'zh-CN' else 'code'} cli.usage", file=sys.stderr)


def tell_defect(error: Exception, language: str) -> None:
    """Print that something went wrong which nobody foresaw; the words of such an error may hold anything."""
    name = type(error).__name__
    failed(f"程序内部出错（{name}）。" if language == "zh-CN" else f"Something went wrong inside ({name}).")
    print(f"  → {'加上 --debug 再运行一次' if language == 'zh-CN' else 'Run it again with --debug'}", file=sys.stderr)
    print(f"  {'代码' if language == 'zh-CN' else 'code'} internal", file=sys.stderr)


def exit_code(error: AiWorkerError) -> int:
    """Return the exit code that says who has to act."""
    if isinstance(error, Misconfigured | Denied | ToolRefused):
        return REFUSED
    if isinstance(error, BadInput) or error.code == "tool.bad_arguments":
        return USAGE
    if isinstance(error, ToolFailed):  # nobody is there, or nobody lets us in
        return UNREACHABLE
    return UNREACHABLE if isinstance(error, Busy) or error.retryable else PROBLEM


def _usage_in_chinese(message: str) -> str:
    for pattern, start, end in _USAGE:
        if found := re.fullmatch(pattern, message):
            facts = {"a": found["a"], "b": (found["b"] or "").replace("'", "")}
            return start.format_map(facts) + (end.format_map(facts) if facts["b"] else "")
    return f"用法不对：{message}"


def _command_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "ai-worker"
