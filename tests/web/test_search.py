"""Searches: what is asked for reaches the daemon, and what cannot be asked for does not."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import pytest
from simctl.channel import Security
from starlette.types import Message, Receive, Scope, Send

from simd.web import bodies
from simd.web.answers import Incidents
from tests.web.conftest import Serve
from tests.web.fakedaemon import PICTURE, FakeDaemon


def test_a_picture_that_is_sent_is_searched_by(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = page.post(
        "/api/search", content=b"picture", params={"limit": "7", "min_similarity": "0.5", "name": "a.jpg"}
    )
    assert answer.status_code == 200
    (call,) = fake.calls
    assert (call.image, call.limit, call.min_similarity) == (b"picture", 7, 0.5)
    assert answer.json()["query"] == "a.jpg"


def test_a_picture_that_is_shown_is_searched_by(page: httpx.Client, fake: FakeDaemon) -> None:
    asked = {"image_id": PICTURE, "path_prefix": "/a b/ü", "region": "0.1,0.2,0.3,0.4", "group": "1"}
    assert page.get("/api/search", params=asked).status_code == 200
    (call,) = fake.calls
    assert (call.image_id, call.path_prefix_bytes, call.group) == (PICTURE, "/a b/ü".encode(), True)
    assert call.region.width == pytest.approx(0.3)
    assert not call.HasField("min_similarity")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"image_id": "x"}, "image_id"),
        ({}, "image_id"),
        ({"image_id": PICTURE, "limit": "x"}, "limit"),
        ({"image_id": PICTURE, "limit": "-1"}, "limit"),
        ({"image_id": PICTURE, "limit": "99999999999"}, "limit"),
        ({"image_id": PICTURE, "min_similarity": "nan"}, "min_similarity"),
        ({"image_id": PICTURE, "min_similarity": "inf"}, "min_similarity"),
        ({"image_id": PICTURE, "region": "1,2,3"}, "region"),
    ],
)
def test_what_cannot_be_asked_is_told_by_its_name(
    page: httpx.Client, fake: FakeDaemon, asked: dict[str, str], field: str
) -> None:
    answer = page.get("/api/search", params=asked)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert not fake.calls


@pytest.mark.parametrize("path", ["/api/pause?seconds=inf", "/api/decisions", "/api/decisions?x"])
def test_what_is_posted_and_makes_no_sense_is_refused(page: httpx.Client, path: str) -> None:
    assert page.post(path, content=b"{").status_code == 400


def test_a_search_without_a_picture_is_told(page: httpx.Client) -> None:
    answer = page.post("/api/search", content=b"")
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "there is no picture in the request")


def test_pictures_that_are_sent_at_once_wait_for_their_room(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.held.clear()
    picture = bytes(bodies.UPLOADS_BYTES // 4)
    with ThreadPoolExecutor(6) as browsers:
        answers = [browsers.submit(page.post, "/api/search", content=picture) for _ in range(6)]
        fake.until(lambda: fake.waiting == 4, "as many as there is room for")
        fake.release()
        assert {answer.result().status_code for answer in answers} == {200}
    assert fake.most_waiting == 4


def test_who_leaves_makes_room_for_others(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.held.clear()
    picture = bytes(bodies.UPLOADS_BYTES // 2)
    leaving = [HTTPConnection(page.base_url.host, page.base_url.port or 80) for _ in range(2)]
    for connection in leaving:
        connection.request("POST", "/api/search", picture)
    fake.until(lambda: fake.waiting == 2, "two that take all room")
    with ThreadPoolExecutor(1) as browsers:
        third = browsers.submit(page.post, "/api/search", content=picture)
        for connection in leaving:
            connection.close()
        fake.until(lambda: fake.left == 2, "the calls of those who left to end")
        fake.until(lambda: fake.waiting == 1, "the third one's call")
        fake.release()
        assert third.result().status_code == 200


def test_a_daemon_that_asks_for_a_token_is_told_of_without_asking_the_visitor(serve: Serve, fake: FakeDaemon) -> None:
    fake.asks_for_token = True
    page = serve(security=Security())
    answer = page.get(f"/api/thumbnails/{PICTURE}")
    assert answer.status_code == 502
    assert "--token-file" in answer.json()["error"]["message"]


def test_a_mistake_of_the_pages_own_is_told_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a secret")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(Incidents(app)(scope, receive, send))
    assert sent[0]["status"] == 500
    [number] = re.findall(r"its log has more under (\w+)", sent[1]["body"].decode())
    assert number in caplog.text and "a secret" in caplog.text
    assert "secret" not in str(sent)
