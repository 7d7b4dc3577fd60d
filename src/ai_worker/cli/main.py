"""The command `ai-worker`: answers `version` at once, and leaves everything else to `program`."""

import os
import sys

GLOBAL_WITH_VALUE = ("--config", "--lang")
GLOBAL_FLAGS = ("--debug",)


def main() -> None:
    """Run the command line on the process's own arguments, and end the process."""
    arguments = hoisted(sys.argv[1:])
    if words := _only_version(arguments):
        from ai_worker.cli.version import show

        show(as_json="--json" in words)
        return
    from ai_worker.cli.program import execute

    sys.exit(execute(arguments, os.environ))


def hoisted(arguments: list[str]) -> list[str]:
    """Return `arguments` with the options that every command takes first, in their order.

    So `--config FILE` works before and after the command. What follows `--` stays where it is.
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for word in waiting:
        if word == "--":
            return [*front, *rest, word, *waiting]
        if word in GLOBAL_WITH_VALUE:
            front += [word, *[value for value in [next(waiting, None)] if value is not None]]
        elif word in GLOBAL_FLAGS or word.startswith(tuple(f"{name}=" for name in GLOBAL_WITH_VALUE)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _only_version(arguments: list[str]) -> list[str] | None:
    """Return the words of a plain `version` call, which needs none of the machinery; else `None`."""
    if not set(arguments).isdisjoint(GLOBAL_WITH_VALUE):
        return None
    words = [word for word in arguments if word not in GLOBAL_FLAGS]
    return words if words in (["version"], ["version", "--json"]) else None
