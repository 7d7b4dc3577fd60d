"""What stands in the table of benchmarks: the commands, and for each figure its words and its aim."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Words = Mapping[Literal["zh", "en"], str]


def both(text: str) -> Words:
    """Return what reads the same in both languages."""
    return {"zh": text, "en": text}


def no_aim() -> Words:
    """Return what stands where nothing is aimed at."""
    return both("—")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a figure, or some that belong together."""

    figures: tuple[str, ...]
    """Under these names the benchmark records them."""

    label: Words
    shown: Words
    """How they are shown, as a format with one place for each."""

    aim: Words = field(default_factory=no_aim)


@dataclass(frozen=True, slots=True)
class Part:
    """One command, and the rows that it fills."""

    name: str
    command: tuple[str, ...]
    limit_s: float
    """What does not end within this is stopped; about three times of what it takes on a quiet machine."""

    rows: tuple[Row, ...]
    quick: tuple[str, ...] = ("--quick",)
    """What makes it short."""


PIPELINE = "benchmarks.pipeline"

EMBEDDED = Part(
    "embedded",
    (PIPELINE, "throughput"),
    60,
    (
        Row(
            ("embedded_ms",),
            {
                "zh": "SQLite：企业微信回调 → 立即返回的模型 → `message/send`，每条消息的 CPU",
                "en": "SQLite: WeCom callback → model that answers at once → `message/send`, CPU a message",
            },
            {"zh": "{:.2f} 毫秒", "en": "{:.2f} ms"},
            {"zh": "≤ 1 毫秒", "en": "≤ 1 ms"},
        ),
        Row(
            ("embedded_rate",),
            {"zh": "SQLite：答复速度，200 条同时在途", "en": "SQLite: answered, 200 in flight"},
            {"zh": "{:,.0f} 条/秒", "en": "{:,.0f} a second"},
            {"zh": "≥ 500 条/秒", "en": "≥ 500 a second"},
        ),
    ),
)

POSTGRES = Part(
    "postgres",
    (PIPELINE, "postgres"),
    90,
    (
        Row(
            ("postgres_ms",),
            {
                "zh": "PostgreSQL（同一台机器，刷盘打开）：每条消息的 CPU，只算服务进程",
                "en": "PostgreSQL (same machine, flushing to disk): CPU a message, the service's alone",
            },
            {"zh": "{:.2f} 毫秒", "en": "{:.2f} ms"},
            {"zh": "≤ 1.5 毫秒", "en": "≤ 1.5 ms"},
        ),
        Row(
            ("postgres_rate",),
            {
                "zh": "PostgreSQL：答复速度，200 条同时在途，数据库也在这两个核上",
                "en": "PostgreSQL: answered, 200 in flight, the database on the same cores",
            },
            {"zh": "{:,.0f} 条/秒", "en": "{:,.0f} a second"},
        ),
    ),
)

NODES = Part(
    "nodes",
    ("benchmarks.nodes",),
    420,
    (
        Row(
            (
                "one node, 50 turns at once each, model 2 s",
                "two nodes, 50 turns at once each, model 2 s",
                "two nodes, as a multiple of one",
            ),
            {
                "zh": "同一个 PostgreSQL 上一个节点和两个节点，瓶颈是同时进行的轮次（各 50 个，模型 2 秒）",
                "en": "one node and two on one PostgreSQL, limited by turns in progress (50 each, model of 2 s)",
            },
            {"zh": "{:.1f} 和 {:.1f} 条/秒，{:.2f} 倍", "en": "{:.1f} and {:.1f} a second, {:.2f} ×"},
            {"zh": "≥ 1.7 倍", "en": "≥ 1.7 ×"},
        ),
        Row(
            (
                "CPU of the nodes: two, as a multiple of one",
                "so two machines that are busy do (computed, not measured)",
            ),
            {
                "zh": "两个节点分同样的负载，每条消息的 CPU 是一个节点的几倍；由此推算两台机器能做几倍（不是实测）",
                "en": "the same load on two nodes: CPU a message as a multiple of one node's; what two machines would "
                "do by that (computed, not measured)",
            },
            {"zh": "{:.2f} 倍；{:.2f} 倍", "en": "{:.2f} ×; {:.2f} ×"},
        ),
    ),
    quick=("cost",),
)

KAFKA = Part(
    "kafka",
    ("benchmarks.kafka",),
    300,
    (
        Row(
            ("kafka_ms", "kafka_added_ms"),
            {
                "zh": "Kafka 在前（librdkafka 的**模拟集群**，不是真的 Kafka）：每条消息的 CPU；其中 Kafka 增加的",
                "en": "Kafka in front (librdkafka's **mock cluster**, not a real Kafka): CPU a message; of it, added",
            },
            {"zh": "{:.2f} 毫秒；{:.2f} 毫秒", "en": "{:.2f} ms; {:.2f} ms"},
        ),
        Row(
            ("kafka_rate",),
            {"zh": "Kafka 在前：答复速度，100 条同时在途", "en": "Kafka in front: answered, 100 in flight"},
            {"zh": "{:,.0f} 条/秒", "en": "{:,.0f} a second"},
        ),
    ),
)

