"""A bot of the community's Python SDK that sends every file back: `sdk_bot_files.py WS_URL BOT_ID SECRET`."""

import asyncio
import sys
from typing import Any

from wecom_aibot_sdk import WSClient  # type: ignore[import-untyped]


async def main(ws_url: str, bot_id: str, secret: str) -> None:
    client = WSClient(bot_id, secret, ws_url=ws_url)

    async def echo(frame: dict[str, Any]) -> None:
        kind = frame["body"]["msgtype"]
        told = frame["body"][kind]
        found = await client.download_file(told["url"], told["aeskey"])
        done = await client.upload_media(found["buffer"], type=kind, filename=found["filename"])
        await client.send_media_message(frame["body"]["from"]["userid"], kind, done["media_id"])

    client.on("message.image", echo)
    client.on("message.file", echo)
    await client.connect()
    await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
