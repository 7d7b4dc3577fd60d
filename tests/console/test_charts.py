from xml.etree import ElementTree

import pytest

from ai_worker.console.charts import Hour, bar, day_chart, nice_ceiling, sparkline


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace(" class=minor", ' class="minor"'))


def test_a_line_needs_two_points() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0, None]) == ""


def test_a_flat_line_lies_in_the_middle() -> None:
    path = drawn(sparkline([5.0, 5.0, 5.0])).find("path[@class='line']")

    assert path is not None
    assert path.attrib["d"] == "M3 18 L56 18 L109 18"


def test_the_highest_value_is_drawn_highest() -> None:
    dot = drawn(sparkline([1.0, 2.0, 3.0])).find("circle")

    assert dot is not None
    assert float(dot.attrib["cy"]) == 6


def test_hours_without_answers_break_the_response_line() -> None:
    hours = [Hour("10:00", 4, 1.0), Hour("11:00", 2, 1.2), Hour("12:00", 0, None), Hour("13:00", 3, 0.9)]

    svg = drawn(day_chart(hours, target=2, target_label="目标 2 秒", sentence="四小时"))

    assert len(svg.findall("path[@class='response']")) == 1
    assert len(svg.findall("circle[@class='response']")) == 1
    assert len(svg.findall("rect[@class='volume']")) == 2
    assert len(svg.findall("rect[@class='volume now']")) == 1


def test_the_target_line_is_always_in_the_picture() -> None:
    for slowest in (0.1, 2.0, 9.7):
        svg = drawn(day_chart([Hour("10:00", 1, slowest)], target=2, target_label="目标", sentence="一小时"))
        line = svg.find("line[@class='target']")
        assert line is not None
        assert 14 < float(line.attrib["y1"]) < 206
        dot = svg.find("circle[@class='response']")
        assert dot is not None
        assert float(dot.attrib["cy"]) >= 14


def test_no_hours_are_an_empty_frame() -> None:
    assert not drawn(day_chart([], target=2, target_label="目标", sentence="没有消息")).findall("rect")


def test_words_in_a_chart_are_escaped() -> None:
    svg = day_chart([Hour("<b>", 1, 1)], target=2, target_label="<i>", sentence='"><script>')

    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "<i>" not in svg


@pytest.mark.parametrize(("value", "top"), [(0, 4), (4, 4), (5, 10), (11, 20), (21, 40), (140, 200), (999, 1000)])
def test_axes_end_at_round_numbers(value: int, top: int) -> None:
    assert nice_ceiling(value) == top


def test_a_bar_stays_within_its_track() -> None:
    fill = drawn(bar(140, 80)).find("rect[@class='fill']")

    assert fill is not None
    assert fill.attrib["width"] == "200"
