"""What `[model]` may say."""

import pytest
from pydantic import ValidationError

from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.secret import Secret
from ai_worker.llm.contract import Endpoint, ModelSettings
from ai_worker.llm.ladder import build_model

LOCAL = {"base_url": "http://127.0.0.1:8000/v1", "name": "qwen3-32b"}


def test_address_and_name_are_all_it_takes() -> None:
    settings = ModelSettings.model_validate(LOCAL)

    assert (settings.timeout_s, settings.max_concurrent, settings.fallbacks) == (60, 0, ())
    assert settings.place == "qwen3-32b at 127.0.0.1:8000"


def test_the_key_is_resolved_when_the_settings_are_read_and_not_shown() -> None:
    context = {"resolve": {"env:LLM_API_KEY": "sk-1"}.__getitem__}
    settings = ModelSettings.model_validate({**LOCAL, "api_key": "env:LLM_API_KEY"}, context=context)

    assert settings.api_key == Secret("sk-1")
    assert "sk-1" not in repr(settings)


def test_fallbacks_have_the_same_keys_and_none_of_their_own() -> None:
    settings = ModelSettings.model_validate({**LOCAL, "fallbacks": [{**LOCAL, "name": "small"}]})

    assert [endpoint.name for endpoint in settings.endpoints] == ["qwen3-32b", "small"]
    with pytest.raises(ValidationError, match="fallbacks"):
        ModelSettings.model_validate({**LOCAL, "fallbacks": [{**LOCAL, "fallbacks": []}]})


@pytest.mark.parametrize("wrong", [{"temperature": 1}, {"timeout_s": 0}, {"max_concurrent": -1}, {"name": ""}])
def test_unknown_keys_and_bad_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelSettings.model_validate({**LOCAL, **wrong})


@pytest.mark.parametrize("url", ["", "model.example/v1", "ftp://model.example", "http://me:secret@model.example/v1"])
def test_a_base_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="base_url"):
        Endpoint(base_url=url, name="m")


@pytest.mark.parametrize("url", ["http://m.example/v1/", "http://m.example/v1/chat/completions"])
def test_the_end_of_the_address_is_forgiven(url: str) -> None:
    assert Endpoint(base_url=url, name="m").base_url == "http://m.example/v1"


async def test_a_model_that_was_built_connects_to_nobody(dead_url: str) -> None:
    model = build_model(ModelSettings(base_url=dead_url, name="m"), max_concurrent=1, clock=SystemClock())
    await model.start()

    assert model.healthy
    await model.close()
