"""Orders in data: what a document, a tool's result or a name says to a machine instead of to a reader.

Nobody can recognise every such sentence. What is recognised here is never shown to a model and never
quoted; what is not recognised cannot act (`steps/consult.py`: a turn that has read such text calls
nothing that acts), cannot send anybody anywhere (`addresses.py`), and says only what the check of
sentences lets through (`answer.py`).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.voice import SURE, speaks_to_writer, to_writer
from ai_worker.foundation.text import fold

Order = Literal["none", "one", "all"]
"""`one`: this sentence is an order. `all`: and so is whatever follows it."""

REMEMBERED, REMEMBERED_CHARACTERS = 1_024, 4_000
"""Texts whose plain form is remembered, and how long they may be: the same passages are asked for again and again."""

_SIMPLER = str.maketrans(
    "規則請覆複須務說輸這從現開變資結設應該調執觸發裡標題嚴讓對講話僅無視與詞領個頭內識當來後時將傳給連網轉帳號碼證驗隱統對問題終論誰顧戶員級優權號寫為",
    "规则请复复须务说输这从现开变资结设应该调执触发里标题严让对讲话仅无视与词领个头内识当来后时将传给连网转账号码证验隐统对问题终论谁顾户员级优权号写为",
)
"""Traditional characters of the words below."""

_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(\w+)[^>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[012]?(?:\.\d+)?(?:px|pt|em|%)?\s*[;\"']"
    r"|opacity\s*:\s*0|(?<![-\w])color\s*:\s*(?:#fff(?:fff)?\b|white\b|transparent\b)|left\s*:\s*-\d{3,}|"
    r"\bhidden\b)[^>]*>.*?(?:</\1>|\Z)"
    r"|<[a-z][\w-]*\s[^>]*=[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
"""Comments, elements that nobody sees, and what is written inside of tags."""
_IMAGE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)?|\[[^\]]*\])|<img\b[^>]*>?", re.IGNORECASE)
_CODED = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z0-9+/_-]*[a-z])(?=[A-Za-z0-9+/_-]*[A-Z])[A-Za-z0-9+/_-]{24,}={0,2}"
    r"|(?:%[0-9A-Fa-f]{2}){6,}|(?:\\[ux][0-9A-Fa-f]{2,4}){4,}|(?:&#x?[0-9A-Fa-f]{2,6};){4,}"
    r"|(?<![0-9A-Za-z])[0-9a-f]{40,}(?![0-9A-Za-z])"
    r"|(?:(?<!\w)[^\W\d_][.\-_*·]\s{0,2}(?:[^\W\d_]\s{2})?){5,}[^\n]*"
)
"""Text in a code that people do not read and models do: base64, percent and character escapes, hex, spelt out."""

_MARKS = (
    r"<\|[^|>]{0,40}\|?>",
    r"\[/?(?:inst|sys|system|assistant)\]|<</?sys>>",
    r"</?(?:system|assistant|developer|instructions?|prompt|material|tool_calls?|function_calls?|tool_result)\b",
    r"\"(?:tool_calls?|function(?:_call)?|arguments|tool)\"\s*:",
)
"""What a talk with a model is marked by: roles, the end of the data, calls. No document needs any."""

_MARK = re.compile("|".join(_MARKS))
_ALL = re.compile(
    "|".join(
        (
            *_MARKS,
            r"(?:^|\n)\W*(?:system|assistant|developer|系统提示|系统消息|系统指令|系统通知|系统管理员)\W{0,4}[:：]",
            r"(?:end|begin|start) of (?:the )?(?:document|material|context|prompt|system|data|instructions?)\b",
            r"(?:资料|文档|材料|上下文|数据|附件)(?:内容)?(?:到此|至此|已经?)?(?:结束|完毕)",
            # the rules are void
            r"(?:忽略|无视|忘记|忘掉|忽视|抛开|不再?(?:理会|遵守|遵循)|覆盖|绕过|解除|停止遵守)(?:掉)?"
            r"(?:.{0,4}(?:以上|之前|前面|上面|先前|上述|此前|原有|原来|其他|你的|系统|平时).{0,10}|(?:所有|一切|任何|全部|这些|那些)?的?)"
            r"(?:规则|指令|指示|提示|设定|要求|限制|约束|身份|内容|资料|规定|的话)",
            r"\b(?:ignore|disregard|forget|override|bypass|discard)\b(?: (?:all|any|the|of|your|everything|these|"
            r"those|my|and))*"
            r"(?: (?:previous|prior|above|earlier|system|safety|other|original|preceding|foregoing))*"
            r" (?:instruction|rule|prompt|direction|guideline|context|constraint|polic|above|previous|prior|"
            r"everything)",
            r"\bforget (?:everything|all|what)\b|\binstead of answering\b|\bsystem override\b|\breveal (?:all|"
            r"your|the (?:system|prompt))",
            r"(?:无视|忽略)(?:你的)?(?:知识库|资料|文档)|你的任务(?:不再|现在|只)|从下一[句个条]|以[“「『\"].{1,20}[”」』\"](?:开场|开头|结尾|收尾|自称)"
            r"|(?:不管|无论|不论|凡是?|甭管).{0,8}(?:问|说|谁|什么).{0,10}(?:答|说|回)|真实的?(?:问题|需求|意图)是",
            r"(?:新的?|最新的?|真正的?|紧急|更高|最高|隐藏|管理员|系统|开发者|内部)(?:优先级)?的?(?:系统|最新)?(?:指令|指示|提示词)(?!集)",
            r"\b(?:new|updated|real|actual|urgent|hidden|secret|admin|developer|system|override)\s+"
            r"(?:system\s+)?(?:instruction|directive|command|prompt)",
            # somebody else from now on
            r"你(?:现在|已经|不再|从此|其实)(?:是|变成|成为)|(?:现在|从此|此刻)(?:开始|起)?[，,]?你(?:是|叫|要|将|只|必须|不再)|(?:你|请|来|"
            r"要).{0,6}(?:扮演|假装|角色扮演)|越狱|不受(?:任何)?(?:限制|约束)",
            r"\byou are (?:now|no longer (?:an?|bound|limited|restricted|the))\b|\bfrom now on\b|(?:^|[.!?]\s+|"
            r"\byou (?:must |should |will |shall )?|\bplease )(?:act as|pretend)\b|\bfrom here on\b|\brole-?play|"
            r"\bjailbreak|\bdan mode\b|\bdo anything now\b",
            # what the reply is to be
            r"(?:回复|回答|答复|回应|输出|应答|答案|回话)(?:的?(?:内容|开头|末尾|结尾|最后|第一句|正文|时|中|里|都|前|后))*.{0,8}"
            r"(?:必须|务必|一定要|只能|只需|只许|都要|一律|统一|需要?|应当|应该|请|要).{0,6}"
            r"(?:包含|包括|加|附|带|写|含有|以|是|为|说|使用|插入|放|输出|回复|回答|改|称|出现|提到|推荐)",
            r"在.{0,8}(?:回答|回复|答复|答案|输出|应答)(?:的)?(?:中|里|时|前|后|末尾|结尾|开头|最后|末|下).{0,8}"
            r"(?:加|写|附|带|插|包含|注明|放|说|用|贴|输出|提到|推荐)",
            r"\b(?:respond|reply|answer|output|say|print|repeat)\b\s*(?:only|exactly|verbatim|with|nothing|"
            r"as follows|[:\"'“])",
            r"\b(?:your|every|each|all|any|the) (?:next |final |future )?(?:reply|replies|response|answer|"
            r"output)s?\b.{0,30}"
            r"\b(?:must|should|shall|has to|have to|needs?|contain|include|end|start|begin|be|is|are)\b",
            r"\b(?:in|into|to|of|at) (?:the (?:end|beginning|start|top|bottom) of )?(?:your|every|each|all|any) "
            r"(?:next |final )?(?:reply|replies|response|answer|output|message)",
            r"(?:对|向)(?:任何|所有|每个?|一切|全部).{0,8}(?:回答|回复|答复|说|输出)",
            r"你的(?:回复|回答|答复|输出|答案)|(?:实际|正确)的?(?:回答|回复|答复)|(?:先别|不要|别|停止|拒绝|暂不)(?:再)?(?:回答|回复|作答)",
            r"从(?:此|今|现在|此刻)(?:刻)?(?:起|开始).{0,16}(?:说成|回答|回复|称|答)|以.{1,12}(?:回复|回答|作答)(?:所有|全部|一切|任何)",
            r"把(?:下面|以下|上面|下列)(?:这|的)?(?:句|段|几|一)|(?:^|[。\n])\W*你是(?:一[个名位]|个)",
            r"\b(?:disregard|ignore|skip)\b (?:the|this|that|any)? ?(?:question|user|customer)|\bignore that\b",
            r"\b(?:reply|respond|answer) (?:in|as|like) |\bwhen (?:summari[sz]ing|answering|responding|replying)\b",
            r"\bsystem (?:note|message|notice)\b|\b(?:human|user)\s*[:：].*\b(?:assistant|ai)\s*[:：]",
            r"用户[:：].*助手[:：]",
            r"(?:管理员|系统|上级)已?授权.{0,4}[:：，,]?.{0,4}(?:展示|公开|提供|输出|查看)|任何问题都可以回答",
            # the prompt itself
            r"系统提示(?:词|[:：])|提示词|(?:你|您)的(?:指令|规则|设定|初始|系统|角色|密钥)|初始指令",
            r"\bsystem prompt|\byour (?:(?:initial|original|system|hidden|secret) )?(?:instructions|prompt|rules|"
            r"guidelines)",
        )
    )
)
_ONE = re.compile(
    "|".join(
        (
            r"(?:\bai\b|人工智能|语言模型|大模型|聊天机器人|客服机器人|问答机器人|智能助手|智能客服|数字员工|ai助手|助理|小助手).{0,20}"
            r"(?:必须|务必|应当|应该|请|需要|不要|不得|禁止|注意|切记|要|看到|读到)",
            r"(?:致|告|写给|给)(?:\bai\b|人工智能|模型|助手|机器人|数字员工)",
            r"\b(?:ai|assistant|chatbot|language model|llm|gpt|the model|bot)\b.{0,30}"
            r"\b(?:must|should|shall|please|note|always|never|needs? to|has to|have to|reading|read)\b",
            r"(?:调用|触发|\bcall|\binvoke|\btrigger)\b\W{0,3}.{0,16}?(?:工具|\btools?\b)",
            r"(?:回答|回复|答复|输出|应答|(?:请|要|就|必须|应|只能|并|会|时|都|是)说|声称|承诺)\W{0,3}[“「『\"'‘]|(?:回答|回复|答复|应答)(?:的)?(?:时|中|"
            r"里|前|后|之前|之后)",
            r"(?:必须|务必|请|一定要|只能|只|立即|马上|直接|现在|严格).{0,8}(?:回复|回答|答复|复述|说出|照念|照抄|(?:输出|打印|重复)(?:以下|如下|下面|这|[“「『\"]))",
            r"(?:告诉|告知|转告|引导|诱导|要求|通知|提醒|建议|推荐)(?:给)?(?:所有)?(?:的)?(?:用户|客户|顾客|对方|提问者|提问的人|来访者|他们|他|她|大家)",
            r"(?:当|如果|若|只要|凡是?|无论|不管|每当|一旦).{0,14}(?:用户|客户(?!端)|顾客|有人|提问|问到|问起|询问).{0,20}"
            r"(?:回复|回答|告诉|告知|说|推荐|引导|发送|输出|附上|提供)",
            r"\b(?:tell|inform|instruct|advise|direct|recommend|urge)\s+(?:the |every |all |any )?"
            r"(?:user|customer|client|reader|visitor|person|them|him|her)",
            r"\b(?:when|if|whenever)\b.{0,30}\basks?\b.{0,40}\b(?:say|tell|reply|respond|answer|recommend|send|"
            r"call|give)",
            r"(?:不要|别|切勿|不得|不许|禁止|无需)(?:告诉|告知|让|向|透露|提及)",
            r"\b(?:do not|don't|never) (?:tell|mention|reveal|inform|disclose|say)\b",
            r"\b(?:must|always)\b.{0,12}\b(?:include|append|insert|contain|embed)\b|^\W*(?:embed|"
            r"append|insert)\b",
            r"\bbase64\b|\brot13\b|解码后|译码|\bdecode\b|开发者模式|\bdeveloper mode\b|\bdebug mode\b",
            r"(?:把|将).{0,24}(?:发送|发|提交|上传|传|转发|附)(?:到|给|至|在).{0,12}(?:http|www|邮箱|网址|服务器|链接|@)",
            r"\b(?:send|post|forward|upload|exfiltrate|leak)\b.{0,40}(?:http|www\.|@|\bserver\b|\bwebhook\b)",
            r"优先级最高|最高优先级|\bhighest priority\b|\btop priority\b",
            r"(?:回答|回复|句话?|消息).{0,10}(?:以|用).{0,12}(?:结尾|开头|收尾)|(?:以|用).{0,10}(?:口吻|语气|身份)(?:来|去)?(?:回复|回答|说)",
        )
    )
)
_MACHINE = (
    r"\bai\b(?!技术|平台|芯片|框架|训练|处理器)|语言模型|大模型|模型(?=[，,]?(?:请|须|必须|应|要))|智能体|(?:聊天|客服|问答)机器人|机器人可见|"
    r"智能助手|智能客服|数字员工|小助手|助手(?=[，,：:]?(?:请|须|必须|应|要|收到|在))|"
    r"\bai (?:assistant|agent)s?\b|\bchatbots?\b|\blanguage models?\b|\bllms?\b|\bchatgpt\b|\bcopilot\b|"
    r"\b(?:support |chat )bots?\b|"
    r"\bthe assistant\b|\bassistants? (?:must|should|has|to)\b"
)
_REPLY = (
    r"回答|回复|答复|作答|改答|重复|开场|报价|答案|应答|输出|都答|只答|就答|口吻|语气|自称|称呼|叫用户|对(?:用户|客户|提问者|对方)说|"
    r"\brepl(?:y|ies)\b|\brespon(?:d|ses?)\b|\banswer(?:s|ing)?\b|\boutput|\bmention\b|\bsay\b|\bspeak\b|"
    r"\bend with\b|\bapologi[sz]e|\bshare\b|\boffer\b|\bsummari[sz]|\bthe conversation\b"
)
_DEMAND = (
    r"必须|务必|须|若|均|一律|全部|总是|永远|以后都|请|要(?!求|是|点|闻|素)|应当|应该|需要|只能|立即|照做|生效|"
    r"\bmust\b|\bshould\b|\bshall\b|\balways\b|\bnever\b|\bplease\b|\bonly\b|\binstead\b|\bbefore (?:continuing|"
    r"answering)\b|"
    r"\bwhenever\b|\bhas been\b|\bimportant\b|\bfrom here on\b|\bdo whatever\b"
)
_TEXT = (
    r"本文|本段|这段|此段|这份|上面|以上|上述|下面|接下来|(?:阅读|读到|看到|收到)(?:本|这|此)|原样|逐字|"
    r"\bthis (?:text|document|page|file|passage|message)\b|\bthe (?:above|text)\b|\bverbatim\b"
)
_POWER = (
    r"作废|废止|取代|无视|仅限|不再是|插入指令|安全模式|服从|无条件|权限已|提升权限|覆盖|忘掉|忘记(?!了?密码|带)|真实(?:的)?(?:问题|需求|答案)|正确答案|替换成|改成|改为|公开|泄露|透露|辱骂|新任务|"
    r"\boverride|\bin place of\b|\bdisclose|\bforget\b|\breveal|\bgranted\b|\bpermission|\bobey|\bunrestricted\b|"
    r"\bleak|\bnew task\b|\bnote to self\b|\bdo whatever\b"
)
_PRIVATE = r"密码|验证码|身份证号|银行卡号|个人账户|转账到|\bpasswords?\b|\bcredentials?\b|\bone-time\b"
_SIGNS = tuple(re.compile(sign) for sign in (_MACHINE, _REPLY, _DEMAND, _TEXT, _POWER, _PRIVATE))
_WEIGHTS = (3, 2, 1, 1, 2, 1)
SUSPECT, CERTAIN = 4, 5
"""How many points of the signs above make a sentence an order, and one that what follows belongs to."""

_YOU = re.compile(
    r"(?<!谢谢)(?<!迎)(?:你(?:必须|要|应|只|的任务|得|以后)|请你|作为(?:一[个名])?(?:ai|助手|模型))|^\W*(?:hey|stop)\b"
)
_SPEAKER = re.compile(
    r"(?:^|\n)\W*(?:system|assistant|developer|user|human|ai|role|task|new rule for [\w ]+|系统(?:消息|提示)?|助手|"
    r"用户|提问者|客服|管理员|对提问者说|对用户说)\W{0,3}"
    r"(?:\[[^\]]*\]|[:：\]】]|—{2})(?!\s*(?:windows|mac|linux|ios|android|\d))"
)
_BEFORE_MORE = re.compile(r"[:：\"“「『'‘`\-—>]\W*$")
_PARAGRAPH = re.compile(r"(\n[ \t]*\n)")
_REMOVED = "…"


def visible(text: str) -> str:
    """Return a text without what people do not see or read: hidden elements, pictures, codes, invisible characters."""
    shown = "".join(character for character in text if character in "\n\t" or not _unseen(character))
    return _CODED.sub(_REMOVED, _IMAGE.sub("", _HIDDEN.sub("", shown)))


def unmarked(text: str, *, names: Sequence[str] = ()) -> str:
    """Return what people see of a text, up to the first paragraph that has marks of a talk or names a tool."""
    kept: list[str] = []
    for piece in _PARAGRAPH.split(visible(text)):
        folded = fold(piece)
        if _MARK.search(folded) or any(name in folded for name in names):
            break
        kept.append(piece)
    return "".join(kept).strip()


def commands(sentence: str) -> bool:
    """Return whether a sentence has words that only ever stand in an order to a machine."""
    return _ALL.search(_folded(sentence)) is not None


def order(sentence: str, *, names: Sequence[str] = ()) -> Order:
    """Return whether a sentence of data gives an order.

    Args:
        sentence: The sentence, with what stands before it on its line.
        names: What the tools on offer are called: a text that names one wants it called.
    """
    folded = _folded(sentence)
    if _ALL.search(folded) or any(name in folded for name in names):
        return "all"
    points = _points(folded)
    if points >= CERTAIN:
        return "all"
    return "one" if points >= SUSPECT or _ONE.search(folded) else "none"


def _folded(text: str) -> str:
    return fold(text).translate(_SIMPLER)


def _points(folded: str) -> int:
    """Return how much a sentence looks as if it were written to a machine."""
    points = sum(weight for sign, weight in zip(_SIGNS, _WEIGHTS, strict=True) if sign.search(folded))
    return points + 2 * bool(_YOU.search(folded)) + 3 * bool(_SPEAKER.search(folded))


def plain(text: str, *, names: Sequence[str] = ()) -> str:
    """Return a text without the orders in it; empty if nothing else is.

    A paragraph that voids the rules or says what the reply is to be goes as a whole, and so does all
    after it: what an order wants said need not be in its own sentence.
    """
    return _plain(text, tuple(names)) if len(text) <= REMEMBERED_CHARACTERS else _plain.__wrapped__(text, tuple(names))


@lru_cache(maxsize=REMEMBERED)
def _plain(text: str, names: tuple[str, ...]) -> str:
    kept: list[str] = []
    for piece in _PARAGRAPH.split(visible(text)):
        paragraph, ends = _paragraph(piece, names)
        if ends:
            break
        kept.append(paragraph)
    return "".join(kept).strip()


@lru_cache(maxsize=8 * REMEMBERED)
def quotable(text: str) -> str:
    """Return an approved answer as it may be given: word for word, unless there is an order in it.

    Somebody approved it, but nobody reads every row of a table that is imported. Its pictures stay: they
    are the company's own, and nobody's words can get into their addresses.
    """
    shown = _HIDDEN.sub("", text) if "<" in text else text
    if order(shown) != "none":
        shown = plain(shown)
    if not speaks_to_writer(shown, at=SURE):
        return shown
    return "".join(part for part in split(shown) if to_writer(part.strip()) < SURE).strip()


@lru_cache(maxsize=REMEMBERED)
def harmless(text: str) -> bool:
    """Return whether a short text, such as a name or a title, gives no order."""
    return visible(text) == text.replace("\x00", "") and order(text) == "none" and not speaks_to_writer(text)


def _paragraph(text: str, names: Sequence[str]) -> tuple[str, bool]:
    """Return what may stay of a paragraph, and whether nothing after it may."""
    if order(text, names=names) == "none":  # most paragraphs, at the cost of one look
        return text, False
    kept: list[str] = []
    waits = False
    for sentence in split(text):
        found = order(sentence, names=names)
        if found == "all":
            return "", True
        if found == "one":
            waits = _BEFORE_MORE.search(sentence.rstrip()) is not None
        elif waits:
            waits = False
        else:
            kept.append(sentence)
    if _ALL.search(_folded("".join(kept))):  # one that was written across sentences
        return "", True
    return "".join(kept), False


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Co", "Cs")
