"""A long list is followed from page to page, and not for ever."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ai_worker.connectors.http.pagination import Page, next_link, pages
from ai_worker.connectors.profile import Paging
from tests.connectors.http.business import READ, connected

ALL = list(range(7))


async def listing(request: web.Request) -> web.Response:
    """Answer with three of seven items, in every way that systems page."""
    query = request.query
    start = int(query.get("offset") or query.get("cursor") or (int(query.get("page", 1)) - 1) * 3)
    more = start + 3 if start + 3 < len(ALL) else None
    headers = {"Link": f'</first>; rel="first", </orders/1?cursor={more}&x=1>; rel=next'} if more else {}
    body = {"data": {"items": ALL[start : start + 3]}, "next": None if more is None else str(more)}
    return web.json_response(body, headers=headers)


async def collected(found: AsyncIterator[Page]) -> list[Page]:
    return [page async for page in found]


@pytest.mark.parametrize(
    "paging",
    [
        Paging("link", items="data.items"),
        Paging("cursor", "cursor", "next", "data.items"),
        Paging("page", "page", items="data.items", size=3),
        Paging("offset", "offset", items="data.items", size=3),
    ],
    ids=lambda paging: paging.kind,
)
async def test_every_kind_of_page_is_followed_to_the_last(paging: Paging) -> None:
    async with connected() as (business, caller):
        business.says(listing)
        found = await collected(pages(caller, READ, {"id": "1"}, paging))
        assert [item for page in found for item in page.items] == ALL
        assert found[-1].more is None
        assert len(business.asked) == 3


@pytest.mark.parametrize("bounds", [{"max_pages": 2}, {"max_items": 4}])
async def test_pages_end_at_the_bound_and_say_how_to_go_on(bounds: dict[str, Any]) -> None:
    async with connected() as (business, caller):
        business.says(listing)
        paging = replace(Paging("cursor", "cursor", "next", "data.items"), **bounds)
        found = await collected(pages(caller, READ, {"id": "1"}, paging))
        assert [item for page in found for item in page.items] == ALL[:6]
        assert found[-1].more == {"cursor": "6"}


async def test_a_page_that_names_itself_as_the_next_is_the_last() -> None:
    async def again(_: web.Request) -> web.Response:
        return web.json_response({"data": [1], "next": "same"})

    async with connected() as (business, caller):
        business.says(again)
        await collected(pages(caller, READ, {"id": "1"}, Paging("cursor", "cursor", "next", "data")))
        assert len(business.asked) == 2


async def test_a_next_page_leads_to_no_other_host_and_no_other_operation() -> None:
    async def astray(_: web.Request) -> web.Response:
        link = "<http://169.254.169.254/admin?cursor=2&delete=all>; rel=next"
        return web.json_response([1], headers={"Link": link})

    async with connected() as (business, caller):
        business.says(astray)
        await collected(pages(caller, READ, {"id": "1"}, Paging("link")))
        assert [path for _, path, _, _ in business.asked] == ["/orders/1", "/orders/1?cursor=2"]


def test_the_next_link_is_found_among_others() -> None:
    assert next_link('<a>; rel="prev", <b?x=1,2>; title="a, b"; rel="next last"') == "b?x=1,2"
    assert next_link("nonsense") == ""
