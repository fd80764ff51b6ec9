"""Suggestions of what to label next: told as they come, ended with their reader, and saved as files."""

from __future__ import annotations

import csv
import io
import json
from http.client import HTTPConnection
from typing import Any

import grpc
import httpx
import pytest

from simd.v1 import insight_service_pb2 as wire
from tests.web.fakedaemon import PICTURE, FakeDaemon

NEAREST = wire.NearestLabelled(image_id="cd" * 16, path="/p/dog.jpg", distance=0.5, labels=["dog"])
FIRST = wire.Suggestion(
    image_id=PICTURE,
    path="/p/c?.jpg",
    path_bytes=b"/p/c\xff.jpg",
    covers=3,
    coverage=0.5,
    reason="stands for 3",
    width=4,
)
SECOND = wire.Suggestion(image_id="ab" * 16, path="/p/=b,c.jpg", nearest_labelled=NEAREST, coverage=0.75, height=2)
SUMMARY = wire.SuggestSummary(images=9, labelled=1, coverage=0.25, suggested=2)
WHOLE = [
    wire.SuggestResponse(done=1, total=9),
    wire.SuggestResponse(done=9, total=9),
    wire.SuggestResponse(suggestions=[FIRST]),
    wire.SuggestResponse(suggestions=[SECOND], summary=SUMMARY),
]


def ask(page: httpx.Client, path: str = "/api/suggestions", **document: Any) -> httpx.Response:
    # Half a character of two is no text, and httpx sends none.
    return page.post(path, content=json.dumps(document), headers={"Origin": str(page.base_url).rstrip("/")})


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def suggestions(page: httpx.Client, fake: FakeDaemon) -> list[dict[str, Any]]:
    fake.suggested = WHOLE
    return [one for line in lines(ask(page)) for one in line.get("suggestions", [])]