STORM = Part(
    "storm",
    (PIPELINE, "storm"),
    60,
    (
        Row(
            ("storm_acknowledged_s", "storm_answered_s"),
            {
                "zh": "1000 个会话同时来，模型 2 秒：确认收到，99% 在；答完，95% 在",
                "en": "1,000 conversations at once, model of 2 s: acknowledged, p99; answered, p95",
            },
            {"zh": "{:.2f} 秒；{:.2f} 秒", "en": "{:.2f} s; {:.2f} s"},
            {"zh": "≤ 1 秒；≤ 4 秒", "en": "≤ 1 s; ≤ 4 s"},
        ),
    ),
)

CROWD = Part(
    "crowd",
    (PIPELINE, "crowd"),
    300,
    (
        Row(
            ("crowd_ms", "crowd_ms_steady", "crowd_ms_ratio"),
            {
                "zh": "10000 个会话同时从企业微信来，模型 2 秒，全部答完：每条消息的 CPU；同一进程平稳时；两者之比",
                "en": "10,000 conversations at once over WeCom, model of 2 s, all answered: CPU a message; the same "
                "process in steady load; ratio",
            },
            {"zh": "{:.2f} 毫秒；{:.2f} 毫秒；{:.2f}", "en": "{:.2f} ms; {:.2f} ms; {:.2f}"},
        ),
        Row(
            ("crowd_rate", "crowd_rate_steady", "crowd_rate_ratio"),
            {
                "zh": "同一场面：答复速度（不计模型自己的 2 秒）；平稳时；两者之比",
                "en": "the same: answered, without the model's own 2 s; in steady load; ratio",
            },
            {"zh": "{:,.0f} 条/秒；{:,.0f} 条/秒；{:.2f}", "en": "{:,.0f} a second; {:,.0f} a second; {:.2f}"},
            {"zh": "比值 ≥ 1", "en": "ratio ≥ 1"},
        ),
        Row(
            ("crowd_mib", "crowd_api_mib"),
            {
                "zh": "同一场面的常驻内存峰值：从企业微信来；从 API 来",
                "en": "the same, peak of resident memory: over WeCom; over the API",
            },
            {"zh": "{:.0f} MiB；{:.0f} MiB", "en": "{:.0f} MiB; {:.0f} MiB"},
            {"zh": "≤ 300 MB", "en": "≤ 300 MB"},
        ),
        Row(
            ("crowd_api_answered", "crowd_api_slowest_s", "crowd_api_rate"),
            {
                "zh": "10000 个会话同时从 API 来（`drill overload`）：答完；最慢的确认；答复速度",
                "en": "10,000 conversations at once over the API (`drill overload`): answered; slowest "
                "acknowledgement; answered",
            },
            {"zh": "{:,.0f} 条；{:.2f} 秒；{:,.0f} 条/秒", "en": "{:,.0f}; {:.2f} s; {:,.0f} a second"},
            {"zh": "全部；≤ 2 秒", "en": "all; ≤ 2 s"},
        ),
    ),
)

HOT = Part(
    "hot",
    (PIPELINE, "hot"),
    180,
    (
        Row(
            ("hot_beside_share", "hot_alone_p50", "hot_alone_p99", "hot_beside_p50", "hot_beside_p99"),
            {
                "zh": "一个会话占全部负载的多少；另外 100 个会话得到答复（模型 0.2 秒），没有它时中位和 99%；有它时",
                "en": "one conversation's share of the load; the answers of 100 others (model of 0.2 s), without it, "
                "median and p99; with it",
            },
            {
                "zh": "{:.0f}%；{:.3f} 和 {:.3f} 秒；{:.3f} 和 {:.3f} 秒",
                "en": "{:.0f} %; {:.3f} and {:.3f} s; {:.3f} and {:.3f} s",
            },
            {"zh": "90%；不受影响", "en": "90 %; no difference"},
        ),
    ),
)

STORED = Part(
    "stored",
    (PIPELINE, "stored"),
    420,
    (
        Row(
            ("stored_few_ms", "stored_many_ms", "stored_ratio"),
            {
                "zh": "已存 1 万条和 100 万条消息时，每条消息的 CPU；两者之比",
                "en": "CPU a message with 10,000 and with 1,000,000 messages stored; ratio",
            },
            {"zh": "{:.2f} 毫秒；{:.2f} 毫秒；{:.2f}", "en": "{:.2f} ms; {:.2f} ms; {:.2f}"},
            {"zh": "十倍的消息 ≤ 1.1 倍", "en": "≤ 1.1 × for ten times as many"},
        ),
    ),
)

SOAK = Part(
    "soak",
    ("benchmarks.soak", "2"),
    200,
    (
        Row(
            ("soak_mib", "soak_kib"),
            {
                "zh": "每秒 200 条，连续 2 分钟：结束时的常驻内存；之后每条消息增长",
                "en": "200 a second for 2 minutes: resident memory at the end; growth a message",
            },
            {"zh": "{:.0f} MiB；{:.2f} KiB", "en": "{:.0f} MiB; {:.2f} KiB"},
            {"zh": "增长接近 0", "en": "growth near 0"},
        ),
    ),
)

PARTS = (EMBEDDED, POSTGRES, NODES, KAFKA, STORM, CROWD, HOT, STORED, SOAK)
