"""`ai-worker skills`: listed, looked at, tried without changing anything, and given a score."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest

from ai_worker.demo.company import examples
from ai_worker.demo.erp import SimulatedErp
from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel
from tests.cli.calling import Called, Cli


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
        "name": "refund",
        "title": "退款",
        "description": "",
        "examples": 2,
        "workers": ["xiaozhi"],
        "enabled": True,
        "scores": [],
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


def script(asked: Asked) -> Say:
    """Use the skill, then read the refund, then say what the system said."""
    says = [
        Say(calls=(Call("use_skill", {"name": "refund"}),)),
        Say(calls=(Call("erp_get_refund", {"order_id": "ORD12341"}),)),
    ]
    made = sum(message["role"] == "tool" for message in asked.messages)
    return says[made] if made < len(says) else Say("订单 ORD12341 的退货已收到，正在质检。")


@pytest.fixture
async def called(cli: Cli, site: Path, skills: Path) -> AsyncIterator[Callable[..., "asyncio.Future[Called]"]]:
    """The command line beside a model that uses the skill, and the sample order system."""
    shutil.copytree(examples() / "connectors" / "erp", site / "connectors" / "erp")
    settings = (site / "ai-worker.toml").read_text("utf-8")
    async with (
        ScriptedModel(script) as model,
        SimulatedErp(today=date(2026, 11, 22), api_key="erp-key-of-the-test") as erp,
    ):
        (site / "ai-worker.toml").write_text(
            f'{settings}\n[model]\nbase_url = "{model.base_url}"\nname = "scripted"\n', "utf-8"
        )

        async def run(*words: str) -> Called:
            given = {"ERP_BASE_URL": erp.base_url, "ERP_API_KEY": erp.api_key}
            return await asyncio.to_thread(cli, *words, **given)

        yield lambda *words: asyncio.ensure_future(run(*words))


async def test_a_trial_runs_a_whole_turn_and_shows_what_was_called(
    called: Callable[..., "asyncio.Future[Called]"],
) -> None:
    question = ("skills", "try", "refund", "帮我看看老周那单 ORD12341 的钱")
    tried = (await called(*question, "--json")).json
    assert (tried["used"], tried["decision"], tried["model"]) == (True, "answer", "scripted")
    assert tried["calls"] == [{"tool": "erp.get_refund", "arguments": {"order_id": "ORD12341"}, "request": None}]

    offline = (await called(*question, "--offline", "--json")).json
    (call,) = offline["calls"]
    assert call["request"]["method"] == "GET"
    assert call["request"]["address"].endswith("/ORD12341")
    assert "erp-key-of-the-test" not in str(offline)


async def test_an_evaluation_is_compared_with_the_last_and_a_worse_one_exits_with_1(
    called: Callable[..., "asyncio.Future[Called]"], skills: Path
) -> None:
    file = skills / "refund" / "examples.toml"
    example = '[[example]]\nquestion = "老周那单 ORD12341 的钱呢"\ndecision = "answer"\nwords = ["{words}"]\n'
    file.write_text(example.format(words="正在质检"), "utf-8")
    first = await called("skills", "eval", "refund", "--json")
    assert (first.code, first.json["score"], first.json["before"], first.json["model"]) == (0, 1.0, None, "scripted")

    file.write_text(example.format(words="已到账"), "utf-8")
    worse = await called("skills", "eval", "refund", "--json")
    assert (worse.code, worse.json["score"], worse.json["before"]) == (1, 0.0, 1.0)
    assert worse.json["outcomes"][0]["missed"] == ["words: 已到账"]
    assert [one["passed"] for one in (await called("skills", "list", "--json")).json["skills"][-1]["scores"]] == [1, 0]


def test_a_skill_is_switched_off_and_on_again(cli: Cli, skills: Path) -> None:
    def refund() -> dict[str, object]:
        return next(one for one in cli("skills", "list", "--json").json["skills"] if one["name"] == "refund")

    assert cli("skills", "disable", "refund", "--json").json == {"skill": "refund", "enabled": False}
    assert (refund()["enabled"], refund()["workers"]) == (False, [])
    assert cli("skills", "lint", str(skills / "refund")).code == 0
    assert cli("skills", "enable", "refund").code == 0
    assert (refund()["enabled"], refund()["workers"]) == (True, ["xiaozhi"])
    assert "skill.not_found" in cli("skills", "disable", "none").err
