"""Logging in: with a token of a file, a few times a minute, for a while."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import httpx
import pytest
import trustme
from simctl.channel import Security
from starlette.requests import Request

from simd.errors import ConfigError
from simd.web.login import Login, TokenFile
from simd.web.throttle import Throttle
from tests.web.conftest import Serve
from tests.web.fakedaemon import PICTURE, FakeDaemon

TOKEN = "t" * 40
BEHIND = {"Host": "photos.example", "Origin": "https://photos.example"}


def free() -> str:
    """An address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return f"127.0.0.1:{made.getsockname()[1]}"


def log_in(page: httpx.Client, token: str = TOKEN, **headers: str) -> httpx.Response:
    return page.post("/api/login", json={"token": token}, headers=headers)


def test_nothing_is_shown_before_somebody_logged_in(serve: Serve, token_file: Path, fake: FakeDaemon) -> None:
    page = serve(login_token_file=token_file)
    for path in ("/api/status", "/api/events", f"/api/thumbnails/{PICTURE}", f"/api/images/{PICTURE}", "/api/nothing"):
        answer = page.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED"), path
    assert page.post("/api/resume").status_code == page.post("/api/search", content=b"x").status_code == 401
    assert not fake.calls


def test_who_comes_first_logs_in_and_then_sees_what_was_wanted(serve: Serve, token_file: Path) -> None:
    page = serve(login_token_file=token_file)
    answer = page.get("/duplicates?tier=exact&a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fduplicates%3Ftier%3Dexact%26a%3Db")
    assert "js/login.js" in page.get("/login").text
    assert log_in(page).status_code == 200
    assert page.get("/duplicates").status_code == page.get(f"/api/thumbnails/{PICTURE}").status_code == 200
    assert page.get("/api/session").json() == {"logged_in": True}
    assert page.post("/api/logout").json() == {"logged_in": False}
    assert page.get(f"/api/thumbnails/{PICTURE}").status_code == 401


def test_a_link_of_another_site_does_not_ask_who_is_logged_in_to_log_in_again(serve: Serve, token_file: Path) -> None:
    # Browsers send no cookie with it; the page's own calls will have it.
    page = serve(login_token_file=token_file)
    assert page.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_without_tokens_nobody_logs_in(page: httpx.Client) -> None:
    assert page.get("/api/session").json() == {"logged_in": False}
    assert log_in(page).status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"{}", b'{"token": 3}', b'{"token": "' + b"x" * 5000 + b'"}', b"[" * 9000]
)
def test_what_is_no_token_is_refused(serve: Serve, token_file: Path, body: bytes) -> None:
    assert serve(login_token_file=token_file).post("/api/login", content=body).status_code == 400


def test_a_cookie_is_for_the_page_alone(serve: Serve, token_file: Path) -> None:
    cookie = log_in(serve(login_token_file=token_file)).headers["set-cookie"]
    assert cookie.startswith("simd=") and "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie and "Domain" not in cookie


def test_behind_a_proxy_a_cookie_is_sent_by_https_only(serve: Serve, token_file: Path) -> None:
    page = serve(http=free(), proxy="photos.example", login_token_file=token_file)
    assert log_in(page).status_code == 421
    answer = log_in(page, **BEHIND)
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("__Host-simd=") and "Secure" in answer.headers["set-cookie"]
    assert log_in(page, **{**BEHIND, "Origin": "http://photos.example"}).status_code == 403


def test_guesses_are_few_and_told_when_to_go_on(serve: Serve, token_file: Path) -> None:
    page = serve(login_token_file=token_file)
    for _ in range(5):
        assert log_in(page, "g" * 40).status_code == 403
    refused = log_in(page)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 60
    assert "too many attempts" in refused.json()["error"]["message"]


def test_behind_a_proxy_one_guesser_does_not_keep_others_out(serve: Serve, token_file: Path) -> None:
    page = serve(http=free(), proxy="photos.example", login_token_file=token_file)
    for _ in range(5):
        # What the guesser says of itself is before what the proxy says of it.
        log_in(page, "g" * 40, **BEHIND, **{"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})
    assert log_in(page, **BEHIND, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 429
    assert log_in(page, **BEHIND, **{"X-Forwarded-For": "198.51.100.7"}).status_code == 200


def test_all_guessers_together_have_a_limit_and_are_forgotten() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    for number in range(5000):
        throttle.failed(str(number))
        now += 0.001
    assert throttle.wait_s("another") > 0
    assert len(throttle._clients) <= 1024
    now += 61
    assert throttle.wait_s("another") == throttle.wait_s("4999") == 0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(path: Path, clock: Clock) -> Login:
    return Login(TokenFile(path), is_secure=False, has_proxy=False, clock=clock)


def session(login: Login, token: str = TOKEN) -> Request:
    """A request of somebody who has just logged in."""
    body = f'{{"token": "{token}"}}'.encode()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    scope = {"type": "http", "method": "POST", "headers": [], "client": ("127.0.0.1", 1)}
    answer = asyncio.run(login.log_in(Request(scope, receive)))
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_a_session_ends_after_a_week(token_file: Path) -> None:
    clock = Clock()
    login = made(token_file, clock)
    request = session(login)
    clock.now += 6 * 86400
    assert login.knows(request)
    clock.now += 2 * 86400
    assert not login.knows(request)


def test_a_token_that_is_withdrawn_ends_its_sessions(token_file: Path) -> None:
    login = made(token_file, Clock())
    request = session(login)
    token_file.write_text("n" * 40)
    assert not login.knows(request)
    assert login.knows(session(login, "n" * 40))


def test_tokens_that_cannot_be_used_any_more_stay_those_they_were(token_file: Path) -> None:
    login = made(token_file, Clock())
    request = session(login)
    token_file.write_text("short")
    assert login.knows(request)
    os.unlink(token_file)
    assert login.knows(request)


def test_sessions_have_a_limit(token_file: Path) -> None:
    login = made(token_file, Clock())
    first = session(login)
    for _ in range(1000):
        login._begin(b"")
    assert not login.knows(first)
    assert len(login._sessions) == 1000


def test_a_file_that_others_may_read_or_that_has_no_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    with pytest.raises(ConfigError, match="cannot read"):
        TokenFile(path)
    path.touch(0o600)
    with pytest.raises(ConfigError, match="holds no token"):
        TokenFile(path)
    path.write_text("short")
    with pytest.raises(ConfigError, match="cannot be one"):
        TokenFile(path)
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        TokenFile(path)


def test_the_page_speaks_tls_itself(serve: Serve, token_file: Path, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    cert, key = tmp_path / "cert", tmp_path / "key"
    issued.cert_chain_pems[0].write_to_path(cert)
    key.touch(0o600)
    issued.private_key_pem.write_to_path(key)
    page = serve(cert=cert, key=key, login_token_file=token_file, names=("localhost",))
    assert str(page.base_url).startswith("https://127.0.0.1:")
    answer = log_in(page, Origin=str(page.base_url).rstrip("/"))
    assert answer.status_code == 200 and answer.headers["set-cookie"].startswith("__Host-simd=")


def test_the_page_shows_its_own_token_to_the_daemon(serve: Serve, fake: FakeDaemon, token_file: Path) -> None:
    page = serve(security=Security(token_file=str(token_file)))
    page.get(f"/api/thumbnails/{PICTURE}")
    token_file.write_text("n" * 40)
    page.get(f"/api/thumbnails/{PICTURE}?edge=512")
    assert fake.tokens == [f"Bearer {TOKEN}", f"Bearer {'n' * 40}"]
