"""What to do about the usual mistakes of a set-up, in the open platform's own menu words."""

from ai_worker.channels.feishu.answers import LACKS_SCOPE, Answered
from ai_worker.pipeline.sending import SendFailed

FIXES = {
    10003: "App ID 不对：到开放平台「凭证与基础信息」重新复制 app_id（以 cli_ 开头）。",
    10014: "App Secret 不对：到开放平台「凭证与基础信息」重新复制 app_secret；重置过就用新的。",
    10012: "应用被停用：请企业管理员在管理后台「工作台 › 应用管理」启用它。",
    230006: "没有开启机器人能力：到「添加应用能力」添加「机器人」，再「创建版本」并发布。",
    99991662: "应用还没有发布：到「版本管理与发布」创建版本，并请管理员审核通过。",
    LACKS_SCOPE: "缺少权限：到「权限管理」开通提示里写的权限，再创建版本并发布。",
}
UNREACHABLE = "连不上开放平台：检查 base_url、DNS 和出网的防火墙。"
NO_BOT = "拿到了凭证，但查不到机器人：到「添加应用能力」添加「机器人」，再创建版本并发布。"


def advice(failure: SendFailed) -> str:
    """Return what to do about a failed question."""
    if isinstance(failure, Answered):
        return FIXES.get(failure.answer, NO_BOT if failure.retry_after != 120.0 else "")
    return UNREACHABLE if "connection" in str(failure) else NO_BOT
