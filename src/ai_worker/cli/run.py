"""`ai-worker run`: the service, in the foreground."""

import asyncio
import sys
from typing import Annotated, Literal

import structlog
import typer

from ai_worker.cli.invocation import Invocation, both
from ai_worker.foundation.errors import AiWorkerError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "run",
        help=both(
            "启动服务：API（18789）和控制台（8080），在前台运行；收到 SIGTERM 后最多 30 秒收尾",
            "Serve the API (18789) and the console (8080) in the foreground; SIGTERM drains for at most 30 s",
        ),
    )(run)


def run(
    context: typer.Context,
    role: Annotated[
        Literal["api", "runner", "console"] | None,
        typer.Option(
            "--role",
            metavar="api|runner|console",
            help=both(
                "只运行一部分，别的部分由同一个数据库上的其他进程运行",
                "Run one part alone; other processes on the same database run the others",
            ),
        ),
    ] = None,
) -> None:
    """Serve until the process is told to stop."""
    import uvloop

    from ai_worker.app import serve
    from ai_worker.cli.logging import set_up_logging

    invocation = Invocation.of(context)
    settings = invocation.settings()
    set_up_logging("DEBUG" if invocation.debug else settings.log_level, as_json=not sys.stderr.isatty())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, role=role))
    except AiWorkerError:
        raise
    except Exception:  # a service's defect belongs into its log, traceback and all
        structlog.get_logger(__name__).critical("app.crashed", exc_info=True)
        raise
