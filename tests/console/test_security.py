from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from itsdangerous import URLSafeSerializer
from pydantic import ValidationError

from ai_worker.console.pages.sign_in import own_path
from ai_worker.console.session import COOKIE
from ai_worker.console.settings import ConsoleSettings
from tests.console.reading import csrf_of, number_of, page_of, words
from tests.console.sample import Spoken, say
from tests.console.world import World, world

PAGES = ["/", "/conversations", "/conversations/1", "/parts/overview", "/parts/conversations", "/events", "/start"]


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "", "not-an-address"])
@pytest.mark.parametrize("path", ["/", "/static/console.css", "/start?t=x", "/nowhere"])
async def test_a_foreign_address_gets_the_same_refusal_everywhere(new_site: World, address: str, path: str) -> None:
    async with new_site.client(address=address) as stranger:
        response = await stranger.get(path)

    assert (response.status_code, response.text) == (403, "Forbidden\n")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.8.3.14", "192.168.1.5", "::1", "fd00::7", "::ffff:10.0.0.5"])
async def test_private_addresses_come_in(new_site: World, address: str) -> None:
    async with new_site.client(address=address) as colleague:
        assert (await colleague.get("/")).status_code == 401


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"]
)
async def test_no_header_can_claim_another_address(new_site: World, header: str) -> None:
    claim = {header: "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"}
    async with new_site.client(address="8.8.8.8") as stranger:
        assert (await stranger.get("/", headers=claim)).status_code == 403
    claim = {header: "for=8.8.8.8" if header == "Forwarded" else "8.8.8.8"}
    async with new_site.client(address="10.0.0.5") as colleague:
        assert (await colleague.get("/", headers=claim)).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 401),
        ("[::1]:8080", 401),
        ("localhost", 401),
        ("LOCALHOST.:8080", 401),
        ("ai.huaxing.example", 401),
        ("attacker.example", 403),
        ("127.0.0.1.attacker.example", 403),
        ("localhost.attacker.example:8080", 403),
    ],
)
async def test_a_page_that_points_its_name_here_is_refused(tmp_path: Path, host: str, status: int) -> None:
    settings = ConsoleSettings(names=("ai.huaxing.example",))
    async with world(tmp_path, filled=False, settings=settings) as site, site.client() as browser:
        assert (await browser.get("/", headers={"Host": host})).status_code == status


async def test_the_allow_list_is_the_settings(tmp_path: Path) -> None:
    settings = ConsoleSettings(allow=(ip_network("203.0.113.0/24"),))
    async with (
        world(tmp_path, filled=False, settings=settings) as site,
        site.client(address="203.0.113.9") as allowed,
        site.client(address="127.0.0.1") as refused,
    ):
        assert (await allowed.get("/")).status_code == 401
        assert (await refused.get("/")).status_code == 403


@pytest.mark.parametrize("wrong", [{"allow": ["10.0.0.1/8"]}, {"names": ["http://ai.example"]}, {"hots": "127.0.0.1"}])
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConsoleSettings.model_validate(wrong)


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_there_is_only_the_way_to_sign_in(new_site: World, path: str) -> None:
    async with new_site.client() as stranger:
        response = await stranger.get(path)

    assert response.status_code == 401
    assert "ai-worker console" in response.text
    assert "林晓燕" not in response.text


