"""`ai-worker eval`: golden questions added, asked, compared and tuned on, through the command line."""

from pathlib import Path

from tests.cli.calling import Cli

FAQ = """id,question,aliases,answer
leave,年假怎么请,怎么请年假|申请年假的流程,在 OA 里提交年假申请，主管批准后生效。
invoice,发票怎么开,开发票要什么资料,提供抬头和税号，两个工作日内开好。
parking,访客停车怎么登记,,在前台登记车牌，当天有效。
"""

GOLDEN = """id,question,answer_id,topic
q1,怎么请年假,leave,人事
q2,发票怎么开,invoice,财务
q3,火星分公司几点下班,,没有的
"""


def written(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_questions_are_asked_and_what_got_worse_is_named_with_exit_code_1(cli: Cli, tmp_path: Path) -> None:
    cli("knowledge", "add", written(tmp_path, "faq.csv", FAQ))
    assert cli("eval", "add", written(tmp_path, "golden.csv", GOLDEN), "--json").json == {"added": 3}

    first = cli("eval", "run", "--json")
    assert (first.code, first.json["verdicts"]["right"], first.json["verdicts"]["refused"]) == (0, 2, 1)
    assert (first.json["precision"], first.json["worse"]) == (1.0, None)

    cli("knowledge", "add", written(tmp_path, "faq.csv", FAQ.replace("invoice,", "receipt,")))
    worse = cli("eval", "run", "--json")
    assert worse.code == 1
    assert worse.json["worse"] == [{"id": "q2", "question": "发票怎么开", "before": "right", "now": "wrong"}]

    told = cli("eval", "show", "q2", "--json").json
    assert (told["answer_id"], told["verdict"], told["answer_ids"]) == ("receipt", "wrong", ["invoice"])
    assert "q2「发票怎么开」" not in cli("eval", "run").out, "since the last run nothing changed"
    assert cli("eval", "remove", "q2", "--json").json == {"removed": 1}
    assert [one["id"] for one in cli("eval", "list", "--json").json["questions"]] == ["q1", "q3"]


def test_a_file_that_cannot_be_used_adds_nothing(cli: Cli, tmp_path: Path) -> None:
    twice = cli("eval", "add", written(tmp_path, "twice.csv", GOLDEN + "q1,再问一次,leave,\n"))
    columns = cli("eval", "add", written(tmp_path, "columns.csv", "问题,答案\n怎么退货,a\n"))

    assert (twice.code, "eval.bad_file" in twice.err, "line 5" in twice.err) == (2, True, True)
    assert (columns.code, "eval.bad_file" in columns.err) == (2, True)
    assert cli("eval", "list", "--json").json == {"questions": []}
    none = cli("eval", "run")
    assert (none.code, "eval.none" in none.err) == (1, True)


def test_thresholds_are_tuned_on_enough_questions_only(cli: Cli, tmp_path: Path) -> None:
    cli("knowledge", "add", written(tmp_path, "faq.csv", FAQ))
    cli("eval", "add", written(tmp_path, "golden.csv", GOLDEN))
    few = cli("eval", "tune")
    assert "eval.too_few_questions" in few.err

    rows = "".join(f"r{n},年假怎么请{'呀' * n},leave,人事\n" for n in range(32))
    cli("eval", "add", written(tmp_path, "more.csv", "id,question,answer_id,topic\n" + rows))
    tuned = cli("eval", "tune", "--precision", "0.9", "--apply", "--json").json
    assert (tuned["base"], tuned["target"], tuned["reached"], tuned["applied"]) == ("default", 0.9, True, True)
    assert tuned["precision"] >= 0.9
    assert 0 < tuned["clarify_at"] < tuned["answer_at"] < 1
    assert cli("eval", "tune", "--reset", "--json").json == {"base": "default", "reset": True}
