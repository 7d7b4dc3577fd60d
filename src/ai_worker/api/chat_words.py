"""The words of the web chat page, in both languages."""

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {
        "title": "与{name}对话",
        "role": "AI 数字员工",
        "placeholder": "写下你的问题",
        "send": "发送",
        "hint": "Enter 发送，Shift + Enter 换行",
        "hello": "你好，我是{name}。有什么可以帮你？",
        "offline": "连接断开，正在重新连接。你写的内容会自动补发。",
        "sending": "发送中",
        "waiting": "等待补发",
        "failed": "这条消息没能处理好，请换个说法再发一次。",
        "too_long": "这条消息太长，请分几次发送。",
        "refused": "这条消息没有被接受，请修改后再发。",
        "typing": "正在输入",
        "source": "依据",
        "person": "人工",
        "rate": "这个回答有帮助吗",
        "up": "有帮助",
        "down": "没帮助",
        "rated": "谢谢，记下了",
        "not_rated": "没有记下，请再点一次",
        "you": "你",
        "moved": "这个网址还没有被允许使用对话。请管理员把它写进这个渠道的 allowed_origins 设置。",
        "script": "对话需要启用 JavaScript。",
        "log": "对话内容",
        "attach": "添加图片或文件",
        "remove": "去掉",
        "bringing": "上传中",
        "file_too_large": "超过 10 MB，发不了。",
        "file_kind": "不能发这种文件。可以发图片、PDF、Office 文档、CSV、TXT、ZIP 等。",
        "file_failed": "没有传上去，请过一会儿再试。",
    },
    "en": {
        "title": "Chat with {name}",
        "role": "AI worker",
        "placeholder": "Write your question",
        "send": "Send",
        "hint": "Enter sends, Shift + Enter starts a new line",
        "hello": "Hello, I am {name}. How can I help?",
        "offline": "Not connected, reconnecting. What you write is sent as soon as possible.",
        "sending": "Sending",
        "waiting": "Waiting to be sent",
        "failed": "This message could not be answered. Please say it another way.",
        "too_long": "This message is too long. Please send it in several pieces.",
        "refused": "This message was not accepted. Please change it and send it again.",
        "typing": "is typing",
        "source": "Source",
        "person": "person",
        "rate": "Did this answer help?",
        "up": "Helpful",
        "down": "Not helpful",
        "rated": "Thank you, noted",
        "not_rated": "Not noted, please press again",
        "you": "You",
        "moved": "The chat may not be used under this address. An administrator can add it to the channel's "
        "allowed_origins setting.",
        "script": "The chat needs JavaScript.",
        "log": "Conversation",
        "attach": "Add pictures or files",
        "remove": "Remove",
        "bringing": "Uploading",
        "file_too_large": "Larger than 10 MB: it cannot be sent.",
        "file_kind": "Files of this kind cannot be sent. Pictures, PDF, Office documents, CSV, TXT and ZIP can.",
        "file_failed": "It was not uploaded. Please try again in a while.",
    },
}


def language_of(accept: str) -> str:
    """Return the language of `WORDS` that an `Accept-Language` header likes best; Chinese if it names neither."""
    liked: list[tuple[float, str]] = []
    for part in accept.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        language = {"zh": "zh-CN", "en": "en"}.get(tag.strip().lower()[:2])
        if language:
            liked.append((_weight(weight), language))
    return max(liked, key=lambda each: each[0], default=(0.0, "zh-CN"))[1]


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
