"""What the page refuses, and what every answer is sent with."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from simd.errors import ConfigError, NotNow
from simd.web.answers import BadRequest
from simd.web.bodies import Bodies
from simd.web.connection import Connection
from simd.web.site import site
from tests.web.conftest import Serve
from tests.web.fakedaemon import PICTURE, FakeDaemon


def message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/api/nothing", f"/api/thumbnails/{PICTURE}"])
def test_every_answer_has_a_browser_show_nothing_but_the_pages_own(page: httpx.Client, path: str) -> None:
    headers = page.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7480", "localhost.evil.example", "", "[::1", "127.0.0.1:x"]
)
def test_a_name_that_is_not_the_pages_is_refused(page: httpx.Client, host: str) -> None:
    for path in ("/", "/api/status", "/static/js/main.js"):
        answer = page.get(path, headers={"Host": host})
        assert answer.status_code == 421, path
        assert "--host" in message(answer)


@pytest.mark.parametrize("host", ["localhost:1", "LOCALHOST", "[::1]:8000", "127.0.0.1"])
def test_on_loopback_every_name_of_it_is_the_pages(page: httpx.Client, host: str) -> None:
    assert page.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_what_another_sites_page_asks_is_refused(page: httpx.Client, fake: FakeDaemon, headers: dict[str, str]) -> None:
    assert page.post("/api/resume", headers=headers).status_code == 403
    assert page.get(f"/api/thumbnails/{PICTURE}", headers=headers).status_code == 403
    assert not fake.calls


def test_what_the_page_itself_and_programs_ask_is_answered(page: httpx.Client) -> None:
    own = str(page.base_url).rstrip("/")
    for headers in ({}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert page.get(f"/api/thumbnails/{PICTURE}", headers=headers).status_code == 200
    assert page.post("/api/search", content=b"x", headers={"Origin": own}).status_code == 200


def test_a_link_on_another_site_leads_to_the_page(page: httpx.Client) -> None:
    assert page.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/nothing", "/static/nothing.js", "/static/../app.py", "/static/%2e%2e/app.py"]
)
def test_what_is_not_there_is_an_error_like_others(page: httpx.Client, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_a_method_that_is_not_known_is_an_error_like_others(page: httpx.Client) -> None:
    answer = page.delete("/api/status")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (405, "METHOD_NOT_ALLOWED")


def test_the_pages_files_are_what_they_are_called_and_asked_for_anew(page: httpx.Client) -> None:
    for path, kind in (("js/main.js", "text/javascript"), ("css/base.css", "text/css"), ("icon.svg", "image/svg+xml")):
        answer = page.get(f"/static/{path}")
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert answer.headers["cache-control"] == "no-cache"
        again = page.get(f"/static/{path}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
    assert page.get("/").headers["content-type"] == "text/html; charset=utf-8"


def test_a_body_that_is_too_large_is_refused(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = page.post("/api/decisions", content=b"[" * ((1 << 20) + 1))
    assert (answer.status_code, message(answer)) == (413, "what was sent has more than 1 MiB; send something smaller")
    # Without a length it is counted as it comes.
    answer = page.post("/api/decisions", content=iter([b"[" * (1 << 19)] * 4))
    assert answer.status_code == 413
    assert page.post("/api/search", content=iter([bytes(1 << 20)] * 65)).status_code == 413
    assert not fake.calls


def test_a_body_that_stops_coming_is_given_up() -> None:
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": []}
    with pytest.raises(BadRequest, match="stopped coming") as caught:
        asyncio.run(Bodies(reading, uploads=(), next_within_s=0.01)(scope, receive, send))
    assert caught.value.status == 408


class Quick(Connection):
    ask_within_s = 0.2


def heard(said: bytes, answer_after_s: float = 0.0, then: bytes = b"") -> bytes:
    """What is answered on a connection until it ends, to what is said, and then said after the first answer."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(answer_after_s)
        await Response("answered")(scope, receive, send)

    async def asked() -> bytes:
        config = uvicorn.Config(app, http=Quick, ws="none", log_config=None, timeout_keep_alive=60)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Quick(config, ServerState(), {}, loop), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(said)
            answer = await asyncio.wait_for(reader.readuntil(b"answered"), 20) if then else b""
            writer.write(then)
            answer += await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            return answer

    return asyncio.run(asked())


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("said", [b"", REQUEST, b"POST / HT"])
def test_a_connection_that_does_not_say_what_it_asks_is_ended(said: bytes) -> None:
    assert heard(said) == b""


