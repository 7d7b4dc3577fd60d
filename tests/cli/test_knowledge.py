"""`ai-worker knowledge`, `chat` and `channels`."""

from pathlib import Path

import pytest

from tests.cli.calling import Cli, call

FAQ = "id,question,aliases,answer\nleave,年假有几天？,年假多少天|带薪假几天,满一年 5 天，满十年 10 天。\n"
POLICY = "# 售后政策\n\n## 退款\n\n退款在收到退货后三个工作日内原路退回，最迟不超过七天。\n"


@pytest.fixture
def documents(site: Path) -> Path:
    folder = site / "制度"
    folder.mkdir()
    (folder / "常见问题.csv").write_text(FAQ, encoding="utf-8")
    (folder / "售后.md").write_text(POLICY, encoding="utf-8")
    return folder


def test_what_was_added_is_answered_with_its_citation(cli: Cli, documents: Path) -> None:
    added = cli("knowledge", "add", str(documents), "--json")
    assert added.code == 0
    assert added.json == {"documents": 2, "passages": 2, "failed": [], "twins": []}

    answer = cli("knowledge", "ask", "带薪假几天", "--json").json

    assert answer["decision"] == "answer"
    assert answer["answer_id"] == "leave"
    assert "满一年 5 天" in answer["text"]
    assert answer["citations"][0]["document"] == "常见问题.csv"
    assert set(answer) == {
        "decision", "text", "answer_id", "confidence", "candidates", "citations", "turn_id",
    }  # fmt: skip
    assert "满一年 5 天" in cli("knowledge", "ask", "年假有几天").out


def test_what_repeats_or_contradicts_something_is_pointed_out_and_still_added(cli: Cli, documents: Path) -> None:
    cli("knowledge", "add", str(documents))
    more = documents / "新问答.csv"
    more.write_text(
        "id,question,answer\nleave-2,年假有几天,每年 8 天。\nother,怎么报销,在系统里提交。\n", encoding="utf-8"
    )

    said = cli("knowledge", "add", str(more))
    added = cli("knowledge", "add", str(more), "--json")

    assert (said.code, added.code) == (0, 0)
    assert "答案不同" in said.err
    assert "leave「年假有几天？」" in said.err
    assert "leave-2「年假有几天」" in said.err
    assert added.json["passages"] == 2
    assert added.json["twins"] == [
        {
            "likeness": "answers",
            "base": "default",
            "ids": ["leave", "leave-2"],
            "said": ["年假有几天？", "年假有几天"],
        }
    ]
    assert cli("knowledge", "ask", "怎么报销", "--json").json["answer_id"] == "other"


def test_what_could_not_be_read_is_named_and_the_rest_is_kept(cli: Cli, documents: Path) -> None:
    (documents / "程序.exe").write_bytes(b"MZ")

    called = cli("knowledge", "add", str(documents), "--json")

    assert called.code == 1
    assert called.json["documents"] == 2
    (failure,) = called.json["failed"]
    assert failure["document"] == "程序.exe"
    assert failure["code"] == "knowledge.unsupported_type"
    told = cli("knowledge", "add", str(documents))
    assert told.code == 1
    assert "程序.exe" in told.err


def test_a_row_that_could_not_be_taken_is_named_wherever_it_is_told(cli: Cli, documents: Path) -> None:
    (documents / "缺答案.csv").write_text("问题,答案\n年会在哪里开,在总部。\n年会几点开,\n", encoding="utf-8")

    added = cli("knowledge", "add", str(documents / "缺答案.csv"))
    checked = cli("knowledge", "check")

    for told in (added, checked):
        assert told.code == 1
        assert "缺答案.csv  第 3 行：表里有一行不能收" in told.err
    assert "1 处没有收下" in cli("knowledge", "list").out


def test_where_nothing_was_added_nothing_is_called_done(cli: Cli, site: Path) -> None:
    (site / "程序.exe").write_bytes(b"MZ")

    called = cli("knowledge", "add", str(site / "程序.exe"))

    assert (called.code, called.out) == (1, "")


def test_a_path_that_is_not_there_is_a_problem(cli: Cli) -> None:
    called = cli("knowledge", "add", "没有这个文件夹", "--json")

    assert called.code == 1
    assert called.json["failed"][0]["code"] == "knowledge.path_unreadable"


def test_documents_are_listed_with_their_base(cli: Cli, documents: Path) -> None:
    assert "→ ai-worker knowledge add" in cli("knowledge", "list").out
    cli("knowledge", "add", str(documents), "--base", "hr")

    rows = cli("knowledge", "list", "--json").json["documents"]

    assert {(row["id"], row["base"], row["state"]) for row in rows} == {
        ("常见问题.csv", "hr", "ready"),
        ("售后.md", "hr", "ready"),
    }
    assert "售后.md" in cli("knowledge", "list").out


