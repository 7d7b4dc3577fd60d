"""A bot written with the community's Python SDK; run as a program of its own: `sdk_bot.py WS_URL BOT_ID SECRET`."""

import asyncio
import sys
from typing import Any

from wecom_aibot_sdk import WSClient  # type: ignore[import-untyped]


async def main(ws_url: str, bot_id: str, secret: str) -> None:
    client = WSClient(bot_id, secret, ws_url=ws_url)

    async def answer(frame: dict[str, Any]) -> None:
        text, stream = frame["body"]["text"]["content"], f"s-{frame['body']['msgid']}"
        await client.reply_stream(frame, stream, f"收到{text}", False, feedback={"id": "turn-1"})
        await client.reply_stream(frame, stream, f"收到{text}，完成", True)
        await client.send_message(
            frame["body"]["from"]["userid"],
            {"chat_type": 1, "msgtype": "markdown", "markdown": {"content": "另外，**今天**有会"}},
        )

    async def welcome(frame: dict[str, Any]) -> None:
        await client.reply_welcome(frame, {"msgtype": "text", "text": {"content": "您好"}})

    client.on("message.text", answer)
    client.on("event.enter_chat", welcome)
    await client.connect()
    await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
