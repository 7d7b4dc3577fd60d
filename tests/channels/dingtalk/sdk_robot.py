"""A robot as users of the official SDK write it, in a process of its own: `python sdk_robot.py`.

It answers texts in Markdown, sends an AI card for the word 卡片, and answers pressed buttons. The SDK
reads where the platform is from the environment when it is imported.
"""

import asyncio
import os
from typing import Any

import dingtalk_stream
from dingtalk_stream import AckMessage, AICardReplier, CallbackMessage, ChatbotMessage
from dingtalk_stream.card_callback import Card_Callback_Router_Topic, CardCallbackMessage


class Robot(dingtalk_stream.ChatbotHandler):  # type: ignore[misc]
    async def process(self, callback: CallbackMessage) -> tuple[int, str]:
        message = ChatbotMessage.from_dict(callback.data)
        text = message.text.content.strip()
        if text == "卡片":
            replier = AICardReplier(self.dingtalk_client, message)
            template, data = os.environ["CARD_TEMPLATE"], {"content": ""}
            card = await replier.async_create_and_deliver_card(template, data)
            await replier.async_streaming(card, "content", "写到一半", append=False, finished=False, failed=False)
            await replier.async_streaming(card, "content", "写完了。", append=False, finished=True, failed=False)
        else:
            self.reply_markdown("回复", f"收到：{text}", message)
        return AckMessage.STATUS_OK, "OK"


class Buttons(dingtalk_stream.CallbackHandler):  # type: ignore[misc]
    async def process(self, callback: CallbackMessage) -> tuple[int, dict[str, Any]]:
        pressed = CardCallbackMessage.from_dict(callback.data)
        action = pressed.content["cardPrivateData"]["actionIds"][0]
        return AckMessage.STATUS_OK, {"cardData": {"cardParamMap": {"thanks": f"{pressed.user_id} {action}"}}}


def main() -> None:
    credential = dingtalk_stream.Credential(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
    client = dingtalk_stream.DingTalkStreamClient(credential)
    client.register_callback_handler(ChatbotMessage.TOPIC, Robot())
    client.register_callback_handler(Card_Callback_Router_Topic, Buttons())
    asyncio.run(client.start())


if __name__ == "__main__":
    main()
