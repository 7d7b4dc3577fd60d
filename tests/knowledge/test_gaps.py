"""Gaps in groups: what asks the same stands together, and nothing hides behind another question."""

from datetime import UTC, datetime, timedelta

from ai_worker.knowledge.gaps import Gap, groups

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def gap(number: int, question: str, times: int = 1) -> Gap:
    at = NOW + timedelta(minutes=number)
    return Gap(question, times, at, at, f"t-{number}", number=number)


def test_wordings_that_ask_the_same_are_one_group_with_all_their_times() -> None:
    found = groups(
        [gap(1, "发票抬头怎么改"), gap(2, "请问如何改发票抬头呢", 4), gap(3, "停车费能报销吗"), gap(4, "改发票抬头")]
    )

    assert [(group.question, group.times) for group in found] == [("请问如何改发票抬头呢", 6), ("停车费能报销吗", 1)]
    assert sorted(found[0].others) == ["发票抬头怎么改", "改发票抬头"]
    assert found[0].last_at == NOW + timedelta(minutes=4)


def test_questions_about_different_things_stay_apart() -> None:
    questions = ["年假怎么请", "病假怎么请", "发票怎么开", "发票丢了", "WiFi password", "打印机没墨了"]

    found = groups([gap(number, question) for number, question in enumerate(questions)])

    alone = {group.question for group in found if not group.others}
    assert {"发票怎么开", "发票丢了", "WiFi password", "打印机没墨了"} <= alone


def test_groups_do_not_depend_on_the_order_of_the_gaps() -> None:
    gaps = [
        gap(n, text, n % 3) for n, text in enumerate(("怎么改抬头", "抬头怎么改", "改抬头", "停车费报销", "报销停车费"))
    ]

    assert groups(gaps) == groups(gaps[::-1])


def test_what_has_no_words_is_a_group_of_its_own() -> None:
    assert [group.question for group in groups([gap(2, "？？"), gap(1, "的")])] == ["？？", "的"]
