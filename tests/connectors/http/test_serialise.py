"""Arguments become the request that OpenAPI describes."""

from base64 import b64encode
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any

import msgspec
import pytest

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.http.serialise import Request, request_of
from ai_worker.connectors.operation import Body, Media, Operation, Parameter, Place, Style

LIST = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def operation(path: str = "/things", *parameters: Parameter, body: Body | None = None) -> Operation:
    return Operation("do", "POST", path, "", "", {"type": "object"}, "read", parameters, body)


def parameter(place: Place, style: Style, explode: bool, **more: Any) -> Parameter:
    return Parameter("color", "color", place, place == "path", style, explode, **more)


def sent(body: Body, arguments: Mapping[str, Any]) -> Request:
    return request_of(operation(body=body), arguments)


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        # The table of OpenAPI 3.1 §4.8.12.
        ("form", False, "blue", "color=blue"),
        ("form", False, LIST, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, LIST, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("spaceDelimited", False, LIST, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, LIST, "color=blue%7Cblack%7Cbrown"),
        ("tabDelimited", False, LIST, "color=blue%09black%09brown"),
        ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
        ("deepObject", True, {"a": {"b": 1}, "c": [1, 2]}, "color%5Ba%5D%5Bb%5D=1&color%5Bc%5D=1&color%5Bc%5D=2"),
        ("form", True, "", "color="),
        ("form", True, True, "color=true"),
        ("form", True, 5.0, "color=5"),
        ("form", True, "蓝 &=/?", "color=%E8%93%9D%20%26%3D%2F%3F"),
        ("form", False, ["a,b", "c"], "color=a%2Cb,c"),
        ("form", True, [], ""),
    ],
)
def test_a_query_parameter_is_written_in_its_style(style: Style, explode: bool, value: Any, expected: str) -> None:
    request = request_of(operation("/things", parameter("query", style, explode)), {"color": value})
    assert "&".join(request.query) == expected


