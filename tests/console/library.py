"""The knowledge of 华星办公, as the pages of the knowledge show it."""

from datetime import date, timedelta

from ai_worker.knowledge.archive import Thing
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.ingest.found import uploaded
from ai_worker.knowledge.keeping import Keeping
from tests.console.world import World

POLICY = """# 售后政策

## 退款

退款自签收之日起 2 个工作日内原路退回，银行入账 1–3 个工作日。

## 退货

签收后 7 天内可以无理由退货，定制商品除外。
""".encode()

TRAVEL = """# 差旅制度

## 住宿

一线城市住宿标准每晚 500 元，其他城市 350 元，超出部分自理。
""".encode()

OLD_TRAVEL = "# 差旅说明\n\n一线城市住宿标准每晚 450 元，其他城市 350 元，超出部分自理。\n".encode()

TABLE = """id,question,aliases,answer
faq-1,怎么补开发票,发票丢了怎么办|可以重开发票吗,在「我的订单」里点「补开发票」。
faq-2,怎么修改收货地址,,发货前在订单详情里改。
faq-2,怎么查物流,,在订单详情里看。
faq-3,,,
""".encode()


async def stock(site: World) -> None:
    """Fill the knowledge: documents, entries of all kinds, one that failed, one that was removed."""
    library, curator, now = site.shelf.library, site.shelf.curator, site.clock.now()
    finance = Keeping(("总部/财务",), owner="周敏", review_by=date(2026, 11, 20))
    past = Keeping(expires_at=now - timedelta(days=2), owner="李雷")
    soon = Keeping(effective_at=now + timedelta(days=9))
    broken = uploaded("报价单.docx", b"PK\x03\x04 broken")
    table = uploaded("常见问题.csv", TABLE)
    await library.take([uploaded("售后政策.md", POLICY), table, broken], base="default", by="周敏")
    await library.take([uploaded("差旅制度.md", TRAVEL), uploaded("差旅说明.md", OLD_TRAVEL)], base="hr", by="周敏")
    await curator.keep("hr", "差旅制度.md", finance, by="周敏")
    question, aliases = "营业时间是几点", ("几点开门", "周末营业吗")
    entries = [
        Entry("e-hours", question, aliases, "工作日 9 点到 18 点，周末 10 点到 16 点。"),
        Entry("e-sale", "双十一有什么优惠", (), "全场满 300 减 40。", past),
        Entry("e-year", "年货节什么时候开始", ("年货节",), "12 月 20 日开始。", soon),
        Entry("e-bonus", "年终奖怎么发", ("年终奖什么时候发",), "按绩效系数发，春节前到账。", finance),
        Entry("e-open", "请问营业时间是几点", (), "全天营业。"),
        Entry("e-old", "怎么办会员卡", (), "到店办理。"),
    ]
    await library.put_entries(entries, base="default", by="周敏")
    await curator.remove(Thing("default", "entry", "e-old"), by="李雷")
    site.clock.advance(timedelta(seconds=5))
    changed = Entry("e-hours", question, aliases, "工作日 9 点到 18 点，周末 10 点到 17 点。")
    await curator.put(changed, base="default", by="李雷")
