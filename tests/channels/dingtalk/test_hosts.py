"""Addresses that come in with messages: which are called, and which never."""

import pytest

from ai_worker.channels.dingtalk.hosts import TrustedHosts

HOSTS = TrustedHosts(["https://api.dingtalk.com", "https://ding.corp.example:8443/proxy", "http://127.0.0.1:9000"])


@pytest.mark.parametrize(
    "address",
    [
        "https://oapi.dingtalk.com/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com:443/robot/sendBySession?session=1",
        "https://a.b.dingtalk.com/x",
        "https://ding.corp.example:8443/robot",
        "http://127.0.0.1:9000/robot/sendBySession?session=1",
    ],
)
def test_the_platform_and_the_configured_bases_are_called(address: str) -> None:
    assert HOSTS.may_call(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://",
        "http://oapi.dingtalk.com/robot",
        "https://oapi.dingtalk.com:8443/robot",
        "https://oapi.dingtalk.com:99999/robot",
        "https://oapi.dingtalk.com.evil.example/robot",
        "https://evildingtalk.com/robot",
        "https://dingtalk.com.cn/robot",
        "https://dingtalk.com@evil.example/robot",
        "https://oapi.dingtalk.com:x@evil.example/robot",
        "https://evil.example/oapi.dingtalk.com",
        "https://evil.example?.dingtalk.com",
        "https://evil.example#.dingtalk.com",
        "https://evil.example\\.dingtalk.com/robot",
        "https://evil.example%2f.dingtalk.com/robot",
        "https://evil.example。dingtalk.com/robot",
        "https://oapi。dingtalk。com/robot",
        "https://oapi.dingtalk.com./robot",
        "https://-.dingtalk.com/robot",
        "https://oapi.dingtalk.com /robot",
        "https://oapi.dingtalk.com\n/robot",
        "https://\toapi.dingtalk.com/robot",
        "file:///etc/passwd",
        "//oapi.dingtalk.com/robot",
        "ftp://oapi.dingtalk.com/robot",
        "http://127.0.0.1/robot",
        "http://127.0.0.1:9001/robot",
        "https://127.0.0.1:9000/robot",
        "http://localhost:9000/robot",
        "http://user@127.0.0.1:9000/robot",
        "http://[::1]:9000/robot",
        "http://[::1/robot",
        "http://169.254.169.254/latest/meta-data",
        "https://ding.corp.example/robot",
        "https://oapi.dingtalk.com/" + "x" * 5_000,
    ],
)
def test_nothing_else_is_called(address: str) -> None:
    assert not HOSTS.may_call(address)


def test_a_connection_leads_to_the_platform_or_to_a_base() -> None:
    assert HOSTS.may_connect("wss://wss-open-connection.dingtalk.com:443/connect")
    assert HOSTS.may_connect("ws://127.0.0.1:9000/connect")
    assert not HOSTS.may_connect("ws://wss-open-connection.dingtalk.com/connect")
    assert not HOSTS.may_connect("wss://evil.example/connect")
    assert not HOSTS.may_connect("ws://127.0.0.1:9001/connect")
    assert not HOSTS.may_connect("https://api.dingtalk.com/connect")
