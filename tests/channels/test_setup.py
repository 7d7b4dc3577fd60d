"""The steps in which a channel is set up: what the manifests tell, and that they are whole."""

import tomllib
from pathlib import Path

import pytest

from ai_worker.channels.manifest import SetupGuide, callback_url, guides_of
from ai_worker.channels.registry import UnknownKind, kinds, settings_class, setup_guides, setup_steps
from ai_worker.channels.sightings import PROOFS

SAMPLE = Path(__file__).parent / "manifest.toml"
LANGUAGES = ("zh-CN", "en")


def told() -> list[SetupGuide]:
    return [guide for guide in setup_guides().values() if guide.steps]


def sample() -> SetupGuide:
    return guides_of(tomllib.loads(SAMPLE.read_text("utf-8")))["wecom-app"]


@pytest.mark.parametrize("guide", [*told(), sample()], ids=lambda guide: guide.kind)
def test_a_guide_speaks_both_languages_and_asks_for_each_needed_setting_once(guide: SetupGuide) -> None:
    asked = [field.name for step in guide.steps for field in step.fields]
    fields = settings_class(guide.kind).model_fields

    assert len(asked) == len(set(asked)), "a setting is asked for in one step"
    assert {name for name, field in fields.items() if field.is_required()} - {"kind"} <= set(asked)
    assert set(asked) <= set(fields) - {"kind"}
    assert {field.name for field in guide.fields if field.required} <= set(asked)
    assert guide.minutes > 0
    for language in LANGUAGES:
        assert guide.name[language]
        assert guide.platform[language]
        for step in guide.steps:
            assert step.title[language]
            assert step.text[language]
            assert all(field.label[language] and field.help[language] for field in step.fields)


@pytest.mark.parametrize("guide", [*told(), sample()], ids=lambda guide: guide.kind)
def test_a_guide_says_what_shows_that_it_works(guide: SetupGuide) -> None:
    proofs = [step.proof for step in guide.steps if step.proof]

    assert proofs
    assert set(proofs) <= set(PROOFS)
    assert len({step.id for step in guide.steps}) == len(guide.steps)
    for step in guide.steps:
        assert set(step.when) <= set(settings_class(guide.kind).model_fields)


def test_the_web_chat_is_told() -> None:
    assert [step.id for step in setup_steps("web")] == ["open", "talk"]
    assert {guide.kind for guide in told()} >= {"web"}


def test_every_kind_is_told_how_to_set_up() -> None:
    assert [kind for kind in kinds() if not setup_steps(kind)] == []


def test_steps_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(UnknownKind):
        setup_steps("telegram")


def test_a_step_names_our_address_and_the_channel() -> None:
    callback = sample().steps[1]
    text = callback.told("zh-CN", name="service-desk", public_url="https://ai.huaxing.example")

    assert callback.calls_back
    assert callback_url("https://ai.huaxing.example/", "service-desk") in text
    assert "{" not in setup_steps("web")[1].told("en", name="site", public_url="http://127.0.0.1:18789")


def test_a_step_is_only_for_those_whom_it_concerns() -> None:
    manifest = tomllib.loads(SAMPLE.read_text("utf-8"))
    manifest["kind"]["wecom-app"]["step"][1]["when"] = {"mode": "webhook"}
    step = guides_of(manifest)["wecom-app"].steps[1]

    assert step.applies({"mode": "webhook"})
    assert not step.applies({"mode": "websocket"})
    assert step.applies({})


def test_a_step_that_asks_for_what_nobody_described_is_a_broken_manifest() -> None:
    manifest = tomllib.loads(SAMPLE.read_text("utf-8"))
    manifest["kind"]["wecom-app"]["step"][0]["fields"].append("passport")

    with pytest.raises(ValueError, match="passport"):
        guides_of(manifest)


def test_every_kind_has_a_name() -> None:
    assert set(setup_guides()) == set(kinds())
    assert all(set(guide.name) == set(LANGUAGES) for guide in setup_guides().values())
