"""Reading pages as a person or a screen reader would."""

import re

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode


def page_of(response: httpx.Response) -> LexborHTMLParser:
    return LexborHTMLParser(response.text)


def words(node: LexborNode | None) -> str:
    """Return the text of a node on one line."""
    assert node is not None, "there is no such element"
    return re.sub(r"\s+", " ", node.text()).strip()


def texts(page: LexborHTMLParser, selector: str) -> list[str]:
    return [words(node) for node in page.css(selector)]


def attribute(page: LexborHTMLParser, selector: str, name: str) -> str:
    node = page.css_first(selector)
    assert node is not None, selector
    value = node.attributes[name]
    assert value is not None, name
    return value


async def number_of(client: httpx.AsyncClient, contact: str) -> int:
    """Return the number of the conversation with `contact`, from the list."""
    page = page_of(await client.get("/conversations"))
    for row in page.css("#rows a"):
        if contact in words(row):
            return int((row.attributes["id"] or "").removeprefix("row-"))
    raise AssertionError(f"{contact} is not in the list")


async def csrf_of(client: httpx.AsyncClient) -> str:
    return attribute(page_of(await client.get("/")), 'form[action="/sign-out"] input[name=csrf]', "value")