async def test_a_link_signs_in_once(new_site: World) -> None:
    link = await new_site.link()

    async with new_site.client() as first, new_site.client() as second:
        opened = await first.get(link)
        again = await second.get(link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        assert (await first.get("/")).status_code == 200
        assert again.status_code == 401
        assert "这个链接不能用了" in again.text
        assert COOKIE not in second.cookies


async def test_a_preview_does_not_use_the_link_up(new_site: World) -> None:
    link = await new_site.link()

    async with new_site.client() as browser:
        await browser.head(link)
        assert (await browser.get(link)).status_code == 303


async def test_a_link_is_worth_nothing_after_ten_minutes(new_site: World) -> None:
    link = await new_site.link()
    new_site.clock.advance(timedelta(minutes=10))

    async with new_site.client() as browser:
        assert (await browser.get(link)).status_code == 401


async def test_the_cookie_is_for_the_browser_alone(new_site: World) -> None:
    async with new_site.client() as browser:
        cookie = (await browser.get(await new_site.link())).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=43200" in cookie


async def test_thirty_idle_minutes_end_a_session(new_site: World, new_reader: httpx.AsyncClient) -> None:
    new_site.clock.advance(timedelta(minutes=29))
    assert (await new_reader.get("/")).status_code == 200
    new_site.clock.advance(timedelta(minutes=29))
    assert (await new_reader.get("/")).status_code == 200
    new_site.clock.advance(timedelta(minutes=30))
    assert (await new_reader.get("/")).status_code == 401


async def test_a_page_that_refreshes_itself_does_not_keep_its_session_alive(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    for _ in range(29):
        new_site.clock.advance(timedelta(minutes=1))
        assert (await new_reader.get("/parts/overview")).status_code == 200
    new_site.clock.advance(timedelta(minutes=1))

    response = await new_reader.get("/parts/overview", headers={"HX-Request": "true"})

    assert response.status_code == 401
    assert response.headers["hx-refresh"] == "true"


async def test_a_person_at_the_mouse_keeps_it_alive(new_site: World, new_reader: httpx.AsyncClient) -> None:
    for _ in range(4):
        new_site.clock.advance(timedelta(minutes=20))
        assert (await new_reader.get("/parts/overview", headers={"X-Active": "1"})).status_code == 200


async def test_twelve_hours_end_every_session(new_site: World, new_reader: httpx.AsyncClient) -> None:
    for _ in range(12 * 3 - 1):
        new_site.clock.advance(timedelta(minutes=20))
        assert (await new_reader.get("/")).status_code == 200
    new_site.clock.advance(timedelta(minutes=20))

    assert (await new_reader.get("/")).status_code == 401


@pytest.mark.parametrize("secret", [b"another-secret-another-secret-ano", b""])
async def test_a_forged_cookie_is_no_session(new_site: World, secret: bytes) -> None:
    fields = {"id": "x", "name": "王芳", "began": 1_795_328_640, "seen": 1_795_328_640}
    forged = URLSafeSerializer(secret or b"0123456789abcdef0123456789abcdef", salt="console-session").dumps(fields)

    async with new_site.client() as stranger:
        stranger.cookies.set(COOKIE, str(forged))
        assert (await stranger.get("/")).status_code == 401


async def test_signing_out_takes_the_cookie_away(new_reader: httpx.AsyncClient) -> None:
    await new_reader.post("/sign-out", data={"csrf": await csrf_of(new_reader)})

    assert (await new_reader.get("/")).status_code == 401


@pytest.mark.parametrize("token", [None, "", "0" * 64, "中"])
async def test_a_change_without_our_token_is_refused(site: World, reader: httpx.AsyncClient, token: str | None) -> None:
    number = await number_of(reader, "林晓燕")

    response = await reader.post(f"/conversations/{number}/take-over", data={} if token is None else {"csrf": token})

    assert response.status_code == 403
    assert (await site.stores.conversations.conversation(number)).state == "waiting"


@pytest.mark.parametrize(
    "origin", ["null", "http://attacker.example", "http://127.0.0.1:9999", "http://localhost:8080"]
)
async def test_a_change_from_a_foreign_page_is_refused(reader: httpx.AsyncClient, origin: str) -> None:
    number, token = await number_of(reader, "林晓燕"), await csrf_of(reader)
    headers = {"X-CSRF-Token": token, "Origin": origin}

    assert (await reader.post(f"/conversations/{number}/take-over", headers=headers)).status_code == 403
    assert (await reader.post("/preferences", headers=headers, data={"language": "en"})).status_code == 403


async def test_one_sessions_token_is_no_use_to_another(site: World, reader: httpx.AsyncClient) -> None:
    other = await site.signed_in()
    number, token = await number_of(reader, "林晓燕"), await csrf_of(other)
    await other.aclose()

    response = await reader.post(f"/conversations/{number}/take-over", headers={"X-CSRF-Token": token})

    assert response.status_code == 403


@pytest.mark.parametrize("path", ["/", "/conversations", "/nowhere", "/static/console.css"])
async def test_every_answer_forbids_what_we_do_not_need(reader: httpx.AsyncClient, path: str) -> None:
    headers = (await reader.get(path)).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_pages_are_never_kept_by_caches_and_assets_for_good(reader: httpx.AsyncClient) -> None:
    page = await reader.get("/")
    style = page_of(page).css_first('link[rel="stylesheet"]')
    assert style is not None

    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in (await reader.get(style.attributes["href"] or "")).headers["cache-control"]
    assert (await reader.get("/static/console.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/conversations"])
async def test_pages_have_no_inline_script_or_style_and_name_no_foreign_host(
    reader: httpx.AsyncClient, path: str
) -> None:
    text = (await reader.get(path)).text
    page = page_of(await reader.get(path))

    assert all(script.attributes.get("src") for script in page.css("script"))
    assert not page.css("style, [style]")
    assert not [node for node in page.css("*") if any(name.startswith("on") for name in node.attributes)]
    assert "http://" not in text
    assert "https://" not in text
    assert '"allowEval": false' in text


HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)>[点我](javascript:alert(1)) [a](https://evil.example/"onmouseover=x)'


async def test_what_contacts_write_is_shown_and_never_acts(site: World, reader: httpx.AsyncClient) -> None:
    number = await say(
        site.stores, Spoken(0.5, "service-desk", "<b>李雷</b>", HOSTILE, f"**好的** {HOSTILE}"), now=site.clock.now()
    )

    for path in ("/conversations", f"/conversations/{number}"):
        page = page_of(await reader.get(path))
        assert not page.css("#rows script, #rows img, .log script, .log img, .log a, .context img, h2 b, #rows b b")
        assert all(script.attributes.get("src") for script in page.css("script"))
    assert "<script>alert(1)</script>" in words(page.css_first(".log .contact .said"))
    assert words(page.css_first(".log .worker strong")) == "好的"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/conversations/7?state=waiting", "/conversations/7?state=waiting"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/start?t=x", "/"),
        ("/parts/overview", "/"),
        ("/a\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_no_redirect_leads_away(text: str, path: str) -> None:
    assert own_path(text) == path


async def test_a_request_that_is_too_long_is_refused(reader: httpx.AsyncClient) -> None:
    response = await reader.post("/preferences", content=b"x" * 70_000)

    assert response.status_code == 413
