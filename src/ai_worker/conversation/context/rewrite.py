"""Rewrite: put back into a message what it points at or leaves out, by rules over words and their kinds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms

NOUNS = frozenset(("n", "nr", "nrt", "nrfg", "ns", "nt", "nz", "eng", "l", "i", "b", "j", "vn", "an", "nw"))
"""Kinds of words that name something."""

PROPER = frozenset(("nr", "nrt", "nrfg", "ns", "nt", "nz", "eng"))
INSIDE = frozenset(("uj", "m", "a", "x", "zg", "g", "q", "ng", "f", "s", "v", "p", "c"))
"""Kinds that may stand between the words of one name."""

LONGEST = 14
_JOINING = frozenset("的和与跟")

_EMPTY_WORDS = """
人 时候 东西 事 事情 意思 问题 话 样子 感觉 大家 朋友 地方 时间 名字 样 原因 办法 情况 是不是 有点 好多 一点 天气 内容
图片 照片 消息 主人 亲 宝宝 小姐姐
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
"""Nouns that a message is hardly ever about."""

_OPENING = re.compile(
    r"^(?:请问|那么?|诶|哎|嗯|唉|哦|啊|哈+|对了|不过|可是|但是|所以|因为|然后|其实|就是|你|您|我|他|她|咱们?|们|还|也|都|最|超|很|太|真|好|"
    r"知道|知不知道|认识|认不认识|喜欢|喜不喜欢|爱|讨厌|看过|听过|玩过|吃过|去过|听说过|听说|了解|记得|觉得|认为|想|要|会|能|可以|给|帮|跟|"
    r"推荐|介绍|讲讲|讲|说说|说|聊聊|聊|谈谈|搜索|搜|查查|查|找|来|唱|放|播放|玩|看看|看|听听|听|读|去|吃|喝|买|用|梦见|梦到|有没有|有|是|"
    r"关于|一下|一首|一本|一部|一个|一张|首|本|部|个|过|了|吗)+"
)
_ENDING = re.compile(
    r"(?:吗|么|嘛|呢|吧|啊|呀|哦|呗|了|不|没|没有|的|是谁|是什么|是啥|是哪里|是什么样的|什么意思|怎么样|咋样|如何|怎样|好不好|好不好看|好看|"
    r"好听|好吃|好玩|怎么走|怎么去|怎么做|怎么弄|怎么办|多少钱|哪里|在哪|有什么|里面|上面|知道|认识|看过|真|很|太|最|超|帅|棒|美|可爱|可以|"
    r"你|我|他|她|它|是|有|喜欢|演的|唱的|写的)+$"
)
_PERSON = re.compile(r"他们|她们|他俩|她俩|他(?!人)|她")
_THING = re.compile(
    r"它们|它|这(?:个|本(?!来|身|人)|部|首|部电影|首歌|家店|款|种|东西|货|玩意儿?)(?!人|问题|时候|样|么)|那(?:个|本书|部电影|首歌|款|种|东西|玩意儿?)(?!人|问题|时候|样|么)"
)
_KIND = re.compile(
    r"游戏|电视剧|电影|片子|歌|歌曲|书|小说|剧|动漫|动画|明星|歌手|演员|人物|角色|城市|星座|产品|软件|节目|综艺|组合|手机|牌子"
)
_PLACE = re.compile(r"这里|那里|这儿|那儿|那边|这边|这个地方|那个地方")
_BARE = re.compile(r"^这(?=游戏|电视剧|电影|歌|书|小说|剧|软件|节目)|^那(?=是|就|有|不|也|好|会|要|可)|^这(?=是|不|也)")
_LEADS = re.compile(
    r"^(?:那么?|可是|但是|不过|所以|因为|然后|其实|而且|原来|好的(?=[^人东])|嗯|哦|哈+|对|是的|我(?:也|就|还|都)?(?:觉得|认为|感觉|知道|以为)|"
    r"你(?:也|就|还|都)?(?:觉得|认为|感觉|知道|说)|为什么|为啥|怎么会|难道|[，,\s])+"
)
_TAKES = re.compile(
    r"(?<![好难不])(喜欢|知道|认识|看过|听过|玩过|吃过|去过|用过|见过|听说过|看|听|玩|吃|喝|买|去|爱|讨厌|会|要|想要|想去|想看|想听|想吃|想玩|了解|相信|支持|"
    r"需要|推荐|介绍|唱|学|做|懂|想|羡慕|恨|记得|忘了|找|追|养|参加|加入|认得|觉得)(?:过|了)?(吗|么|嘛|呢|吧|啊|呀|哦|了|呗|不|没|没有|一下)*$"
)


_SPEAKER = re.compile(r"(?:我们?|你们?|您|咱们?|大家)(?!是)")
_HAS = re.compile(r"(?:我|你|您|你们)(?:还|都|也)?(?:有没有|有|没有)(?=[^了过吗么呢吧啊点]{2})")
_INSIDE = re.compile(r"里面|里头|里边|当中|其中")
_PART = re.compile(
    r"(?:^|发|给|来|看|找|搜|要|求|有)(?:我|你)?(?:一)?(?:个|张|下|点|几张|几个)?(?=(?:链接|图片|照片|视频|截图|号码|地址|网址|名字|简介)[吗么呢吧啊看我]*$)"
)
_DEED = re.compile(r"(?:我们?|你们?|您|咱们?|还|就|都|也|再|多|不|没|没有|别|可以|能|想|会|要|快|先|那|请|帮我|给我)*$")
_ASKS_WHICH = re.compile(r"((?:最)?(?:喜欢|爱|看过|听过|想看|想听|知道|看|听|玩|吃))(?=哪|什么|几)")


