"""The sample company: who asks what, and an installation that is furnished for them."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import ai_worker

NAME = "华星办公"
WECOM, FEISHU, DINGTALK = "wecom", "feishu", "dingtalk"
"""The channels' names in the settings, and so in their callbacks' addresses."""

PLATFORMS = (WECOM, FEISHU, DINGTALK)
WEB_CHANNEL = "web"
CARD_TEMPLATE = "6f1d2c3b-huaxing.schema"
"""The AI card that the company has laid out on DingTalk."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who writes to the worker."""

    id: str
    """Their id on their platform."""

    name: str
    platform: str = WECOM
    """Where they write from, as the channel's name."""

    department: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person asks."""

    person: Person
    text: str


LIN = Person("linxiaoyan", "林晓燕", department="门店")
ZHOU = Person("zhoujianguo", "周建国", department="采购部")
CHEN = Person("chensiyuan", "陈思远", department="市场部")
WANG = Person("wangfang", "王芳", department="行政部")
SHEN = Person("ou_shenjiayi", "沈佳怡", FEISHU, "人力资源部")
GAO = Person("ou_gaoxiang", "高翔", FEISHU, "销售部")
XU = Person("xuwenjing", "许文静", DINGTALK, "仓储部")
MA = Person("majun", "马骏", DINGTALK, "客服部")
PEOPLE = (LIN, ZHOU, CHEN, WANG, SHEN, GAO, XU, MA)

SAMPLES = (
    Question(ZHOU, "订单 ORD12346 发货了吗？"),
    Question(GAO, "能开专票吗？"),
    Question(MA, "ORD12340 的退款到账了吗？"),
    Question(CHEN, "VPN 连不上怎么办？"),
    Question(SHEN, "年假没休完能留到明年吗？"),
    Question(MA, "打印机保修几年？"),
    Question(LIN, "查一下订单 ORD12347"),
    Question(GAO, "出差住酒店最多能报多少钱？"),
    Question(XU, "部分到货的采购单什么时候关闭？"),
    Question(WANG, "收到的椅子破损了怎么办？"),
    Question(GAO, "订单 ORD99999 到哪了？"),
    Question(MA, "可以货到付款吗？"),
    Question(WANG, "转人工"),
)
"""What the demo says next when asked to; some have no answer on purpose."""

LOAD_QUESTIONS = (
    "满多少免运费？",
    "怎么取消订单？",
    "忘记打卡怎么办？",
    "订单 ORD12345 到哪了？",
    "会议室怎么预订？",
    "保修多久？",
    "支持哪些付款方式？",
    "发票丢了怎么办？",
)
"""What the load asks in turn: each has one clear answer, one of them through the ERP."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of the demo are, all on loopback."""

    api_port: int
    console_port: int
    wecom_base: str
    feishu_base: str
    dingtalk_base: str
    erp_base: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one demo run: made anew each time, worth nothing afterwards."""

    corp_id: str
    agent_id: int
    app_secret: str
    token: str
    encoding_aes_key: str
    feishu_app_id: str
    feishu_app_secret: str
    feishu_encrypt_key: str
    dingtalk_client_id: str
    dingtalk_client_secret: str
    erp_key: str
    api_key: str


def examples() -> Path:
    """Return the folder with the sample company: inside the installed package, or beside its source."""
    package = Path(ai_worker.__file__).parent
    packed = package / "examples"
    return packed if packed.is_dir() else package.parents[1] / "examples"


def furnish(folder: Path, *, addresses: Addresses, credentials: Credentials, language: str) -> Path:
    """Write the settings, connectors and skills of the sample company into `folder`; return the settings file.

    They are what an administrator would write: the demo has no other way in.
    """
    for kind in ("connectors/erp", "skills"):
        shutil.copytree(examples() / kind, folder / kind)
    (folder / "erp.url").write_text(addresses.erp_base, "utf-8")
    (folder / "erp.key").write_text(credentials.erp_key, "utf-8")
    connector = folder / "connectors" / "erp" / "connector.toml"
    text = connector.read_text("utf-8")
    for variable, file in (("ERP_BASE_URL", "erp.url"), ("ERP_API_KEY", "erp.key")):
        text = text.replace(f'"env:{variable}"', _quoted(f"file:{folder / file}"))
    connector.write_text(text, "utf-8")
    settings = folder / "ai-worker.toml"
    settings.write_text(_settings(folder, addresses, credentials, language), "utf-8")
    return settings


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML string


def _settings(folder: Path, addresses: Addresses, credentials: Credentials, language: str) -> str:
    return f"""\
data_dir = {_quoted(folder / "data")}
language = {_quoted(language)}
log_level = "WARNING"
api_key = {_quoted(credentials.api_key)}

[api]
host = "127.0.0.1"
port = {addresses.api_port}

[console]
host = "127.0.0.1"
port = {addresses.console_port}

[workers.xiaozhi]
display_name = "小智"
persona = "{NAME}的数字员工：说话简短、客气，只说有依据的话。"

[channels.{WECOM}]
kind = "wecom-app"
corp_id = {_quoted(credentials.corp_id)}
agent_id = {credentials.agent_id}
secret = {_quoted(credentials.app_secret)}
token = {_quoted(credentials.token)}
encoding_aes_key = {_quoted(credentials.encoding_aes_key)}
api_base = {_quoted(addresses.wecom_base)}

[channels.{FEISHU}]
kind = "feishu"
app_id = {_quoted(credentials.feishu_app_id)}
app_secret = {_quoted(credentials.feishu_app_secret)}
encrypt_key = {_quoted(credentials.feishu_encrypt_key)}
base_url = {_quoted(addresses.feishu_base)}

[channels.{DINGTALK}]
kind = "dingtalk"
client_id = {_quoted(credentials.dingtalk_client_id)}
client_secret = {_quoted(credentials.dingtalk_client_secret)}
card_template_id = {_quoted(CARD_TEMPLATE)}
api_base = {_quoted(addresses.dingtalk_base)}
oapi_base = {_quoted(addresses.dingtalk_base)}

[channels.{WEB_CHANNEL}]
kind = "web"
"""
