"""Somebody at the console, who answers what contacts have asked in vain."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from ai_worker.drills.site import Site
from tests.console.reading import attribute, csrf_of, page_of, words


@dataclass(frozen=True)
class Filled:
    """A gap is answered."""

    question: str
    """As the page of gaps has it."""

    answer: str


async def fill(site: Site, gap: Filled) -> None:
    """Sign in by the link, open the gap's form, write the answer and publish it."""
    code, out, err = await site.command("console", "--json")
    assert code == 0, err
    console = f"http://127.0.0.1:{site.console_port}"
    async with httpx.AsyncClient(base_url=console, headers={"Origin": console}) as browser:
        assert (await browser.get(json.loads(out)["url"])).status_code == 303
        page = page_of(await browser.get("/gaps"))
        (row,) = (one for one in page.css("tbody tr") if words(one.css_first(".asked-so b")) == gap.question)
        link = row.css_first("a.button.primary")
        assert link is not None
        form = page_of(await browser.get(link.attributes["href"] or ""))
        written: dict[str, Any] = {
            "csrf": await csrf_of(browser),
            "n": [one.attributes["value"] for one in form.css(".writing input[name=n]")],
            "question": attribute(form, "#gap-question", "value"),
            "aliases": words(form.css_first("#gap-aliases")),
            "answer": gap.answer,
        }
        done = await browser.post("/gaps/answer", data=written)
        assert done.status_code == 303, done.text
