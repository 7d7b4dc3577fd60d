"""The places that refusals point at."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ai_worker.settings.lines import line_of, lines_of

TEXT = '''# 总则
data_dir = "/srv" # 数据
"time_zone" = 'UTC'

[api]
trusted_proxies = [
  "10.0.0.1", # ] 不是结尾
  "10.0.0.2",
]
port = 1

[workers."小 智"]
persona = """
[api]
port = 2
"""
display_name = '[x] # y'
[model]
base_url = "http://a/v1"
[[model.fallbacks]]
name = "b"
[[model.fallbacks]]
name = "c"
[queue]
kafka_options.security.protocol = "ssl"
kafka_options."sasl.password" = { a = 1, b = [2,
 3] }
kafka = ""'''


def test_every_key_is_found_on_its_own_line() -> None:
    lines = lines_of(TEXT)

    assert lines[("data_dir",)] == 2
    assert lines[("time_zone",)] == 3
    assert lines[("api",)] == 5
    assert lines[("api", "trusted_proxies")] == 6
    assert lines[("api", "port")] == 10
    assert lines[("workers", "小 智")] == 12
    assert lines[("workers", "小 智", "display_name")] == 17
    assert lines[("model", "fallbacks", 0, "name")] == 21
    assert lines[("model", "fallbacks", 1, "name")] == 23
    assert lines[("queue", "kafka_options", "security", "protocol")] == 25
    assert lines[("queue", "kafka_options", "sasl.password")] == 26
    assert lines[("queue", "kafka")] == 28


def test_what_has_no_line_of_its_own_gets_that_of_the_nearest_thing_around_it() -> None:
    lines = lines_of(TEXT)

    assert line_of(("queue", "kafka_options", "sasl.password", "b"), lines) == 26
    assert line_of(("model", "fallbacks", 1, "base_url"), lines) == 22
    assert line_of(("channels", "x"), lines) is None


def paths_in(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [found for key, inner in value.items() for found in paths_in(inner, (*path, key))]


words = st.text(alphabet="a\"\\\n#[]=.'é ", max_size=12)
names = st.from_regex(r"[a-z_-]{1,5}", fullmatch=True)
scalars = st.one_of(st.integers(0, 9), st.booleans(), words, st.lists(words, max_size=3))


def write(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + ",\n".join(write(part) for part in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"' if "\n" not in value else f'"""{escaped}"""'
    return str(value).lower()


@given(st.dictionaries(names, st.dictionaries(names, scalars, max_size=4), max_size=4))
def test_whatever_tomllib_reads_has_a_line_that_names_it(tree: dict[str, dict[str, Any]]) -> None:
    text = "\n".join(
        f"[{section}]\n" + "".join(f"{key} = {write(value)} # ok\n" for key, value in keys.items())
        for section, keys in tree.items()
    )
    lines, rows = lines_of(text), text.split("\n")

    for path in paths_in(tomllib.loads(text)):
        if path:
            assert path[-1] in rows[lines[path] - 1]
