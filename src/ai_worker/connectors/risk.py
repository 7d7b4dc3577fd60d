"""How dangerous an operation is, guessed from its method and its words.

The guess errs towards danger: words raise what the method says and never lower it. An administrator who
knows the system has the last word.
"""

import re
from collections.abc import Mapping

from ai_worker.skills.tool import Risk

_ORDER: tuple[Risk, ...] = ("read", "write-reversible", "write-irreversible", "money", "admin")

_BY_METHOD: Mapping[str, Risk] = {
    **dict.fromkeys(("GET", "HEAD", "OPTIONS", "TRACE"), "read"),
    **dict.fromkeys(("POST", "PUT", "PATCH"), "write-reversible"),
    "DELETE": "write-irreversible",
}


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FINAL = _set("""
    delete remove destroy purge erase wipe drop truncate terminate cancel void revoke expire archive publish send
    resend notify email sms dispatch broadcast submit sign merge finalize finalise close execute deploy overwrite
    invalidate unsubscribe discard reset forget anonymize anonymise redact release
""")
"""What has happened cannot be called back."""

_MONEY = _set("""
    pay payment payments payout payouts refund refunds charge charges capture transfer transfers withdraw withdrawal
    withdrawals deposit deposits purchase purchases billing invoice invoices checkout reimburse reimbursement
    settlement settlements disburse disbursement disbursements remit remittance credit debit payroll wire topup
    donation donations
""")
_ADMIN = _set("""
    admin admins administrator administrators permission permissions role roles grant grants acl policy policies
    password passwords credential credentials secret secrets token tokens apikey apikeys privilege privileges
    impersonate sudo ownership sso mfa saml scim firewall backup restore license licenses licence
""")
_COMMANDS = _set("""
    trigger logout signout login start stop restart reboot shutdown run invoke execute send resend notify broadcast
    delete remove destroy purge erase wipe terminate cancel revoke reset approve reject confirm activate deactivate
    enable disable unsubscribe pay refund transfer withdraw grant refresh rotate create update submit publish deploy
""")
"""What a GET must not say if it is to be a read: verbs that are hardly ever nouns."""

_PERHAPS = _set("""
    add insert set edit modify patch put post save upload import register subscribe sync assign unassign lock unlock
    move rename generate process apply accept decline complete pause resume retry toggle mark charge capture email sms
    sign merge close archive release void expire dispatch
""")
"""Nouns as well; they count where nothing else says that it reads."""

_READING = _set("""
    get list find search fetch query read retrieve return show view count check download export describe lookup browse
    index is has can exists head select load display report preview estimate validate verify poll watch when all obtain
""")

_ENGLISH: tuple[tuple[Risk, frozenset[str]], ...] = (
    ("admin", _ADMIN),
    ("money", _MONEY),
    ("write-irreversible", _FINAL),
)
_CHINESE: tuple[tuple[Risk, str], ...] = (
    ("admin", "权限|授权|管理员|角色|密码|密钥|令牌|凭证|凭据"),
    ("money", "退款|付款|支付|转账|打款|收款|扣款|充值|提现|开票|结算|报销|工资|薪资|退费|赔付|放款"),
    (
        "write-irreversible",
        "删除|清空|移除|作废|注销|取消|撤销|撤回|发送|群发|推送|提交|发布|销毁|解散|终止|归档|关闭|重置",
    ),
    ("write-reversible", "新增|创建|添加|更新|修改|编辑|保存|设置|启用|停用|触发|同步|上传|导入|审批|登录|退出"),
)
_CHINESE_READING = re.compile(
    "^(批量|分页|按条件)?(获取|查询|查看|查找|搜索|列出|读取|检索|统计|导出|下载|获得|拉取)|列表$|详情$"
)


def risk_of(method: str, *, name: str, path: str, title: str = "") -> Risk:
    """Return the class of an operation.

    Args:
        method: Of HTTP, in capitals; an unknown one counts as a write.
        name: Its id in the contract: `sendMessage`, `orders_refund`.
        path: `/orders/{id}/refund`
        title: One line of the contract's own words.
    """
    risk = _BY_METHOD.get(method, "write-reversible")
    if risk == "read":
        return _of_read(name, path, title)
    words = {*_words(name), *_words(_fixed(path)), *_words(title)}
    for found, vocabulary in _ENGLISH:
        if words & vocabulary:
            risk = _higher(risk, found)
    for found, pattern in _CHINESE:
        if re.search(pattern, f"{name} {path} {title}"):
            risk = _higher(risk, found)
    return risk


def _of_read(name: str, path: str, title: str) -> Risk:
    """Return `read` unless a verb says that something is done. Nouns do not count: `GET /refunds` only looks."""
    named, titled = _words(name), [_singular(word) for word in _words(title)[:1]]
    step = _words(_fixed(path).rstrip("/").rsplit("/", 1)[-1])
    said = [word for word in (*named[:1], *(step if len(step) == 1 else ())) if word in _COMMANDS]
    if not _READING & {*named}:
        said += [word for word in titled if word in _COMMANDS]
    if not _READING & {*named, *titled}:
        said += [word for word in (*named[:1], *named[-1:], *titled) if word in _COMMANDS | _PERHAPS]
    risk: Risk = "read"
    for word in said:
        risk = _higher(risk, _of_verb(word))
    for text in (name, title):
        if not _CHINESE_READING.search(text):
            for found, pattern in _CHINESE[1:]:
                if re.match(rf"(批量|一键|立即)?({pattern})", text):
                    risk = _higher(risk, found)
    return risk


def _of_verb(word: str) -> Risk:
    if word in _MONEY:
        return "money"
    if word in _ADMIN:
        return "admin"
    return "write-irreversible" if word in _FINAL else "write-reversible"


def _singular(verb: str) -> str:
    """Return the verb of `Deletes an order`."""
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def _higher(one: Risk, other: Risk) -> Risk:
    return max(one, other, key=_ORDER.index)


def _fixed(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "/", path)


def _words(text: str) -> list[str]:
    """Return the words of `sendMessage`, `send_message` and `send-message`, in small letters."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text[:500])
    return [word.lower() for word in re.findall(r"[A-Za-z]+", apart)]
