"""A small shop for office equipment: its real knowledge, two tables of records, and somebody who talks to it."""

from pathlib import Path

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage, Utterance
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import PendingQuestion, TurnInput, TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.library import Library
from ai_worker.skills.tool import Toolbox
from tests.knowledge.memory_store import MemoryKnowledgeStore

FAQ = """id,question,aliases,answer
return,怎么退货,如何申请退货|退货流程是什么|想把东西退了,收到货 7 天内，在「我的订单」里点「申请售后」。
return-freight,退货的运费谁出,退货邮费谁承担|退货要自己付运费吗,质量问题由我们承担，其他原因由您承担。
exchange,怎么换货,如何申请换货|换货流程是什么,收到货 15 天内出现质量问题可以换新。
exchange-freight,换货的运费谁出,换货邮费谁承担|换货要自己付运费吗,换货来回的运费都由我们承担。
refund,退款多久到账,退款什么时候能收到|钱多久退回来,质检通过后 2 个工作日内发起，最迟 5 天到账。
invoice,怎么开发票,如何申请开票|发票在哪里开,订单完成后，在「我的发票」里申请。
invoice-title,发票抬头怎么改,开错抬头怎么办|修改发票抬头,开票后 30 天内可以换开一次。
delivery,多久发货,什么时候发货|下单后几天发货,现货 24 小时内发出，定制品 7 天内发出。
hours,客服几点上班,你们几点上班|客服工作时间,工作日 9:00 到 18:00。
points,积分怎么用,积分可以抵现吗|怎么使用积分,每 100 积分抵 1 元，结算时勾选。
"""

PRODUCTS = """产品名称,价格,颜色,保修期,库存
晨风激光打印机 L200,1299 元,白色,2 年,35 台
晨风喷墨打印机 P80,599 元,黑色、白色,1 年,120 台
远山碎纸机 S5,459 元,灰色,1 年,0 台
松木升降桌,2380 元,原木色、黑色,5 年,18 张
云朵人体工学椅,1680 元,黑色、灰色,3 年,46 把
"""

BRANCHES = """门店,地址,电话,营业时间,店长
城东旗舰店,东湖路 18 号,0551-6200 1818,9:00-21:00,何静
城西体验店,望江路 203 号,0551-6200 1203,10:00-20:00,赵一鸣
高铁南站店,南站到达层 B2-07,0551-6200 1207,7:00-22:30,孙莉
"""


class Caller:
    """One contact who talks to the shop, and remembers what was said as the pipeline does."""

    def __init__(self, engine: TurnEngine) -> None:
        self._engine = engine
        self.history: list[Utterance] = []
        self.pending: PendingQuestion | None = None

    async def say(self, text: str, *, group: bool = False, who: str = "lin") -> TurnResult:
        now, turn = FixedClock().now(), f"t-{len(self.history)}"
        contact = Contact(who)
        message = InboundMessage("desk", f"m-{turn}", "lin", contact, text, now, group=group)
        result = await self._engine.run(TurnInput(turn, message, tuple(self.history), "xiaozhi", pending=self.pending))
        self.history.append(Utterance("user", text, contact if group else None))
        if result.reply is not None:
            self.history.append(Utterance("assistant", result.reply.text))
        self.pending = result.pending
        return result


async def open_shop(folder: Path, *, toolbox: Toolbox | None = None) -> TurnEngine:
    """Read the shop's knowledge, and return a worker without a model that answers from it."""
    tables = folder / "tables"
    tables.mkdir()
    for name, table in (("常见问题.csv", FAQ), ("产品价目表.csv", PRODUCTS), ("门店列表.csv", BRANCHES)):
        (tables / name).write_text(table, "utf-8")
    clock = FixedClock()
    library = Library(MemoryKnowledgeStore(), clock=clock, index_folder=folder / "index")
    report = await library.add([tables])
    assert not report.failed
    return TurnEngine(
        staff=Staff([Worker("xiaozhi", "小智")]),
        retriever=library,
        records=library,
        toolbox=toolbox,
        model=None,
        feedback=None,
        clock=clock,
        thresholds=Thresholds(Bars(ANSWER_AT, CLARIFY_AT)),
    )
