"""What lies beside the code: the manifest, the guides, the quality scale."""

import tomllib
from importlib import resources
from typing import Any, get_args

import pytest

from ai_worker.channels.contract import Proof
from ai_worker.channels.feishu.kinds import KINDS
from ai_worker.foundation.secret import Secret

FOLDER = resources.files("ai_worker.channels.feishu")


def read(name: str) -> str:
    return FOLDER.joinpath(name).read_text(encoding="utf-8")


@pytest.fixture
def manifest() -> dict[str, Any]:
    return tomllib.loads(read("manifest.toml"))


def test_the_manifest_names_every_kind(manifest: dict[str, Any]) -> None:
    assert manifest["kinds"] == [kind.name for kind in KINDS] == list(manifest["kind"])
    assert set(manifest["name"]) == {"zh", "en"}


def test_the_manifest_describes_every_setting_in_both_languages(manifest: dict[str, Any]) -> None:
    for kind in KINDS:
        described = manifest["kind"][kind.name]["field"]
        declared = {name: field for name, field in kind.settings.model_fields.items() if name != "kind"}
        assert set(described) == set(declared)
        for name, field in described.items():
            assert field["required"] == declared[name].is_required(), name
            assert set(field["label"]) == set(field["help"]) == {"zh", "en"}, name
            assert field.get("secret", False) == (declared[name].annotation is Secret), name


def test_every_step_is_told_in_both_languages_and_asks_for_known_settings(manifest: dict[str, Any]) -> None:
    for kind in KINDS:
        steps = manifest["kind"][kind.name]["step"]
        assert len({step["id"] for step in steps}) == len(steps)
        asked = [name for step in steps for name in step["fields"]]
        required = {name for name, field in kind.settings.model_fields.items() if field.is_required()}
        assert required <= set(asked) <= set(kind.settings.model_fields)
        for step in steps:
            assert set(step["title"]) == set(step["text"]) == {"zh", "en"}
            assert step["proof"] in ("", *get_args(Proof))
            assert step["text"]["zh"].count("{callback_url}") == step["text"]["en"].count("{callback_url}")


def test_both_guides_say_the_same_and_name_every_required_setting(manifest: dict[str, Any]) -> None:
    chinese, english = read("guide.zh.md"), read("guide.en.md")
    for mark in ("\n## ", "\n| ", "```"):
        assert chinese.count(mark) == english.count(mark), mark
    for kind in manifest["kind"].values():
        for name, field in kind["field"].items():
            assert not field["required"] or f"`{name}`" in chinese, name
            assert not field["required"] or f"`{name}`" in english, name


def test_the_quality_scale_is_honest_in_form() -> None:
    scale = tomllib.loads(read("quality.toml"))
    assert list(scale) == ["bronze", "silver", "gold"]
    assert sum(len(rules) for rules in scale.values()) == 10
    for rule in (rule for rules in scale.values() for rule in rules.values()):
        state = rule["state"]
        assert state in ("done", "todo") or state["exempt"]
        assert state != "todo" or rule["note"]
