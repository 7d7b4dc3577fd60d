"""The same people on several channels, and in a group: what the tests and pictures of identities look at."""

from dataclasses import replace
from datetime import timedelta

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.ids import derived_id
from tests.console.sample import OWNER
from tests.console.world import World

LIN_ON_WECOM = derived_id("u", "林晓燕")[:10]
LIN_ON_FEISHU = "ou_7d8a6e6df7621556ce0d21922b676706"


async def write(site: World, channel: str, contact: Contact, text: str, *, reply: str, group: str = "") -> int:
    """Let a contact write something, in private or in a group, and answer it; return the conversation."""
    now = site.clock.now()
    message = InboundMessage(
        channel, derived_id("m", contact.id, text), contact.id, contact, text, now, worker="xiaozhi"
    )
    if group:
        message = replace(message, conversation_key=f"group:{group}", group=True, group_name="售后协作一群")
    accepted = await site.stores.pipeline.accept(message)
    (claim,) = await site.stores.pipeline.claim(owner=OWNER, limit=1, now=now)
    result = TurnResult("answer", Reply(reply))
    await site.stores.pipeline.finish(claim, result, [], now=now + timedelta(seconds=1), response_ms=900)
    return accepted.conversation_id


async def meet(site: World) -> tuple[int, int]:
    """Let 林晓燕 write on Feishu as well, and in a group; return both conversations."""
    contacts, now = site.stores.contacts, site.clock.now()
    private = await write(site, "feishu", Contact(LIN_ON_FEISHU), "帮我查下 11 月的考勤", reply="11 月全勤，没有缺卡。")
    await contacts.keep("service-desk", Contact(LIN_ON_WECOM, "林晓燕", "客户成功部"), at=now)
    await contacts.keep("feishu", Contact(LIN_ON_FEISHU, "林晓燕", "客户成功部"), at=now)
    group = "oc_5ad11d72b830411d72b836c20"
    await write(
        site, "feishu", Contact(LIN_ON_FEISHU), "@小智 打印机卡纸怎么报修", reply="@林晓燕 提交报修单。", group=group
    )
    number = await write(
        site, "feishu", Contact("ou_zhao", "赵倩"), "@小智 报修要多久", reply="@赵倩 两个工作日内上门。", group=group
    )
    return private, number
