"""`ai-worker skills`: listed, looked at, tried without changing anything, and given a score."""

import shutil
from pathlib import Path

import pytest

from ai_worker.demo.company import examples
from ai_worker.demo.erp import DemoErp
from tests.cli.calling import Cli


@pytest.fixture
def skills(site: Path) -> Path:
    """A site with the included skills."""
    shutil.copytree(examples() / "skills", site / "skills")
    return site / "skills"


def test_a_site_without_skills_says_where_they_go(cli: Cli, site: Path) -> None:
    assert cli("skills", "list", "--json").json == {"folder": str(site / "skills"), "skills": [], "refused": {}}
    assert "skills/" in cli("skills", "list").out
    assert cli("skills", "lint", "--json").json == {"skills": [], "tools_known": True}


def test_skills_are_listed_and_looked_at(cli: Cli, skills: Path) -> None:
    listed = cli("skills", "list", "--json").json["skills"]
    assert [one["name"] for one in listed] == sorted(one.name for one in skills.iterdir())
    assert listed[-1] | {"description": ""} == {
        **{"name": "refund", "title": "退款", "description": "", "examples": 2, "workers": ["xiaozhi"], "scores": []},
        "allowed_tools": ["erp.get_order", "erp.get_refund"],
    }
    assert "订单与物流" in cli("skills", "list").out

    found = cli("skills", "lint", str(skills / "refund"), "--json")
    assert (found.code, [one["fault"] for one in found.json["skills"][0]["findings"]]) == (0, ["unknown_tools"])
    (skills / "refund" / "SKILL.md").write_text("name: refund\n", "utf-8")
    broken = cli("skills", "lint", "--lang", "en")
    assert (broken.code, "refund: cannot be used" in broken.err) == (1, True)
    assert "refund" in cli("skills", "list", "--json").json["refused"]
    assert "skill.bad" in cli("skills", "try", "refund", "退款").err


def test_what_is_not_there_is_said(cli: Cli, skills: Path) -> None:
    (skills / "leave" / "examples.toml").unlink()
    assert "skill.not_found" in cli("skills", "try", "none", "你好").err
    assert "skill.no_examples" in cli("skills", "eval", "leave").err
    assert "skill.not_found" in cli("skills", "lint", str(skills / "nowhere")).err
