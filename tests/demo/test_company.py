"""The sample company's files: complete, consistent, and settings that load."""

import csv
from pathlib import Path

import pytest

from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.registry import load_connectors
from ai_worker.demo import company
from ai_worker.settings.load import load
from ai_worker.settings.references import resolver

KNOWLEDGE = company.examples() / "knowledge"

ADDRESSES = company.Addresses(
    api_port=18789,
    console_port=8080,
    wecom_base="http://127.0.0.1:9001",
    feishu_base="http://127.0.0.1:9003",
    dingtalk_base="http://127.0.0.1:9004",
    erp_base="http://127.0.0.1:9002",
)
CREDENTIALS = company.Credentials(
    corp_id="ww0123456789abcdef",
    agent_id=1000002,
    app_secret="not-a-real-secret",
    token="token",
    encoding_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    feishu_app_id="cli_0123456789abcdef",
    feishu_app_secret="not-a-real-secret",
    feishu_encrypt_key="not-a-real-key",
    dingtalk_client_id="ding0123456789abcdef",
    dingtalk_client_secret="not-a-real-secret",
    erp_key="erp-key",
    api_key="k" * 48,
)


@pytest.fixture(scope="module")
def entries() -> list[dict[str, str]]:
    with (KNOWLEDGE / "常见问题.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_faq_has_enough_whole_entries(entries: list[dict[str, str]]) -> None:
    assert len(entries) >= 40
    assert all(entry["id"] and entry["question"] and entry["aliases"] and entry["answer"] for entry in entries)
    assert all(None not in entry for entry in entries)


def test_no_id_and_no_wording_stands_for_two_entries(entries: list[dict[str, str]]) -> None:
    ids = [entry["id"] for entry in entries]
    wordings = [words for entry in entries for words in (entry["question"], *entry["aliases"].split("|"))]

    assert len(ids) == len(set(ids))
    assert len(wordings) == len(set(wordings))


def test_some_entries_are_alike_on_purpose(entries: list[dict[str, str]]) -> None:
    alike = [entry["question"] for entry in entries if entry["question"].startswith("怎么请")]

    assert len(alike) >= 3


@pytest.mark.parametrize("name", ["售后政策.md", "员工手册.md", "到货流程.md"])
def test_documents_have_headings_to_cite(name: str) -> None:
    text = (KNOWLEDGE / name).read_text("utf-8")

    assert text.startswith("# ")
    assert text.count("\n## ") >= 5


def test_the_furnished_settings_and_connectors_load(tmp_path: Path) -> None:
    file = company.furnish(tmp_path, addresses=ADDRESSES, credentials=CREDENTIALS, language="zh-CN")

    settings = load(file, environ={})
    hub = load_connectors(settings.connectors_folder, resolve=resolver(tmp_path, {}))
    assert list(settings.channels) == ["wecom", "feishu", "dingtalk", "web"]
    assert settings.model is None
    assert [tool.name for tool in hub.tools()] == ["erp.get_order", "erp.get_refund"]


def test_everybody_writes_from_a_platform_of_the_demo() -> None:
    assert {person.platform for person in company.PEOPLE} == set(company.PLATFORMS)
    assert {sample.person.platform for sample in company.SAMPLES} == set(company.PLATFORMS)
    assert {sample.person for sample in company.SAMPLES} <= set(company.PEOPLE)


def test_a_missing_reference_of_the_sample_connector_is_named() -> None:
    with pytest.raises(ConnectorRefused, match=r"base_url: cannot be read: .*ERP_BASE_URL"):
        load_connectors(company.examples() / "connectors", resolve=resolver(Path(), {}))
