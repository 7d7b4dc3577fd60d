"""Asking for a channel's settings at the terminal, step by step."""

import typer

from ai_worker.channels import registry
from ai_worker.channels.manifest import SetupField, SetupStep
from ai_worker.cli.channels_section import Section, shown
from ai_worker.cli.invocation import Invocation
from ai_worker.cli.output import FAINT, coloured, failed
from ai_worker.foundation.errors import Misconfigured


def ask(invocation: Invocation, section: Section, public_url: str) -> None:
    """Show every step, and ask for what it needs and nobody has given yet."""
    import sys

    guide = registry.setup_guides()[section.kind]
    name, minutes = guide.name[invocation.language], guide.minutes
    print(invocation.say(f"接入{name}，大约 {minutes} 分钟。", f"Connecting {name}: about {minutes} minutes."), end=" ")
    print(invocation.say("填完才会写入，随时可以按 Ctrl+C。", "Nothing is written before the end; Ctrl+C leaves."))
    given = set(section.values)
    taken: list[str] = []
    while step := next((one for one in section.steps if one.id not in taken), None):
        taken.append(step.id)
        print(f"\n{len(taken)}. {step.title[invocation.language]}")
        text = step.told(invocation.language, name=section.name, public_url=public_url)
        print(coloured("\n".join(f"   {line}" for line in text.splitlines()), FAINT, sys.stdout))
        _ask_step(invocation, section, step, given)
    print()


def _ask_step(invocation: Invocation, section: Section, step: SetupStep, given: set[str]) -> None:
    for field in step.fields:
        if field.name in given:
            continue
        while True:
            _ask_field(invocation, section, field)
            try:
                wrong = section.wrong(field, invocation.environ, invocation.language)
            except Misconfigured:  # it cannot be written where it stands: `write` says so
                return
            if not wrong:
                break
            failed(wrong)
            section.values.pop(field.name, None)


def _ask_field(invocation: Invocation, section: Section, field: SetupField) -> None:
    """Ask once; an empty answer keeps what is there, or leaves out what need not be given."""
    label, help_text = field.label[invocation.language], field.help[invocation.language]
    print(f"   {help_text}")
    there = section.there.get(field.name)
    if section.secret(field.name):
        hint = _secret_hint(invocation, kept=there is not None)
        answer = typer.prompt(f"? {label}{hint}", default="", show_default=False, hide_input=True)
    else:
        answer = typer.prompt(f"? {label}", default=shown(there) if there is not None else "", show_default=bool(there))
    answer = answer.strip()
    if answer and answer != shown(there if there is not None else ""):
        section.put(field.name, answer)
    elif not answer and field.required and there is None:
        failed(invocation.say("这一项要填。", "This one is needed."))
        _ask_field(invocation, section, field)


def _secret_hint(invocation: Invocation, *, kept: bool) -> str:
    if kept:
        return invocation.say("（输入不显示；留空就不改）", " (not shown; empty keeps it)")
    return invocation.say("（输入不显示；可写 env:变量名）", " (not shown; env:NAME works too)")
