"""The look, as far as it can be computed: contrast of every pair of tokens that meet, and what old browsers know."""

import re
from importlib.resources import files

import pytest

CSS = re.sub(
    r"/\*.*?\*/",
    "",
    files("ai_worker.console").joinpath("static", "console.css").read_text(encoding="utf-8"),
    flags=re.S,
)
SCRIPT = files("ai_worker.console").joinpath("static", "console.js").read_text(encoding="utf-8")

TEXT_ON = {
    "ink": ("paper", "card", "side", "bubble", "jade-wash"),
    "soft": ("paper", "card", "side", "bubble"),
    "faint": ("paper", "card", "side"),
    "jade": ("paper", "card", "side", "jade-wash"),
    "on-jade": ("jade",),
    "yellow": ("paper", "card", "yellow-wash"),
    "orange": ("paper", "card", "side", "orange-wash"),
    "red": ("card", "red-wash"),
    "paper": ("ink",),
}
"""Which token is used for text on which ground."""


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def blocks() -> dict[str, dict[str, str]]:
    found = re.findall(r":root(?::not\(\[data-theme=\"light\"\]\)|\[data-theme=\"dark\"\])? \{(.*?)\}", CSS, re.DOTALL)
    light, automatic, chosen = (tokens(block) for block in found)
    return {"light": light, "dark": automatic, "chosen dark": chosen}


def luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"), [(text, ground) for text, grounds in TEXT_ON.items() for ground in grounds]
)
def test_text_can_be_read_on_its_ground(theme: str, text: str, ground: str) -> None:
    palette = blocks()[theme]

    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_drawn_lines_and_bars_stand_out_from_the_card(theme: str) -> None:
    palette = blocks()[theme]

    assert contrast(palette["jade"], palette["track"]) >= 3
    assert contrast(palette["orange"], palette["card"]) >= 3


def test_dark_is_the_same_whether_the_system_or_the_reader_chose_it() -> None:
    assert blocks()["dark"] == blocks()["chosen dark"]
    assert blocks()["dark"].keys() == blocks()["light"].keys()


@pytest.mark.parametrize(
    "newer", ["light-dark(", "color-mix(", "@layer", "@container", "oklch(", "@scope", "@starting"]
)
def test_chromium_108_can_render_it(newer: str) -> None:
    assert newer not in CSS


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert "http" not in CSS
    assert "@import" not in CSS
    assert "http" not in SCRIPT
    assert "eval" not in SCRIPT


def test_colours_come_from_tokens_alone() -> None:
    rules = re.sub(r"--[a-z-]+: #[0-9a-f]{6};", "", CSS)

    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;,\s)])", rules)
