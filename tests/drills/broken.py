"""Copies of the package with one promise broken in the text of its source, for drills to find out."""

import shutil
from pathlib import Path

import ai_worker

NOT_DURABLE = (
    "storage/sqlite/pipeline.py",
    """        work = partial(inbound.accept, row=rows.inbound(message))
        return await self._database.write(work, deadline_s=self._database.accept_deadline_s)
""",
    """        row = rows.inbound(message)

        async def later() -> None:
            await asyncio.sleep(0.3)
            await self._database.write(partial(inbound.accept, row=row))

        self.later = [*getattr(self, "later", ()), asyncio.create_task(later())]
        return Accepted(row["turn_id"], 0, duplicate=False)
""",
)
"""Acknowledges what is in memory."""

DONE_FIRST = (
    "storage/sqlite/lane.py",
    "            connection.execute(ATTEMPT, (oldest[0], COUNTED_BY_CLAIM))\n",
    """            connection.execute(ATTEMPT, (oldest[0], COUNTED_BY_CLAIM))
            connection.execute("UPDATE inbound SET state = 'done' WHERE seq = ?", (oldest[0],))
""",
)
"""Marks a message as done when its turn begins."""

NO_DEDUP = (
    "storage/sqlite/inbound.py",
    "    if known := connection.execute(KNOWN, row).fetchone():\n",
    """    row = {**row, "message_id": row["turn_id"]}
    if known := connection.execute(KNOWN, row).fetchone():
""",
)
"""Takes a message that comes again for a new one."""

ANY_ORDER = (
    "storage/sqlite/lane.py",
    "state = 'waiting' AND owed IS NULL ORDER BY seq LIMIT 1",
    "state = 'waiting' AND owed IS NULL ORDER BY seq DESC LIMIT 1",
)
"""Answers the latest message of a conversation first."""


def broken(folder: Path, fault: tuple[str, str, str]) -> dict[str, str]:
    """Copy the package into `folder` with one fault; return the environment that makes processes use it."""
    file, right, wrong = fault
    source = Path(ai_worker.__file__).parent
    shutil.copytree(source, folder / "ai_worker", ignore=shutil.ignore_patterns("__pycache__"))
    target = folder / "ai_worker" / file
    text = target.read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{file} reads otherwise by now: plant the fault anew"
    target.write_text(text.replace(right, wrong), encoding="utf-8")
    return {"PYTHONPATH": str(folder)}
