"""The scripted model as a process of its own, so that a drill's clock is not held up by the model's work."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ai_worker.drills.site import SiteFailed
from ai_worker.drills.ways import echo
from ai_worker.llm.scripted import ScriptedModel

START_S = 20.0


@asynccontextmanager
async def model_process(*, delay_s: float) -> AsyncIterator[str]:
    """Run the model until the block ends; yield its `base_url`.

    Raises:
        SiteFailed: It did not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(delay_s)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        base_url = (await asyncio.wait_for(process.stdout.readline(), START_S)).decode().strip()
        if not base_url:
            raise SiteFailed("the scripted model did not start")
        yield base_url
    finally:
        process.stdin.close()  # it lives as long as its input, however this process ends
        await process.wait()


async def _serve(delay_s: float) -> None:
    async with ScriptedModel(echo, delay_s=delay_s) as model:
        sys.stdout.write(f"{model.base_url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(float(sys.argv[1])))
