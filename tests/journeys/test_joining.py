"""A second node with nothing but the address of the database: keys that either has made are good on both."""

import json
from pathlib import Path

import pytest

from ai_worker.drills.site import Site
from tests.postgres import shared_server

pytestmark = pytest.mark.slow


async def _made_on(site: Site, name: str) -> str:
    code, out, err = await site.command("keys", "create", name, "--json")
    assert code == 0, err
    return str(json.loads(out)["key"])


async def _status(site: Site, key: str, message_id: str) -> int:
    message = {"message_id": message_id, "conversation_id": "c", "contact": "crm", "text": "你好"}
    headers = {"Authorization": f"Bearer {key}"}
    async with site.client.post("/api/v1/messages", json=message, headers=headers) as answer:
        return answer.status


async def test_a_node_that_comes_later_takes_the_keys_of_the_first(tmp_path: Path) -> None:
    url = shared_server().url()
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    async with Site(folders[0], "", storage_url=url) as one, Site(folders[1], "", storage_url=url) as two:
        await one.start()
        early = await _made_on(one, "crm")
        await two.start()
        late = await _made_on(two, "erp")

        assert [await _status(site, key, f"m-{key[9:21]}") for key in (early, late) for site in (one, two)] == [202] * 4
        assert '"keys.pepper_given"' in one.log()
        assert '"keys.pepper_received"' in two.log()
        assert [await site.stop() for site in (one, two)] == [0, 0]
