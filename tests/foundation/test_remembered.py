"""What was found out about a text is found out once, unless the text is long."""

from ai_worker.foundation.remembered import remembered


def test_a_text_is_looked_at_once_and_a_long_one_each_time() -> None:
    looked_at: list[str] = []

    @remembered(texts=2, characters=5)
    def length(text: str) -> int:
        looked_at.append(text)
        return len(text)

    assert [length("退货"), length("退货"), length("怎么申请退货"), length("怎么申请退货")] == [2, 2, 6, 6]
    assert looked_at == ["退货", "怎么申请退货", "怎么申请退货"]


def test_no_more_is_kept_than_was_said() -> None:
    looked_at: list[str] = []

    @remembered(texts=2, characters=5)
    def itself(text: str) -> str:
        looked_at.append(text)
        return text

    for text in ("甲", "乙", "甲", "丙", "甲", "乙"):
        itself(text)

    assert looked_at == ["甲", "乙", "丙", "乙"]
