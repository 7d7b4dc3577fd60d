"""The demo's phrases, in both languages; the company and what is said in it stay Chinese."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["zh-CN", "en"]

WORDS: Mapping[Language, Mapping[str, str]] = {
    "zh-CN": {
        "title": "AI 数字员工 · 演示模式",
        "local": "一切都在本机，不连外网，不需要任何密钥",
        "connectors": "连接器",
        "connectors_detail": "华星 ERP（{tools} 个工具，只读）",
        "channels": "渠道",
        "channels_detail": "模拟企业微信（回调地址已验证），网页聊天 {web_chat}",
        "knowledge": "知识库",
        "knowledge_detail": "{titles}（{documents} 份，{passages} 段）",
        "console": "控制台",
        "console_detail": "{link}（10 分钟内有效，只能用一次）",
        "api": "接口",
        "api_detail": "{url}",
        "taken": "端口 {ports} 已被占用，换了别的",
        "wecom": "企业微信",
        "handoff": "→ 转人工",
        "silent": "（同事已接手，小智不说话）",
        "once": "同一条消息送来 {deliveries} 次，只回答了一次",
        "problem": "不对：{problem}",
        "tools": "工具 {tools}",
        "seconds": "{seconds} 秒",
        "status": "成功 {succeeded}/{sent} · 平均 {mean} 秒",
        "keys": "[空格] 再来一句  [p] 压一分钟  [o] 打开控制台  [q] 退出",
        "serving": "还在运行，按 Ctrl+C 结束。",
        "loading": "压测中 {elapsed}/60 秒 · 每秒答完 {rate} 条 · 已答 {answered}  [p] 提前结束",
        "loaded": "压测：{contacts} 位联系人，同时 {in_flight} 条在路上，{elapsed} 秒",
        "loaded_detail": "每秒答完 {rate} 条 · P50 {p50} 毫秒 · P95 {p95} 毫秒 · P99 {p99} 毫秒 · 没答上 {failed}",
        "bye": "已停止，演示数据已删除。",
        "failed": "失败的步骤：{steps}",
        "worker": "小智",
    },
    "en": {
        "title": "AI worker · demo",
        "local": "everything on this machine, no network, no key needed",
        "connectors": "Connector",
        "connectors_detail": "Huaxing ERP ({tools} tools, read only)",
        "channels": "Channels",
        "channels_detail": "simulated WeCom (callback URL verified), web chat {web_chat}",
        "knowledge": "Knowledge",
        "knowledge_detail": "{titles} ({documents} documents, {passages} passages)",
        "console": "Console",
        "console_detail": "{link} (valid for 10 minutes, works once)",
        "api": "API",
        "api_detail": "{url}",
        "taken": "port {ports} is taken, so another one is used",
        "wecom": "WeCom",
        "handoff": "→ handoff",
        "silent": "(a person has taken over; the worker is silent)",
        "once": "the same message was delivered {deliveries} times and answered once",
        "problem": "Wrong: {problem}",
        "tools": "tool {tools}",
        "seconds": "{seconds} s",
        "status": "{succeeded}/{sent} right · {mean} s on average",
        "keys": "[space] one more  [p] press for a minute  [o] open console  [q] quit",
        "serving": "Still running; Ctrl+C stops it.",
        "loading": "load {elapsed}/60 s · {rate} answered/s · {answered} so far  [p] end it",
        "loaded": "Load: {contacts} contacts, {in_flight} under way at once, {elapsed} s",
        "loaded_detail": "{rate} answered/s · p50 {p50} ms · p95 {p95} ms · p99 {p99} ms · {failed} unanswered",
        "bye": "Stopped; the demo's data is deleted.",
        "failed": "Steps that failed: {steps}",
        "worker": "小智",
    },
}


def spoken_language(wanted: str) -> Language:
    """Return the language of the demo for one that was asked for: English for `en…`, else Chinese."""
    return "en" if wanted.lower().startswith("en") else "zh-CN"
