"""Which groups are answered."""

from ai_worker.channels.wecom.settings import WecomBotSettings


def answers(settings: WecomBotSettings, chat: str) -> bool:
    """Return whether a message is to be received: always from a private chat (`chat` empty).

    The platform passes on from groups only what mentions the bot, so that "mentioned" and "all" are the same.
    """
    if not chat:
        return True
    group = settings.groups.get(chat)
    return (group.answer if group is not None else settings.group_answer) != "never"