def test_progress_suggestions_and_summary_are_told_line_by_line(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.suggested = WHOLE
    answer = ask(page, limit=5, strategy="diverse", under="/p", skip=["ef" * 16])
    [call] = fake.calls
    assert (call.limit, call.strategy, call.path_prefix_bytes) == (5, "diverse", b"/p")
    assert list(call.skip_ids) == ["ef" * 16] and not call.watch
    assert answer.headers["content-type"] == "application/x-ndjson" and "content-encoding" not in answer.headers
    told = lines(answer)
    assert told[:2] == [{"done": 1, "total": 9}, {"done": 9, "total": 9}]
    [first], [second] = told[2]["suggestions"], told[3]["suggestions"]
    assert (first["path"], first["path_base64"]) == ("/p/c\ufffd.jpg", "L3AvY/8uanBn")
    assert (first["covers"], first["coverage"], first["width"], first["nearest_labelled"]) == (3, 0.5, 4, None)
    assert second["nearest_labelled"] == {
        "path": "/p/dog.jpg", "image_id": "cd" * 16, "distance": 0.5, "labels": ["dog"]
    }  # fmt: skip
    assert told[4]["summary"]["images"] == 9 and told[4]["summary"]["coverage"] == 0.25


def test_what_is_found_is_told_at_once_and_the_call_ends_with_its_reader(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.suggested = WHOLE
    fake.held.clear()
    with page.stream("POST", "/api/suggestions", json={}) as answer:
        told = answer.iter_lines()
        assert json.loads(next(told)) == {"done": 1, "total": 9}
        fake.until(lambda: fake.waiting == 1, "the call to go on")
    fake.until(lambda: fake.left == 1, "the call to end with its reader")


def test_the_call_of_somebody_who_leaves_before_the_first_word_ends(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.suggested = [wire.SuggestResponse(), *WHOLE]
    fake.held.clear()
    connection = HTTPConnection(page.base_url.host, page.base_url.port or 80)
    connection.request("POST", "/api/suggestions", "{}")
    fake.until(lambda: fake.waiting == 1, "the call")
    connection.close()
    fake.until(lambda: fake.left == 1, "the call to end")


@pytest.mark.parametrize(
    ("code", "status"),
    [(grpc.StatusCode.RESOURCE_EXHAUSTED, 429), (grpc.StatusCode.FAILED_PRECONDITION, 409)],
)
def test_a_refusal_has_a_status(page: httpx.Client, fake: FakeDaemon, code: grpc.StatusCode, status: int) -> None:
    fake.suggested = [(code, "they are made for somebody else")]
    answer = ask(page)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code.name)
    assert "somebody else" in answer.json()["error"]["message"]


def test_an_answer_that_breaks_off_says_why(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.suggested = [WHOLE[0], (grpc.StatusCode.UNAVAILABLE, "the daemon stops")]
    *_, last = lines(ask(page))
    assert last["error"]["code"] == "UNAVAILABLE" and last["error"]["message"]


def test_a_daemon_that_is_gone_is_told(page: httpx.Client, fake: FakeDaemon) -> None:
    fake.stop()
    assert ask(page).status_code == 503


@pytest.mark.parametrize(
    "document",
    [
        {"limit": "many"},
        {"limit": -1},
        {"strategy": 3},
        {"under": 3},
        {"under": "\ud800"},
        {"skip": "a"},
        {"skip": [3]},
    ],
)
def test_what_is_no_question_is_refused(page: httpx.Client, fake: FakeDaemon, document: dict[str, Any]) -> None:
    assert ask(page, **document).status_code == 400
    assert fake.calls == []


def saved(page: httpx.Client, fake: FakeDaemon, kind: str, **more: Any) -> bytes:
    answer = ask(page, "/api/suggestions/export", format=kind, suggestions=suggestions(page, fake), **more)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_suggestions_are_saved_as_paths_with_their_exact_bytes(page: httpx.Client, fake: FakeDaemon) -> None:
    assert saved(page, fake, "paths") == b"/p/c\xff.jpg\n/p/=b,c.jpg\n"


def test_suggestions_are_saved_as_simctl_writes_them(page: httpx.Client, fake: FakeDaemon) -> None:
    rows = list(csv.DictReader(io.StringIO(saved(page, fake, "csv").decode("utf-8", "replace"))))
    assert [row["image_id"] for row in rows] == [PICTURE, "ab" * 16] and rows[1]["path"] == "/p/=b,c.jpg"
    assert (rows[1]["nearest_labels"], rows[1]["label"]) == ("dog", "")
    assert json.loads(saved(page, fake, "json"))["suggestions"] == suggestions(page, fake)
    tasks = json.loads(saved(page, fake, "label-studio", base="/p"))
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=c%FF.jpg", "/data/local-files/?d=%3Db%2Cc.jpg"
    ]  # fmt: skip
    assert b'"name": "=b,c"' in saved(page, fake, "cvat", base="/p/")


def test_what_another_program_does_not_serve_is_told(page: httpx.Client, fake: FakeDaemon) -> None:
    told = suggestions(page, fake)
    answer = ask(page, "/api/suggestions/export", format="label-studio", base="/q", suggestions=told)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "base")
    assert "is not in /q" in answer.json()["error"]["message"]
    assert ask(page, "/api/suggestions/export", format="cvat", base="/\ud800", suggestions=told).status_code == 400


@pytest.mark.parametrize(
    "document",
    [{"format": "csv"}, {"format": "csv", "suggestions": []}, {"format": "csv", "suggestions": [{}]},
     {"format": "csv", "suggestions": [3]}, {"format": "zip", "suggestions": [3]}],
)  # fmt: skip
def test_what_is_no_list_of_suggestions_is_refused(page: httpx.Client, document: dict[str, Any]) -> None:
    answer = ask(page, "/api/suggestions/export", **document)
    assert answer.status_code == 400 and answer.json()["error"]["message"]
