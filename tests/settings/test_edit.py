"""Changing a channel's section: the rest of the file stays as people wrote it."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.settings.edit import FileChanged, FileNotEditable, keep_secret, replace, section, with_channel

WRITTEN = """\
# 华星办公
data_dir = "var"   # 数据

[channels.site] # 官网
kind = "web"
allowed_origins = [ "https://a.cn" , ]   # 只有官网

[workers.xiaozhi]
display_name = '小智'
# 末尾的说明
"""


def test_a_new_channel_stands_at_the_end_and_everything_else_as_it_was() -> None:
    changed = with_channel(WRITTEN, "service-desk", {"kind": "wecom-app", "token": "env:TOKEN"})

    assert changed == WRITTEN + '\n[channels.service-desk]\nkind = "wecom-app"\ntoken = "env:TOKEN"\n'


def test_a_changed_value_keeps_the_comments_around_it() -> None:
    changed = with_channel(WRITTEN, "site", {"allowed_origins": ["https://b.cn"], "max_callback_age_s": 60})

    assert (
        changed.replace('["https://b.cn"]', '[ "https://a.cn" , ]').replace("max_callback_age_s = 60\n", "") == WRITTEN
    )
    assert "# 只有官网" in changed


def test_an_empty_file_begins_with_the_channel() -> None:
    assert (
        with_channel("", "客服", {"kind": "web"})
        == '[channels."客服"]\nkind = "web"\n'
        == section("客服", {"kind": "web"})
    )


def test_a_channel_between_dotted_keys_and_sub_tables_is_found() -> None:
    text = (
        "[channels]\na.kind = 'web'\n[channels.b]\nkind='feishu'\n[channels.b.groups.oc]\nanswer='all'\n[api]\nport=1\n"
    )

    changed = with_channel(with_channel(text, "b", {"mode": "webhook"}), "a", {"allowed_origins": []})

    tree = tomllib.loads(changed)
    assert tree["channels"] == {
        "a": {"kind": "web", "allowed_origins": []},
        "b": {"kind": "feishu", "mode": "webhook", "groups": {"oc": {"answer": "all"}}},
    }
    assert tree["api"] == {"port": 1}


@pytest.mark.parametrize("text", ["channels = { a = { kind = 'web' } }\n", "channels = 3\n", "not toml\n"])
def test_what_cannot_be_changed_without_harm_is_left(text: str) -> None:
    with pytest.raises(FileNotEditable):
        with_channel(text, "b", {"kind": "web"})


@given(
    name=st.text(st.sampled_from("ab-_1客服"), min_size=1, max_size=8),
    values=st.dictionaries(
        st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text(max_size=20) | st.integers(0, 99) | st.booleans()
    ),
)
def test_whatever_is_written_is_read_back_and_nothing_else_moves(
    name: str, values: dict[str, str | int | bool]
) -> None:
    try:
        changed = with_channel(WRITTEN, name, values)
    except FileNotEditable:
        assert any("\x7f" in str(value) or "\x00" in str(value) for value in values.values()) or not values
        return

    tree, former = tomllib.loads(changed), tomllib.loads(WRITTEN)
    assert tree["channels"].pop(name) == {**former["channels"].pop(name, {}), **values}
    assert tree == former


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(WRITTEN, "utf-8")
    file.chmod(0o640)

    replace(file, "a = 1\n", former=WRITTEN)

    assert file.read_text("utf-8") == "a = 1\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_somebody_elses_change_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("b = 2\n", "utf-8")

    with pytest.raises(FileChanged):
        replace(file, "a = 1\n", former=WRITTEN)

    assert file.read_text("utf-8") == "b = 2\n"


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "config.toml"
    file.write_text("a = 1\n", "utf-8")
    link.symlink_to(file)

    replace(link, "a = 2\n", former="a = 1\n")

    assert link.is_symlink()
    assert file.read_text("utf-8") == "a = 2\n"


def test_a_typed_secret_is_its_owners_alone(tmp_path: Path) -> None:
    reference = keep_secret(tmp_path / "config.toml", "desk", "token", "秘密")

    place = tmp_path / reference.removeprefix("file:")
    assert place.read_text("utf-8") == "秘密\n"
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
