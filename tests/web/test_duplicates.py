"""Reviews: what was accepted on the page, as a file, held against what the daemon tells; decisions taken back."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from simctl.channel import Security
from simctl.cleanup import review

from simd.insight.pairs.pair import Tier
from simd.types import ImageFacts
from simd.web.server import Options
from tests.serving.doubles import Bench, serving
from tests.web.served import served

RED, GREEN, BLUE = b"picture 200 10 10", b"picture 10 200 10", b"picture 10 10 200"
LATIN = b"b/m\xfchle.jpg"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def page(bench: Bench) -> Iterator[httpx.Client]:
    with served(Options(http="127.0.0.1:0", address=bench.listen, security=Security())) as client:
        yield client


def groups(page: httpx.Client, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.get("/api/duplicates", params=parameters).json()["groups"]
    return found


def accepted(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"group_id": group["group_id"], "options": "", "keep": "", "files": group["goes_count"], **more}


def ask(page: httpx.Client, *wanted: dict[str, Any], exact: Any = (), skipped: Any = ()) -> httpx.Response:
    document = {"groups": wanted, "exact": [*exact], "skipped": [*skipped]}
    return page.post("/api/review", json=document, headers={"Origin": str(page.base_url).rstrip("/")})


def reviewed(page: httpx.Client, *wanted: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = ask(page, *wanted, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    review.of(found, "the page's review")
    # The last line alone tells what is left out: the page reads no more of a great file.
    assert json.loads("{" + answer.text.rstrip("\n").rsplit("\n", 1)[1])["left_out"] == found["left_out"]
    return found


def names(bench: Bench, found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    def name(one: dict[str, Any]) -> str:
        return str(one["path"]).removeprefix(f"{bench.root}/")

    return [
        (name(group["keeper"]), [name(one) for one in group["members"] if one["goes"]]) for group in found["groups"]
    ]


def test_what_was_accepted_is_told_with_all_of_its_members(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(*((f"red {n:04}", RED) for n in range(1501)), ("green 1", GREEN), ("green 2", GREEN))
    green, red = sorted(groups(page), key=lambda group: group["goes_count"])
    found = reviewed(page, accepted(red), accepted(green))
    assert [len(goes) for _, goes in names(bench, found)] == [1500, 1] and found["left_out"] == []


def test_a_file_that_was_chosen_among_the_same_bytes_stays(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(("a/red", RED), ("b/red", RED), (LATIN, RED))
    [group] = groups(page)
    for keep, goes in ((f"{bench.root}/b/red", ["a/red", "b/m\ufffdhle.jpg"]), (LATIN, ["a/red", "b/red"])):
        if isinstance(keep, bytes):
            keep = f"base64:{base64.b64encode(os.fsencode(bench.root) + b'/' + keep).decode()}"
        [(_, gone)] = names(bench, reviewed(page, accepted(group, keep=keep)))
        assert sorted(gone) == goes
    found = reviewed(page, accepted(group, keep=f"{bench.root}/c/red"))
    assert found["groups"] == [] and "chosen to stay" in found["left_out"][0]["why"]


def test_what_protects_a_file_protects_it_when_another_one_was_chosen(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(("a/red.jpg", RED), ("b/red.jpg", RED))
    bench.put_all(("a/red.nef", GREEN), facts=ImageFacts(1, 1, "RAW", False))
    [group] = groups(page)
    assert group["keeper"]["path"] == f"{bench.root}/a/red.jpg", "its raw photograph is beside it"
    found = reviewed(page, accepted(group, keep=f"{bench.root}/b/red.jpg"))
    assert names(bench, found) == [("b/red.jpg", [])]


def test_what_is_gone_or_changed_since_is_left_out_and_said(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(("red 1", RED), ("red 2", RED), ("green 1", GREEN), ("green 2", GREEN))
    both = [accepted(group) for group in groups(page)]
    bench.lose("green 2")
    bench.put_all(("red 3", RED))
    found = reviewed(page, *both)
    assert found["groups"] == [] and len(found["left_out"]) == 2
    assert {one["why"].split(":")[0].split(";")[0] for one in found["left_out"]} == {
        "it is no group any more",
        "its files are not those that were accepted any more",
    }


def test_all_files_with_the_same_bytes_are_accepted_at_once(bench: Bench, page: httpx.Client) -> None:
    red, _, green, _ = bench.put_all(("a/red", RED), ("b/red", RED), ("a/green", GREEN), ("b/green", GREEN))
    blue = bench.put_all(("a/blue", BLUE), ("b/blue", BLUE))[0]
    bench.pairs.add(red, green, Tier.NEAR, 0.9)
    [near] = [group for group in groups(page) if group["tier"] == "near"]
    found = reviewed(page, exact=[""])
    assert sorted(names(bench, found)) == [("a/blue", ["b/blue"]), ("a/green", ["b/green"]), ("a/red", ["b/red"])]
    found = reviewed(page, accepted(near), exact=[""])
    assert len(found["groups"]) == 2, "the pictures of the accepted group are in no other one"
    found = reviewed(page, exact=[f"within={bench.root}/a"], skipped=[])
    assert found["groups"] == []
    assert len(reviewed(page, exact=[""], skipped=[blue.hex()])["groups"]) == 2


def test_no_picture_is_in_two_groups(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(("a/1", RED), ("a/2", RED), ("b/1", RED), ("b/2", RED))
    options = [f"within={bench.root}/{folder}" for folder in "ab"]
    [a], [b] = (groups(page, within=f"{bench.root}/{folder}") for folder in "ab")
    found = reviewed(page, accepted(a, options=options[0]), accepted(b, options=options[1]))
    assert names(bench, found) == [("a/1", ["a/2"])]
    assert "another accepted group" in found["left_out"][0]["why"]


@pytest.mark.parametrize(
    "document",
    [
        [], {}, {"groups": []}, {"groups": [], "exact": [], "skipped": []}, {"groups": [1], "exact": [], "skipped": []},
        {"groups": [{"group_id": "x", "options": "", "keep": "", "files": 1}], "exact": [], "skipped": []},
        {"groups": [{"group_id": "0" * 32, "options": "", "keep": "base64:?", "files": 1}], "exact": [], "skipped": []},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_refused(page: httpx.Client, document: Any) -> None:
    answer = page.post("/api/review", json=document, headers={"Origin": str(page.base_url).rstrip("/")})
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_where_no_daemon_answers_there_is_an_error_and_no_file(bench: Bench, page: httpx.Client) -> None:
    bench.put_all(("red 1", RED), ("red 2", RED))
    [group] = groups(page)
    bench.server.stop(0)
    answer = ask(page, accepted(group))
    assert answer.status_code == 503 and "content-disposition" not in answer.headers


def test_a_decision_is_taken_back_alone(bench: Bench, page: httpx.Client) -> None:
    red, _, green = bench.put_all(("a/red", RED), ("b/red", RED), ("a/green", GREEN))
    bench.pairs.add(red, green, Tier.NEAR, 0.9)
    [group] = groups(page)
    ids = [group["keeper"]["image_id"], next(one["image_id"] for one in group["members"] if one["tier"] == "near")]
    origin = {"Origin": str(page.base_url).rstrip("/")}
    first, second = {"kind": "keep", "image_ids": ids[1:]}, {"kind": "not_duplicates", "image_ids": ids}
    for decision in (first, second):
        assert page.post("/api/decisions", json={"decisions": [decision]}, headers=origin).json() == {"changed": 1}
    assert page.post("/api/decisions/undo", json=second, headers=origin).status_code == 200
    assert [one.kind for one in bench.decisions.duplicates.all()] == ["keep"]
    [group] = groups(page)
    assert group["keeper"]["image_id"] == ids[1]