@pytest.mark.parametrize(
    ("style", "explode", "value", "expected"),
    [
        ("simple", False, LIST, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,black,brown"),
        ("label", True, LIST, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,black,brown"),
        ("matrix", True, LIST, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("simple", False, "a/../b?c#d", "a%2F..%2Fb%3Fc%23d"),
    ],
)
def test_a_path_parameter_is_written_in_its_style(style: Style, explode: bool, value: Any, expected: str) -> None:
    request = request_of(operation("/x/{color}/y", parameter("path", style, explode)), {"color": value})
    assert request.path == f"/x/{expected}/y"


@pytest.mark.parametrize("value", ["", ".", "..", []])
def test_no_argument_leads_to_another_path(value: Any) -> None:
    with pytest.raises(ArgumentsRefused):
        request_of(operation("/x/{color}", parameter("path", "simple", False)), {"color": value})


def test_reserved_characters_stay_where_the_contract_says_so_and_never_leave_the_path() -> None:
    free = parameter("path", "simple", False, allow_reserved=True)
    assert request_of(operation("/files/{color}", free), {"color": "a/b:c"}).path == "/files/a/b:c"
    with pytest.raises(ArgumentsRefused):
        request_of(operation("/files/{color}", free), {"color": "a/../../admin"})
    query = parameter("query", "form", True, allow_reserved=True)
    assert request_of(operation("/x", query), {"color": "a/b&c=d#e"}).query == ("color=a/b%26c%3Dd%23e",)


def test_a_parameter_may_be_a_type_of_content() -> None:
    request = request_of(
        operation("/x", parameter("query", "form", True, media_type="application/json")), {"color": {"a": 1}}
    )
    assert request.query == ("color=%7B%22a%22%3A1%7D",)


def test_headers_and_cookies_are_written_in_their_styles() -> None:
    header, cookie = parameter("header", "simple", True), parameter("cookie", "form", False)
    request = request_of(operation("/x", header, cookie), {"color": OBJECT})
    assert request.headers is not None
    assert request.headers["color"] == "R=100,G=200,B=150"
    assert request.cookies == ("color=R,100,G,200,B,150",)


def test_no_argument_breaks_out_of_a_header_or_says_where_the_request_goes() -> None:
    with pytest.raises(ArgumentsRefused):
        request_of(operation("/x", parameter("header", "simple", False)), {"color": "a\r\nX-Admin: 1"})
    host = Parameter("Host", "host", "header", False, "simple", False)
    assert "Host" not in (request_of(operation("/x", host), {"host": "evil.example"}).headers or {})


def test_what_is_fixed_is_sent_and_asked_of_nobody() -> None:
    fixed = parameter("query", "form", True, fixed="v2")
    assert request_of(operation("/x?api=1#later", fixed), {}).query == ("api=1", "color=v2")


def test_a_json_body_is_built_from_its_arguments_above_what_is_fixed() -> None:
    body = Body(True, Media("application/json"), {"who": "customer"}, fixed={"jsonrpc": "2.0", "customer": "?"})
    request = sent(body, {"who": "华星"})
    assert msgspec.json.decode(request.content or b"") == {"jsonrpc": "2.0", "customer": "华星"}
    assert request.content_type == "application/json"


def test_a_body_that_nobody_asked_for_is_not_sent() -> None:
    assert sent(Body(False, Media("application/json"), {"who": "who"}), {}).content is None
    assert sent(Body(True, Media("application/json"), {"who": "who"}), {}).content == b"{}"
    assert sent(Body(False, Media("application/json")), {"body": [1]}).content == b"[1]"


def test_a_form_is_written_in_the_styles_of_its_properties() -> None:
    media = Media("application/x-www-form-urlencoded", {"tags": ("form", False), "filter": ("deepObject", True)})
    body = Body(True, media, {key: key for key in ("tags", "filter", "ids", "name")})
    arguments = {"tags": ["a", "b"], "filter": {"x": 1}, "ids": [1, 2], "name": "张 三"}
    assert sent(body, arguments).content == b"tags=a,b&filter%5Bx%5D=1&ids=1&ids=2&name=%E5%BC%A0%20%E4%B8%89"


def test_a_multipart_form_carries_files_json_and_text() -> None:
    media = Media("multipart/form-data", part_types={"photo": "image/png"}, binary=frozenset({"photo"}))
    body = Body(True, media, {key: key for key in ("photo", "meta", "tags", 'a"b')})
    photo = b"\x89PNG\x00\xff"
    request = sent(body, {"photo": b64encode(photo).decode(), "meta": {"a": 1}, "tags": ["x", "y"], 'a"b': 1})
    message = message_from_bytes(
        b"Content-Type: " + request.content_type.encode() + b"\r\n\r\n" + (request.content or b"")
    )
    parts = [
        (part.get_param("name", header="content-disposition"), part.get("Content-Type"), part.get_payload(decode=True))
        for part in message.walk()
        if not part.is_multipart()
    ]
    assert parts == [
        ("photo", "image/png", photo),
        ("meta", "application/json", b'{"a":1}'),
        ("tags", None, b"x"),
        ("tags", None, b"y"),
        ("a%22b", None, b"1"),
    ]


def test_a_whole_body_may_be_a_file_or_text() -> None:
    binary = Body(True, Media("*/*", binary=frozenset({""})))
    assert sent(binary, {"body": b64encode(b"\x00\x01").decode()}).content == b"\x00\x01"
    assert sent(binary, {"body": "AAE="}).content_type == "application/octet-stream"
    assert sent(Body(True, Media("text/plain")), {"body": "你好"}).content == "你好".encode()


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ("aGVsbG8=", b"hello"),
        ("aGVsbG8", b"hello"),
        ("-_8=", b"\xfb\xff"),
        ("aGVs\nbG8=", b"hello"),
        ("data:text/plain;base64,aGVsbG8=", b"hello"),
        ("编号,数量\nA1,2", "编号,数量\nA1,2".encode()),
        ("hello", b"hello"),
    ],
)
def test_a_file_is_given_as_base64_or_as_its_text(given: str, content: bytes) -> None:
    assert sent(Body(True, Media("image/png", binary=frozenset({""}))), {"body": given}).content == content


def test_a_file_that_was_cut_off_is_refused() -> None:
    with pytest.raises(ArgumentsRefused):
        sent(Body(True, Media("image/png", binary=frozenset({""}))), {"body": "aGVsb" * 9})
