"""What lies beside the code: the manifest, the guides, the quality scale."""

import tomllib
from importlib import resources
from typing import Any, get_args

import pytest

from ai_worker.channels.contract import Kind, Proof
from ai_worker.channels.wecom.kinds import KINDS
from ai_worker.foundation.secret import Secret

FOLDER = resources.files("ai_worker.channels.wecom")


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


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_manifest_marks_the_secrets(manifest: dict[str, Any], kind: Kind) -> None:
    marked = {name for name, field in manifest["kind"][kind.name]["field"].items() if field.get("secret")}
    assert marked == {name for name, field in kind.settings.model_fields.items() if field.annotation is Secret}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_both_guides_say_the_same_and_name_every_required_setting(manifest: dict[str, Any], kind: str) -> None:
    guides = manifest["kind"][kind]["guide"]
    chinese, english = read(guides["zh"]), read(guides["en"])
    for mark in ("\n## ", "\n| ", "```", "\n- "):
        assert chinese.count(mark) == english.count(mark), mark
    for name, field in manifest["kind"][kind]["field"].items():
        if field["required"]:
            assert f"`{name}`" in chinese, name
            assert f"`{name}`" in english, name


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_the_steps_ask_for_what_is_needed_and_say_what_proves_it(manifest: dict[str, Any], kind: str) -> None:
    steps, fields = manifest["kind"][kind]["step"], manifest["kind"][kind]["field"]
    assert len({step["id"] for step in steps}) == len(steps)
    asked = [name for step in steps for name in step["fields"]]
    assert len(set(asked)) == len(asked)
    assert set(asked) <= set(fields)
    assert {name for name, field in fields.items() if field["required"]} <= set(asked)
    for step in steps:
        assert set(step) == {"id", "title", "text", "fields", "proof"}
        assert set(step["title"]) == set(step["text"]) == {"zh", "en"}
        assert step["proof"] in ("", *get_args(Proof))


def test_the_quality_scale_is_honest_in_form() -> None:
    scale = tomllib.loads(read("quality.toml"))
    assert list(scale) == ["bronze", "silver", "gold"]
    assert sum(len(rules) for rules in scale.values()) == 10
    for rule in (rule for rules in scale.values() for rule in rules.values()):
        state = rule["state"]
        assert state in ("done", "todo") or state["exempt"]
        assert state != "todo" or rule["note"]
