"""Nothing that opens a door stands in a log, an error, the health page or a repr."""

import re

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.demo.dingtalk import Fault
from tests.channels.dingtalk.peer import CLIENT_SECRET, STAFF, TEMPLATE, Inbox, outbound, platform, settings, started


async def test_what_goes_wrong_is_told_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    inbox, told = Inbox(), [repr(settings()), str(settings().model_dump())]
    async with platform(card_template=TEMPLATE) as dingtalk:
        dingtalk.gateway.endpoint = dingtalk.gateway.endpoint.replace("/connect", "/nowhere")
        async with started(dingtalk, inbox, connects=False, card_template_id=TEMPLATE) as channel:
            told.append(str(await channel.probe()))
            message = dingtalk.message(STAFF, "在吗")
            to = {"contact": STAFF, "webhook": message["sessionWebhook"], "webhook_until": "9" * 13}
            for fault in (
                Fault.lost_answer("sendBySession"),
                Fault("sendBySession", 500),
                Fault("sendBySession", answer="<html>"),
                Fault("sendBySession", answer='{"errcode":300001,"errmsg":"x"}'),
            ):
                dingtalk.fail_next(fault)
                with pytest.raises(SendFailed) as failed:
                    await channel.deliver(outbound(to))
                told += [str(failed.value), repr(failed.value), str(channel.health())]
            to = {"contact": STAFF, "staff": STAFF}
            dingtalk.fail_next(Fault.lost_answer("createAndDeliver"))
            with pytest.raises(SendFailed) as failed:
                await channel.deliver(outbound(to))
            told += [str(failed.value), repr(failed.value), str(channel.health())]
        dingtalk.gateway.down = True
        async with started(dingtalk, inbox) as channel:
            dingtalk.gateway.down = False
            dingtalk.fail_next(Fault("nowhere", 401))
            while not channel.health().last_error:
                told.append(str(await channel.probe()))
            told.append(str(channel.health()))
    session = re.search(r"session=(\w+)", message["sessionWebhook"])
    assert session is not None
    output = "".join([*told, *capsys.readouterr()])
    assert "dingtalk" in output
    for secret in (CLIENT_SECRET, session[1], "ticket=", "session=", "access_token="):
        assert secret not in output
