"""Skills as they stand in their folders: read, refused with the reason, looked at by the linter."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ai_worker.skills.lint import lint, tokens
from ai_worker.skills.reading import read_skill
from ai_worker.skills.shelf import SkillShelf, folders_in
from ai_worker.skills.skill import NoSuchSkill, SkillRefused
from ai_worker.skills.tool import Tool

EXAMPLES = Path(__file__).parents[2] / "examples" / "skills"

FRONT = "name: refund\ndescription: 对方问退款到哪一步、多久到账时使用。要先有订单号。\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(front: str = FRONT, body: str = "先问订单号。", *, name: str = "refund", **files: str) -> Path:
        folder = tmp_path / "skills" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SKILL.md").write_text(f"---\n{front}---\n{body}\n", "utf-8")
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text, "utf-8")
        return folder

    return make


def tool(name: str, *, acts: bool = False) -> Tool:
    return Tool(name, name.partition(".")[0], name, {"type": "object"}, "money" if acts else "read")


def test_a_skill_is_read_with_all_that_the_format_has(write: Write) -> None:
    front = FRONT + (
        "license: Apache-2.0\ncompatibility: 要有 ERP\nallowed-tools: erp.get_order erp.get_ref*\n"
        "metadata:\n  title: 退款\n  version: 1.2\n"
    )
    skill = read_skill(write(front, examples_toml='[[example]]\nquestion = "退款到了吗"\ndecision = "clarify"\n'))

    assert (skill.name, skill.title, skill.body) == ("refund", "退款", "先问订单号。")
    assert (skill.license, skill.compatibility, skill.metadata["version"]) == ("Apache-2.0", "要有 ERP", "1.2")
    assert [skill.allows(name) for name in ("erp.get_order", "erp.get_refund", "erp.cancel_order")] == [
        True,
        True,
        False,
    ]
    assert (skill.examples[0].question, skill.examples[0].decision) == ("退款到了吗", "clarify")


def test_tools_may_be_a_list_and_without_any_all_are_allowed(write: Write) -> None:
    assert read_skill(write(FRONT + "allowed-tools: [erp.get_order]\n")).allowed_tools == ("erp.get_order",)
    assert read_skill(write()).allows("anything.at_all")


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("description: 有用\n", "name: it is missing"),
        ("name: refund\n", "description: it is missing"),
        ("name: Refund\ndescription: 有用\n", "lower case letters"),
        ("name: re--fund\ndescription: 有用\n", "single hyphens"),
        (f"name: {'a' * 65}\ndescription: 有用\n", "65 characters; at most 64"),
        ("name: returns\ndescription: 有用\n", "must be the same"),
        (f"name: refund\ndescription: {'长' * 1025}\n", "1,025 characters; at most 1,024"),
        ("name: refund\ndescription: [1]\n", "it must be text"),
        ("name: refund\ndescription: a: b: c\n", "line 3: the front matter is no YAML"),
        ("- refund\n", "fields with values"),
        ("name: refund\ndescription: !!python/object/apply:os.getcwd []\n", "no YAML"),
        (FRONT + "allowed-tools: 7\n", "allowed-tools"),
        (FRONT + "metadata: {a: [1]}\n", "metadata"),
        (FRONT + f"compatibility: {'x' * 501}\n", "at most 500"),
    ],
)
def test_what_is_not_as_the_format_says_is_refused_with_the_reason(write: Write, front: str, said: str) -> None:
    with pytest.raises(SkillRefused, match=r"SKILL\.md") as refused:
        read_skill(write(front))
    assert said in str(refused.value)


def test_a_file_without_front_matter_or_with_half_of_it_is_refused(write: Write) -> None:
    folder = write()
    for text, said in (
        ("# 退款\n", "there is no front matter"),
        ("---\nname: refund\n", "does not end"),
        ("", "first"),
    ):
        (folder / "SKILL.md").write_text(text, "utf-8")
        with pytest.raises(SkillRefused, match=said):
            read_skill(folder)
    (folder / "SKILL.md").write_bytes("---\nname: 退款".encode("gb18030"))
    with pytest.raises(SkillRefused, match="not UTF-8"):
        read_skill(folder)
    (folder / "SKILL.md").write_bytes(b"-" * 300_000)
    with pytest.raises(SkillRefused, match="at most 262,144"):
        read_skill(folder)


@pytest.mark.parametrize(
    "examples",
    [
        "[[example]]\n",
        '[[example]]\nquestion = "a"\ndecision = "maybe"\n',
        "example = 1\n",
        "[[",
        '[[example]]\nq = "a"\n',
    ],
)
def test_examples_that_nobody_understands_are_refused(write: Write, examples: str) -> None:
    with pytest.raises(SkillRefused, match=r"examples\.toml"):
        read_skill(write(examples_toml=examples))


def test_the_shelf_leaves_a_broken_skill_out_and_takes_changes_over(write: Write) -> None:
    folder = write().parent
    write("name: Leave\n", name="leave")
    shelf = SkillShelf(folder)
    assert [one.name for one in shelf.of(["*"])] == ["refund"]
    assert shelf.of(["leave", "none"]) == []
    assert "leave" in shelf.refused
    with pytest.raises(SkillRefused):
        shelf.get("leave")
    with pytest.raises(NoSuchSkill):
        shelf.get("none")


async def test_the_shelf_reads_again_what_was_changed_added_or_removed(write: Write) -> None:
    folder = write()
    shelf = SkillShelf(folder.parent)
    write(body="换了说法，更长一些。")
    write("name: leave\ndescription: 请假\n", name="leave")
    await shelf.refresh()
    assert [(one.name, one.body) for one in shelf.all] == [
        ("leave", "先问订单号。"),
        ("refund", "换了说法，更长一些。"),
    ]

    for name in ("leave", "refund"):
        (folder.parent / name / "SKILL.md").unlink()
        (folder.parent / name).rmdir()
    await shelf.refresh()
    assert list(shelf.all) == []


def test_the_linter_says_what_could_be_better(write: Write) -> None:
    front = "name: refund\ndescription: 退款\nallowed-tools: erp.get_* erp.cancel crm.*\nmodel: big\n"
    folder = write(front, "说明" * 3_000, run_sh="rm -rf /")
    found = lint(folder, [tool("erp.get_order"), tool("erp.cancel", acts=True)])

    assert {(one.fault, one.detail) for one in found} == {
        ("unknown_fields", "model"),
        ("long_body", "6,000"),
        ("short_description", ""),
        ("unknown_tools", "crm.*"),
        ("acts", "erp.cancel"),
        ("never_run", "run.sh"),
        ("no_examples", ""),
    }
    assert all(one.says("zh-CN") != one.says("en") for one in found)


def test_the_linter_says_why_a_skill_cannot_be_used(write: Write) -> None:
    (finding,) = lint(write("name: refund\n"), None)
    assert (finding.level, finding.fault) == ("error", "refused")
    assert "description: it is missing" in finding.says("en")


def test_an_example_cannot_want_a_tool_that_its_skill_forbids(write: Write) -> None:
    examples = '[[example]]\nquestion = "取消订单"\ntools = ["erp.cancel"]\n'
    folder = write(FRONT + "allowed-tools: erp.get_order\n", examples_toml=examples)
    assert [(one.fault, one.detail) for one in lint(folder, None)] == [("example_tools", "erp.cancel")]


def test_tokens_are_counted_about_right() -> None:
    assert (tokens(""), tokens("退款"), tokens("refund order")) == (0, 2, 3)


def test_the_six_included_skills_are_without_a_fault() -> None:
    folders = folders_in(EXAMPLES)
    assert [one.name for one in folders] == [
        *("expense", "it-helpdesk", "leave", "meeting-room", "order-and-logistics", "refund"),
    ]
    assert [finding for folder in folders for finding in lint(folder, None)] == []
