"""What retrieval costs: building an index of made-up entries or passages, and one search in it, as CPU ms.

python -m benchmarks.retrieval [--entries 100000] [--queries 1000] [--base] [--passages]

The index is built by a process of its own, so that the memory told is what searching takes.
"""

import argparse
import asyncio
import logging
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
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


def passages(count: int) -> Iterator[Passage]:
    """Yield passages of about 300 characters, in made-up words as frequent as real ones, the same every time."""
    chance = random.Random(3)
    characters = [chr(code) for code in chance.sample(range(0x4E00, 0x9FA5), 3_000)]
    words = ["".join(chance.choices(characters, k=chance.choice((1, 2, 2, 2, 3, 4)))) for _ in range(40_000)]
    shares = list(accumulate(1 / (rank + 8) for rank in range(len(words))))  # Zipf's law
    for number in range(count):
        said = chance.choices(words, cum_weights=shares, k=150)
        sentences = ["".join(said[at : at + 12]) + "。" for at in range(0, len(said), 12)]
        title = f"{said[0]}{said[5]} › {said[9]}{said[20]}"
        yield Passage(f"d{number // 20}.md#{number % 20}", "default", "made", "passage", title, "".join(sentences))


def about(text: str, chance: random.Random) -> str:
    """Return a question about a passage: a few of its characters, in two stretches."""
    first, second = (chance.randrange(len(text) - 8) for _ in range(2))
    return f"{text[first : first + 7]}的{text[second : second + 6]}是什么？"


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


def building(folder: str, made: str, count: int) -> None:
    """Build the index; the body of the process that does."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    _, spent = asyncio.run(build(Path(folder), list(MADE[made](count))))
    size = sum(file.stat().st_size for file in Path(folder, "index").rglob("*") if file.is_file())
    print(f"index of {count} {made}: {spent:.1f} s CPU, {size / 1e6:.0f} MB on disk", flush=True)


MADE: dict[str, Callable[[int], Iterator[Passage]]] = {"entries": entries, "passages": passages}


def questions(made: str, count: int, wanted: int) -> list[str]:
    """Return questions about what was made."""
    chance = random.Random(4)
    if made == "passages":
        return [about(passage.text, chance) for passage in passages(count) if chance.random() < 1.2 * wanted / count]
    return list(queries([passage.title for passage in entries(count)], wanted))


async def opened(folder: Path) -> Library:
    """Return a library whose index is there already."""
    clock = SystemClock()
    database = SqliteDatabase.open(folder / "knowledge.db", clock=clock)
    try:
        library = Library(SqliteKnowledgeStore(database, clock=clock), clock=clock, index_folder=folder / "index")
        await library.refresh()
        return library
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--base", action="store_true", help="search in one named base instead of in all")
    parser.add_argument("--passages", action="store_true", help="passages of documents instead of entries")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    made = "passages" if given.passages else "entries"
    bases = ("default",) if given.base else ("*",)
    with tempfile.TemporaryDirectory() as folder:
        builder = multiprocessing.get_context("spawn").Process(target=building, args=(folder, made, given.entries))
        builder.start()
        builder.join()
        library = asyncio.run(opened(Path(folder)))
        answered, spent = 0, []
        asked = questions(made, given.entries, given.queries)
        for text in asked[:20]:
            library.search(text, bases=bases)
        for text in asked:
            before = time.thread_time()
            found = library.search(text, bases=bases)
            spent.append((time.thread_time() - before) * 1_000)
            answered += bool(found)
        spent.sort()
        memory = psutil.Process().memory_info()
        print(
            f"search: p50 {spent[len(spent) // 2]:.2f} ms CPU, p95 {spent[len(spent) * 95 // 100]:.2f}, "
            f"p99 {spent[len(spent) * 99 // 100]:.2f} ({answered} of {len(asked)} found something)"
        )
        mapped = memory.shared  # files that the kernel may drop again
        print(f"memory of this process: {memory.rss / 1e6:.0f} MB, of which {mapped / 1e6:.0f} MB mapped files")


if __name__ == "__main__":
    main()