def test_without_a_service_there_are_no_gaps(cli: Cli) -> None:
    assert cli("knowledge", "gaps", "--json").json == {"gaps": []}


def test_a_chat_answers_line_by_line_and_ends_with_its_input(cli: Cli, documents: Path) -> None:
    cli("knowledge", "add", str(documents))

    called = cli("chat", stdin="你好\n\n年假有几天？\n")

    assert called.code == 0, called.err
    assert called.out.count("小智  ") == 2
    assert "满一年 5 天" in called.out


def test_a_chat_with_somebody_who_does_not_exist_is_a_problem(cli: Cli) -> None:
    called = cli("chat", "--worker", "nobody")

    assert called.code == 1
    assert "worker.not_found" in called.err


def test_channels_are_listed_with_the_worker_that_answers(site: Path) -> None:
    (site / "ai-worker.toml").write_text(
        '[channels.shop]\nkind = "web"\n[channels.desk]\nkind = "web"\n'
        '[workers.xiaozhi]\nchannels = ["shop"]\n[workers.anan]\nchannels = ["desk"]\n',
        encoding="utf-8",
    )

    rows = call(site, "channels", "list", "--json").json["channels"]

    assert [(row["name"], row["worker"], row["callback"]) for row in rows] == [
        ("shop", "xiaozhi", "/channels/shop/callback"),
        ("desk", "anan", "/channels/desk/callback"),
    ]
    assert "desk" in call(site, "channels", "list").out


def test_what_is_removed_comes_back_or_goes_for_good(cli: Cli, documents: Path) -> None:
    cli("knowledge", "add", str(documents), "--department", "总部/财务")
    assert cli("knowledge", "ask", "年假有几天", "--json").json["decision"] == "answer", "an administrator reads all"

    removed = cli("knowledge", "remove", "售后.md", "leave", "--json")
    assert removed.json["removed"] == [{"id": "售后.md", "kind": "document"}, {"id": "leave", "kind": "entry"}]
    listed = cli("knowledge", "list", "--removed", "--json").json["removed"]
    assert {one["id"] for one in listed} == {"售后.md", "leave"}

    assert cli("knowledge", "restore", "leave", "--json").json["restored"]["kind"] == "entry"
    shown = cli("knowledge", "show", "leave", "--json").json
    assert (shown["kind"], shown["passages"][0]["text"]) == ("entry", "满一年 5 天，满十年 10 天。")
    assert shown["keeping"]["departments"] == ["总部/财务"]
    assert [version["act"] for version in shown["versions"]] == ["restored", "removed"]
    assert cli("knowledge", "remove", "售后.md", "--purge", "--json").json["purged"] == 1
    assert cli("knowledge", "restore", "售后.md").code == 1


def test_sources_are_looked_at_and_what_needs_a_person_is_listed(cli: Cli, site: Path, documents: Path) -> None:
    settings = (site / "ai-worker.toml").read_text("utf-8")
    source = '[knowledge.sources.policies]\nkind = "folder"\npath = "制度"\nevery = "1d"\n'
    (site / "ai-worker.toml").write_text(settings + source, "utf-8")
    (documents / "坏.csv").write_bytes(b'id,question,answer\na,b,"c')

    synced = cli("knowledge", "sync", "--json")

    report = synced.json["sources"]["policies"]
    assert (synced.code, report["checked"], report["changed"]) == (1, 3, 2)
    assert [(one["document"], one["code"]) for one in report["failed"]] == [("坏.csv", "knowledge.document_cut_off")]
    checked = cli("knowledge", "check", "--json")
    assert checked.code == 1
    assert [one["id"] for one in checked.json["failed"]] == ["坏.csv"]
    assert checked.json["twins"] == checked.json["due"] == []


def test_a_source_without_a_place_is_refused_with_its_line(cli: Cli, site: Path) -> None:
    settings = (site / "ai-worker.toml").read_text("utf-8")
    (site / "ai-worker.toml").write_text(f'{settings}[knowledge.sources.a]\nkind = "urls"\nevery = "bald"\n', "utf-8")

    called = cli("knowledge", "list")

    assert called.code == 4
    assert "knowledge.sources.a" in called.err


def test_gaps_are_written_into_a_table_that_only_their_owner_reads(cli: Cli, site: Path) -> None:
    assert cli("knowledge", "gaps", "--csv", "gaps.csv").code == 0
    file = site / "gaps.csv"
    assert file.read_bytes().startswith("\ufeff组,问题".encode())
    assert file.stat().st_mode & 0o077 == 0
    assert "gaps.not_written" in cli("knowledge", "gaps", "--csv", "nowhere/gaps.csv").err
