"""What retrieval costs: building an index of made-up entries, and one search in it, as CPU ms.

python benchmarks/retrieval.py [--entries 100000] [--queries 1000] [--base]
"""

import argparse
import asyncio
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import structlog

from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.knowledge import SqliteKnowledgeStore

_WORDS = """
北京 上海 广州 深圳 成都 杭州 武汉 西安 南京 重庆 天津 苏州 郑州 长沙 沈阳 青岛 宁波 东莞 无锡 佛山
打印机 笔记本 显示器 键盘 路由器 投影仪 扫描枪 考勤机 电子发票 会员卡 优惠券 合同 订单 账单 门禁卡 报销单
退货 换货 维修 开具发票 取消 激活 续费 挂失 升级 充值 申请 审批 查询进度 修改地址 绑定手机 找回密码
怎么{}？ 如何{} {}需要多久 {}要什么材料 {}收费吗 可以{}吗 {}失败怎么办 在哪里{} 为什么不能{} {}的流程是什么
企业版 个人版 旗舰款 标准款 进口 二手 租赁 定制 老款 新款 海外 试用
"""
PLACES, THINGS, EVENTS, WAYS, TYPES = (line.split() for line in _WORDS.strip().splitlines())
ASIDES = ["", "你好，", "请问一下", "我想问", "麻烦问下，"]


def entries(count: int) -> Iterator[Passage]:
    """Yield that many different questions with answers, the same every time."""
    chance = random.Random(1)
    seen: set[str] = set()
    while len(seen) < count:
        thing = f"{chance.choice(PLACES)}{chance.choice(TYPES)}{chance.choice(THINGS)}{chance.randrange(40)}号"
        question = chance.choice(WAYS).format(thing + chance.choice(EVENTS))
        if question not in seen:
            seen.add(question)
            own = f"e{len(seen)}"
            yield Passage(own, "default", "made.csv", "entry", question, f"{thing}请按第 {own} 号办事指引办理。")


def queries(questions: list[str], count: int) -> Iterator[str]:
    """Yield questions as people put them: a greeting before, a character lost."""
    chance = random.Random(2)
    for _ in range(count):
        question = chance.choice(questions)
        lost = chance.randrange(len(question))
        yield chance.choice(ASIDES) + question[:lost] + question[lost + 1 :]


async def build(folder: Path, passages: list[Passage]) -> tuple[Library, float]:
    """Return a library that holds the passages, and the CPU seconds that its index took."""
    clock = SystemClock()
    database = SqliteDatabase.open(folder / "knowledge.db", clock=clock)
    try:
        store = SqliteKnowledgeStore(database, clock=clock)
        document = Document("made.csv", "default", "made", "ready", len(passages), datetime.now(UTC))
        await store.put_document(document, passages)
        library = Library(store, clock=clock, index_folder=folder / "index")
        before = time.process_time()
        await library.refresh()
        return library, time.process_time() - before
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--base", action="store_true", help="search in one named base instead of in all")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    passages = list(entries(given.entries))
    bases = ("default",) if given.base else ("*",)
    with tempfile.TemporaryDirectory() as folder:
        library, building = asyncio.run(build(Path(folder), passages))
        answered, spent = 0, []
        asked = list(queries([passage.title for passage in passages], given.queries))
        del passages
        for text in asked[:20]:
            library.search(text, bases=bases)
        for text in asked:
            before = time.thread_time()
            found = library.search(text, bases=bases)
            spent.append((time.thread_time() - before) * 1_000)
            answered += bool(found)
        spent.sort()
        size = sum(file.stat().st_size for file in Path(folder, "index").rglob("*") if file.is_file())
        print(f"index of {given.entries} entries: {building:.1f} s CPU, {size / 1e6:.0f} MB on disk")
        print(
            f"search: p50 {spent[len(spent) // 2]:.2f} ms CPU, p95 {spent[len(spent) * 95 // 100]:.2f}, "
            f"p99 {spent[len(spent) * 99 // 100]:.2f} ({answered} of {len(asked)} found something)"
        )
        print(f"memory of this process: {psutil.Process().memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