def test_a_connection_that_begins_to_ask_again_and_stops_is_ended() -> None:
    assert heard(REQUEST + b"\r\n", then=b"GET /").count(b"answered") == 1


def test_an_answer_that_takes_long_is_waited_for() -> None:
    assert b"answered" in heard(REQUEST + b"Connection: close\r\n\r\n", 3 * Quick.ask_within_s)


def test_headers_have_a_limit(page: httpx.Client) -> None:
    try:
        status = page.get("/", headers={"X": "x" * (4 << 20)}).status_code
    except httpx.NetworkError:
        # It ended the connection while more came.
        return
    assert status == 400


@pytest.mark.parametrize("http", ["0.0.0.0:7480", "[::]:7480", "192.168.1.5:7480", "photos.example:7480"])
def test_what_other_machines_reach_is_encrypted_and_logged_in_to(http: str) -> None:
    with pytest.raises(ConfigError, match="nothing would be encrypted"):
        site(http)
    with pytest.raises(ConfigError, match="nothing would ask who they are"):
        site(http, encrypted=True, names=["photos.example"])
    with pytest.raises(ConfigError, match="nothing would ask who they are"):
        site(http, proxy="photos.example")
    assert site(http, proxy="photos.example", has_login=True).is_exposed


def test_a_proxy_on_this_machine_exposes_the_page_too() -> None:
    with pytest.raises(ConfigError, match="nothing would ask who they are"):
        site("127.0.0.1:7480", proxy="photos.example")


def test_behind_a_proxy_the_page_has_its_name_alone() -> None:
    place = site("127.0.0.1:7480", proxy="Photos.example", has_login=True)
    assert place.url == "https://photos.example/" and place.is_secure
    assert place.knows("photos.example") and place.knows("photos.example:443")
    assert not place.knows("127.0.0.1:7480")
    assert place.is_origin("https://photos.example", "photos.example")
    assert not place.is_origin("http://photos.example", "photos.example")


def test_what_a_container_publishes_on_loopback_is_asked_for_by_the_names_of_loopback() -> None:
    place = site("0.0.0.0:7480", proxy="localhost:7480", has_login=True)
    assert place.url == "http://localhost:7480/" and not place.is_secure
    assert place.knows("localhost:7480") and place.knows("127.0.0.1:7480")
    assert place.is_origin("http://127.0.0.1:7480", "127.0.0.1:7480")
    with pytest.raises(ConfigError, match="nothing would ask who they are"):
        site("0.0.0.0:7480", proxy="localhost:7480")


def test_an_address_of_all_networks_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="--host NAME"):
        site("0.0.0.0:7480", encrypted=True, has_login=True)
    assert site("0.0.0.0:7480", encrypted=True, has_login=True, names=["a.example"]).url == "https://a.example:7480/"


@pytest.mark.parametrize("text", ["", "7480", "localhost", "127.0.0.1:", ":7480", "127.0.0.1:70000", "::1:7480", "a:b"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        site(text)


def test_a_port_that_is_taken_is_told(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(NotNow, match="another program listens there"):
            serve(http=f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_key_that_others_may_read_is_refused(serve: Serve, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert", tmp_path / "key"
    cert.touch()
    key.touch()
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        serve(cert=cert, key=key)
    key.chmod(0o600)
    with pytest.raises(ConfigError, match="cannot be used"):
        serve(cert=cert, key=key)
    with pytest.raises(ConfigError, match="both --cert and --key"):
        serve(cert=cert)
