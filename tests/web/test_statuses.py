"""How the daemon is, live: one stream for all, whatever becomes of the daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack

import httpx
import pytest

from simd.web.statusfeed import VIEWERS, StatusFeed
from tests.web.conftest import Serve
from tests.web.fakedaemon import FakeDaemon


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    """The events of a stream."""
    name = ""
    for line in answer.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        if key == "data":
            yield name, json.loads(value)


def until(stream: Iterator[tuple[str, dict[str, object]]], name: str, **fields: object) -> dict[str, object]:
    """The next event of that name with these fields."""
    for found, document in stream:
        if found == name and all(document[key] == value for key, value in fields.items()):
            return document
    raise AssertionError(f"the stream ended without {name}")


def test_viewers_are_told_of_every_change_by_one_stream_of_the_daemon(page: httpx.Client, fake: FakeDaemon) -> None:
    with ExitStack() as stack:
        streams = [events(stack.enter_context(page.stream("GET", "/api/events"))) for _ in range(20)]
        for stream in streams:
            until(stream, "status", images=1)
        fake.change(2)
        for stream in streams:
            until(stream, "status", images=2)
        assert fake.watchers == 1
    fake.until(lambda: fake.watchers == 0, "the stream to end with its last viewer")


def test_a_daemon_that_comes_back_is_told_without_the_browser(page: httpx.Client, fake: FakeDaemon) -> None:
    with page.stream("GET", "/api/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        stream = events(answer)
        until(stream, "status", images=1)
        fake.stop()
        assert until(stream, "trouble")["code"] == "UNAVAILABLE"
        fake.images = 5
        fake.start()
        until(stream, "status", images=5)


def test_a_daemon_that_is_not_there_is_told(serve: Serve, fake: FakeDaemon) -> None:
    fake.stop()
    page = serve()
    with page.stream("GET", "/api/events") as answer:
        assert str(until(events(answer), "trouble")["message"]).startswith(f"no daemon at {fake.address}")
    answer = page.get("/api/status")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")


def test_windows_that_look_have_a_limit(page: httpx.Client, fake: FakeDaemon) -> None:
    with ExitStack() as stack:
        streams = [events(stack.enter_context(page.stream("GET", "/api/events"))) for _ in range(VIEWERS)]
        for stream in streams:
            until(stream, "status")
        refused = page.get("/api/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    fake.until(lambda: fake.watchers == 0, "the windows to be closed")
    with page.stream("GET", "/api/events") as answer:
        assert answer.status_code == 200


def test_who_asks_for_the_head_of_the_stream_does_not_stay(page: httpx.Client, fake: FakeDaemon) -> None:
    answer = page.head("/api/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert fake.watchers == 0


def test_what_the_page_may_not_do_is_told(page: httpx.Client) -> None:
    answer = page.post("/api/pause")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert "needs admin" in answer.json()["error"]["message"]


def test_errors_are_told_page_by_page(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.reasons = ["empty", "corrupt", "empty"]
    first = page.get("/api/errors", params={"page_size": 2}).json()
    assert [line["reason"] for line in first["errors"]] == ["empty", "corrupt"]
    assert first["total"] == 3
    rest = page.get("/api/errors", params={"page_size": 2, "page_token": first["next_page_token"]}).json()
    assert ([line["reason"] for line in rest["errors"]], rest["next_page_token"]) == (["empty"], "")


def test_errors_of_one_reason_are_found_among_all(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.reasons = ["corrupt"] * 2100 + ["empty"]
    found = page.get("/api/errors", params={"reason": "empty"}).json()
    assert ([line["reason"] for line in found["errors"]], found["next_page_token"]) == (["empty"], "")
    many = page.get("/api/errors", params={"reason": "corrupt", "page_size": 100}).json()
    assert {line["reason"] for line in many["errors"]} == {"corrupt"} and many["next_page_token"]
    rest = page.get("/api/errors", params={"reason": "corrupt", "page_token": many["next_page_token"]}).json()
    assert len(many["errors"]) + len(rest["errors"]) < 2100 and rest["next_page_token"]


def heard(feed: StatusFeed, wanted: str) -> list[str]:
    """What a viewer is sent until it is what is wanted."""

    async def listened() -> list[str]:
        events = feed.events()
        sent = []
        async with asyncio.timeout(20):
            async for event in events:
                sent.append(event)
                if wanted in event:
                    break
        await events.aclose()
        return sent

    return asyncio.run(listened())


def test_a_browser_is_told_when_to_come_back_and_that_nothing_is_new() -> None:
    async def watch() -> AsyncGenerator[dict[str, object]]:
        yield {"images": 1}
        await asyncio.Event().wait()

    sent = heard(StatusFeed(watch, beat_s=0.01), ": nothing new")
    assert sent[0] == "retry: 1000\n\n"
    assert sent[1:3] in (
        ['event: status\ndata: {"images": 1}\n\n', ": nothing new\n\n"],
        [": nothing new\n\n"],
    )


def test_a_mistake_of_the_pages_own_ends_no_stream(caplog: pytest.LogCaptureFixture) -> None:
    failures = [RuntimeError("a mistake")]

    async def watch() -> AsyncGenerator[dict[str, object]]:
        if failures:
            raise failures.pop()
        yield {"images": 1}
        await asyncio.Event().wait()

    sent = heard(StatusFeed(watch), '"images"')
    assert "event: trouble" in sent[1] and "a mistake" not in sent[1]
    assert "a mistake" in caplog.text


def test_a_daemon_that_stops_is_asked_again() -> None:
    stops = [True]

    async def watch() -> AsyncGenerator[dict[str, object]]:
        if stops:
            stops.pop()
            return
        yield {"images": 2}
        await asyncio.Event().wait()

    assert 'data: {"images": 2}' in heard(StatusFeed(watch), '"images": 2')[-1]
