"""The page of skills: what there is, what is wrong with it, how it scored, who has it."""

import shutil
from pathlib import Path

import httpx

from ai_worker.demo.company import examples
from ai_worker.skills.scores import Scores
from ai_worker.skills.shelf import SkillShelf
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.world import World, world


def put(folder: Path, name: str) -> Path:
    return Path(shutil.copytree(examples() / "skills" / name, folder / "skills" / name))


async def test_without_skills_the_page_says_where_they_go(new_reader: httpx.AsyncClient, tmp_path: Path) -> None:
    page = page_of(await new_reader.get("/skills"))
    assert attribute(page, "nav.side a[aria-current]", "href") == "/skills"
    assert f"{tmp_path / 'skills'}/<名字>/" in words(page.css_first(".card.centre"))


async def test_a_skill_is_there_as_soon_as_its_file_is(
    new_site: World, new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    put(tmp_path, "refund")
    row = page_of(await new_reader.get("/skills")).css_first("#skill-refund")
    assert row is not None
    assert words(row.css_first("b")) == "退款"
    assert texts(page_of(await new_reader.get("/skills")), "#skill-refund td:nth-child(2) code") == [
        *("erp.get_order", "erp.get_refund"),
    ]
    assert words(row.css_first(".findings")) == "没有哪个工具叫 erp.get_order"
    assert words(row.css_first(".since > b")) == "已启用"
    assert words(row.css_first(".since > small")) == "小智"
    assert "ai-worker skills eval refund" in words(row.css_first(".tried"))


async def test_scores_stand_with_their_trend_and_a_fall_is_marked(
    new_site: World, new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    put(tmp_path, "leave")
    for passed in (1, 2, 1):
        Scores(tmp_path).add("leave", passed=passed, examples=2, at=new_site.clock.now(), model="m")
    score = page_of(await new_reader.get("/skills")).css_first("#skill-leave .fell")
    assert words(score) == "1 / 2 变化：50% → 100% → 50%"


async def test_a_skill_that_cannot_be_used_says_why_and_is_no_page_of_its_own(
    new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    (put(tmp_path, "leave") / "SKILL.md").write_text("---\nname: <b>\n---\n", "utf-8")
    answer = await new_reader.get("/skills")
    assert words(page_of(answer).css_first(".warned b")) == "“leave”不能用，别的技能照常。"
    assert "<b>'" not in answer.text


async def test_a_trial_shows_the_request_and_nothing_is_sent(new_reader: httpx.AsyncClient, tmp_path: Path) -> None:
    put(tmp_path, "refund")
    page = page_of(await new_reader.get("/skills/refund"))
    assert "先要订单号" in words(page.css_first("pre.body"))

    asked = {"csrf": await csrf_of(new_reader), "question": "付退款 ORD12345"}
    tried = page_of(await new_reader.post("/skills/refund", data=asked))
    assert "没有发送：POST https://erp.example/erp.pay_refund" in words(tried.css_first(".tried-out pre"))
    assert words(tried.css_first(".tried-out .hint")) == "没有用到这个技能 · 直接回答"
    assert attribute(tried, "#skill-question", "value") == "付退款 ORD12345"
    assert (await new_reader.post("/skills/refund", data={"question": "付退款"})).status_code == 403
    assert (await new_reader.get("/skills/none")).status_code == 404


async def test_a_console_beside_the_runners_says_where_to_try(tmp_path: Path) -> None:
    put(tmp_path, "refund")
    async with world(tmp_path, alone=True) as made:
        reader = await made.signed_in()
        page = page_of(await reader.get("/skills/refund"))
        await reader.aclose()
    assert page.css_first("#skill-question") is None
    assert 'ai-worker skills try refund "…"' in words(page.css_first(".card"))


async def test_a_skill_is_switched_off_with_a_word_and_on_again(
    new_site: World, new_reader: httpx.AsyncClient, tmp_path: Path
) -> None:
    put(tmp_path, "refund")
    token = {"X-CSRF-Token": await csrf_of(new_reader)}
    page = page_of(await new_reader.get("/skills"))
    assert "几秒内所有数字员工都不再用它" in words(page.css_first("#skill-refund .sure form"))

    where = attribute(page, "#skill-refund .sure form", "action")
    done = await new_reader.post(where, headers=token)
    off = page_of(await new_reader.get(done.headers["location"]))
    assert words(off.css_first("#skill-refund .since b")) == "未启用"
    assert "“退款”已停用" in words(off.css_first(".said-so"))
    assert SkillShelf(tmp_path / "skills").of(["*"]) == []

    undone = await new_reader.post(attribute(off, ".said-so", "action"), headers=token)
    on = page_of(await new_reader.get(undone.headers["location"]))
    assert words(on.css_first("#skill-refund .since b")) == "已启用"
    assert [one.name for one in SkillShelf(tmp_path / "skills").of(["*"])] == ["refund"]
    assert (await new_reader.post("/skills/none/off", headers=token)).status_code == 404


async def test_another_process_sees_that_a_skill_was_switched_off(tmp_path: Path) -> None:
    put(tmp_path, "refund")
    here, there = SkillShelf(tmp_path / "skills"), SkillShelf(tmp_path / "skills")

    here.switch("refund", on=False)
    await there.refresh()

    assert there.of(["refund"]) == []
    assert there.get("refund").unread == ()