@dataclass(frozen=True, slots=True)
class _Topic:
    text: str
    worth: float
    person: bool
    place: bool


def rewrite(history: Sequence[str], text: str) -> str:
    """Return `text` with what it points at, or leaves out, taken from the utterances before it.

    Args:
        history: The latest utterances, oldest first; two are enough.
        text: The message. It comes back as it is where nothing tells what is meant.
    """
    topics = sorted(_topics(history, text), key=lambda topic: -topic.worth)
    if not topics:
        return text
    return _pointed(text, topics) or _left_out(text, topics[0].text)


def points(text: str) -> bool:
    """Return whether a message points at something with a pronoun."""
    return any(pattern.search(text) for pattern in (_PERSON, _PLACE, _THING, _BARE))


def _topics(history: Sequence[str], text: str) -> Iterator[_Topic]:
    """Yield what the utterances before may have been about, with how likely each is."""
    last = len(history) - 1
    for at, utterance in enumerate(history):
        words = terms.tagged(utterance)
        chunks = dict.fromkeys(_chunks(words), 1.0)
        if (twice := _said_twice(utterance, [*history[:at], *history[at + 1 :]])) is not None:
            chunks[twice] = chunks.get(twice, 0.0) + 1.0
        bare = utterance.strip(" ?？!！。，,")
        residue = _ENDING.sub("", _OPENING.sub("", bare)).removeprefix("的")
        if 2 <= len(residue) <= LONGEST and " " not in residue:
            acts = any(tag[0] in "vrd" and word in residue for word, tag in words)
            framed = residue != bare
            chunks[residue] = chunks.get(residue, 0.0) + (0.0 if acts and not framed else 0.6 if acts else 1.5)
        for chunk, worth in chunks.items():
            if chunk in text or chunk in _EMPTY or len(chunk) < 2:
                continue
            kinds = {tag for word, tag in words if word in chunk}
            elsewhere = any(chunk in other for place, other in enumerate(history) if place != at)
            yield _Topic(
                chunk,
                worth + 1.0 * elsewhere + 0.8 * bool(kinds & PROPER) + 0.5 * (at < last) - 0.02 * len(chunk),
                bool(kinds & {"nr", "nrt", "nrfg"}),
                "ns" in kinds,
            )


def _chunks(words: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the stretches of nouns, those that `的` or `和` joins as one."""
    run = ""
    for place, (word, tag) in enumerate([*words, ("", "w")]):
        following = words[place + 1][1] if place + 1 < len(words) else ""
        if (tag in NOUNS and word not in _EMPTY) or (run and word in _JOINING and following in NOUNS):
            run += word
        else:
            if len(run) <= LONGEST:
                yield run
            run = ""


def _said_twice(utterance: str, others: Sequence[str]) -> str | None:
    """Return the longest stretch that another utterance has, too, if it looks like a name."""
    best = ""
    for other in others:
        for start in range(len(utterance)):
            while start + len(best) < len(utterance) and utterance[start : start + len(best) + 1] in other:
                best = utterance[start : start + len(best) + 1]
    found = _ENDING.sub("", _OPENING.sub("", best.strip())).removeprefix("的")
    return found if 2 <= len(found) <= LONGEST and any(tag in NOUNS for _, tag in terms.tagged(found)) else None


def _pointed(text: str, topics: Sequence[_Topic]) -> str:
    """Return `text` with a pronoun replaced; empty if it has none."""
    for pattern, fits in ((_PERSON, "person"), (_PLACE, "place"), (_THING, ""), (_BARE, "")):
        if found := pattern.search(text):
            suited = [topic for topic in topics if fits and getattr(topic, fits)]
            best = max(suited or topics, key=lambda topic: topic.worth + (1.0 if topic in suited else 0.0))
            after = text[found.end() :]
            if pattern in (_THING, _BARE) and (kind := _KIND.match(after)) and kind[0] not in best.text:
                after = after[kind.end() :]
            again = next((size for size in (4, 3, 2) if best.text.endswith(after[:size]) and len(after) > size), 0)
            after = after[again:]
            owns = pattern is _PERSON and _begins_with_noun(after)
            return text[: found.start()] + best.text + ("的" if owns else "") + after
    return ""


def _begins_with_noun(text: str) -> bool:
    words = terms.tagged(fold(text))
    return bool(words) and words[0][1] == "n" and len(words[0][0]) > 1


def _left_out(text: str, topic: str) -> str:
    """Return `text` with the topic where a subject or an object is missing."""
    at, owns = _gap(text)
    return text[:at] + topic + ("的" if owns else "") + text[at:]


def _gap(text: str) -> tuple[int, bool]:
    """Return where the topic is missing, and whether as the owner of what comes next."""
    if found := _INSIDE.search(text):
        return found.start(), False
    if found := _PART.search(text):
        return found.end(), True
    if (found := _TAKES.search(text)) and not text.startswith("比"):
        return (found.start(2) if found[2] else found.end()), False
    if found := _HAS.match(text):
        return found.end(), False
    if found := _ASKS_WHICH.search(text):
        return found.end(1), False
    body = text.rstrip("吗么嘛呢吧啊呀哦了呗?？! ")
    if _ends_in_deed(body):
        return len(body), False
    leads = _LEADS.match(text)
    return (leads.end() if leads else 0), False


def _ends_in_deed(text: str) -> bool:
    """Return whether a text is a verb that wants its object, with no more before it than who does it and how."""
    words = terms.tagged(text)
    while len(words) > 1 and (words[-1][1] in ("m", "q", "mq") or words[-1][0] in ("一下", "过", "懂", "到")):
        words = words[:-1]
    if not words or words[-1][1] != "v" or words[-1][0][0] in "好难是有":
        return False
    return _DEED.match("".join(word for word, _ in words[:-1])) is not None
