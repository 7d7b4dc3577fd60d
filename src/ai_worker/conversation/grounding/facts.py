"""Hard facts of a text: numbers, dates, amounts, identifiers, names. They stand in the source, or are made up."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_NUMERAL = "零〇一二两三四五六七八九十百千万亿"
_UNIT = (
    r"(?:个?(?:工作日|自然日|小时|月|星期|季度)|天|日|年|周|点|分钟|分|秒|元|块|角|折|倍|成|米|厘米|毫米|公里|里|斤|公斤|千克|克|吨|升|毫升|"
    r"人民币|美元|页|岁|级|层|楼|寸|瓦|伏|度|版|期)"
)
_CHINESE = re.compile(
    rf"(?<!第)(?<![{_NUMERAL}\d])(?<!\d )(?!百分之|一(?:点|成|层|度|级|版|期|分|里|周到))([{_NUMERAL}]+)(?=\s*{_UNIT})"
)
_PERCENT = re.compile(rf"百分之([{_NUMERAL}\d.]+)")
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)*)\s*(%|万|亿|千(?!米|克|瓦|焦)|百(?!度))?")
_LISTED = re.compile(r"^\W*\d{1,2}[.、)）]\s?(?=\D)|^\W*[（(]\d{1,2}[)）]|(?<=第)\d{1,2}(?=步|点|项|条建议|种|步：)")
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*|\d+[A-Za-z][A-Za-z0-9]*")
_HAN = re.compile(r"[\u3400-\u9fff]")
_QUOTED = re.compile(r"[「『“《【]([^」』”》】]{2,30})[」』”》】]")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚"
    "卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_TITLE = "(?:先生|女士|小姐|经理|主任|老师|总监|工程师|医生|律师)"
_PERSON = re.compile(
    rf"(?:叫|找|联系人?[是为：:]?|姓名[是为：:]?|由|问)\s?([{_SURNAMES}][\u4e00-\u9fff]{{1,2}}?)"
    rf"(?={_TITLE}|处理|办理|联系|咨询|负责|[^\u4e00-\u9fff]|$)|([{_SURNAMES}][\u4e00-\u9fff]{{0,2}}){_TITLE}"
)
_ENGLISH = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "sixty": 60, "ninety": 90,
}  # fmt: skip
_SPELT = re.compile(
    rf"\b({'|'.join(_ENGLISH)})\b(?=(?:\s+(?:to|or|and)\s+\w+)?[\s-]+(?:business|working|calendar)?[\s-]*"
    r"(?:days?|weeks?|months?|years?|hours?|minutes?|percent|times|dollars|yuan))",
    re.IGNORECASE,
)
_HARMLESS = frozenset(("ok", "id", "app", "ai", "faq"))


@lru_cache(maxsize=4_096)
def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text in one form: `5,000`, `五千元` and `5 千` are `5000`; `05` is `5`.

    The number that opens an item of a list counts for nothing, and neither does zero.
    """
    plain = unicodedata.normalize("NFKC", text)
    found: set[str] = set()
    for value in _PERCENT.findall(plain):
        found.add(f"{_canonical(value if value[0].isdigit() else str(_chinese(value)))}%")
    found.update(str(_chinese(value)) for value in _CHINESE.findall(plain))
    found.update(str(_ENGLISH[value.lower()]) for value in _SPELT.findall(plain))
    for line in plain.split("\n"):
        for value, scale in _NUMBER.findall(_LISTED.sub("", line)):
            found.add(_scaled(_canonical(value.replace(",", "")), scale))
    return frozenset(found - {"0", ""})


@lru_cache(maxsize=4_096)
def tokens(text: str) -> frozenset[str]:
    """Return what is named rather than said: identifiers, foreign words among Chinese ones, quotations, people."""
    plain = unicodedata.normalize("NFKC", text)
    chinese = _HAN.search(plain) is not None
    found = {
        word.casefold()
        for at, word in ((match.start(), match[0]) for match in _LATIN.finditer(plain))
        if chinese or _stands_out(word, opens=not plain[:at].strip("\"'([ \t-*#"))
    }
    found.update("".join(name.casefold().split()) for name in _QUOTED.findall(plain))
    found.update(one or other for one, other in _PERSON.findall(plain))
    return frozenset(word for word in found if len(word) > 1 and word not in _HARMLESS)


def squashed(texts: Iterable[str]) -> str:
    """Return texts as one, without spaces and case, for tokens to be looked up in."""
    return "\n".join("".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)


def _stands_out(word: str, *, opens: bool) -> bool:
    """Return whether an English word is a name: digits in it, all capitals, or a capital in mid-sentence."""
    if any(character.isdigit() or character in "_." for character in word) or (word.isupper() and len(word) > 1):
        return True
    return not opens and word[0].isupper() and len(word) > 1


def _canonical(value: str) -> str:
    if value.count(".") > 1:
        return value
    whole, _, part = value.partition(".")
    part = part.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{part}" if part else whole.lstrip("0") or "0"


def _scaled(value: str, scale: str) -> str:
    if scale == "%":
        return f"{value}%"
    if not scale or value.count(".") > 1:
        return value
    return _canonical(f"{float(value) * _SCALES[scale]:f}")


def _chinese(value: str) -> int:
    """Return the number that a Chinese numeral writes: `一百二十` is 120, `二〇二六` is 2026."""
    if not any(character in _SCALES for character in value):
        return int("".join(str(_DIGITS[character]) for character in value))
    total = section = digit = 0
    for character in value:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif (scale := _SCALES[character]) >= _SCALES["万"]:
            total, section, digit = (total + section + digit) * scale, 0, 0
        else:
            section, digit = section + (digit or 1) * scale, 0
    return total + section + digit
