"""What the command says of images of other hosts, which a daemon searches in a replica."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simd.insight.suggest.suggestion import Suggested
from tests.serving.doubles import serving
from tests.serving.shared import Shared
from tests.simctl.test_cli import RED, document, simctl
from tests.simctl.test_json import check

REDDISH, GREEN = b"picture 190 30 30", b"picture 10 200 10"


@contextmanager
def sharing() -> Iterator[Shared]:
    """A daemon that searches the images of three hosts."""
    with serving(ready=False) as bench:
        shared = Shared(bench, falls_back=True)
        shared.put("red.jpg", RED)
        shared.publish("b", REDDISH, b"/pictures/reddish.png", b"/pictures/z.png")
        shared.publish("c", GREEN, b"/green\xff.png")
        bench.server.open(bench.services)
        yield shared


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with sharing() as shared:
        yield shared


def test_a_match_of_another_host_names_it_before_the_path(shared: Shared) -> None:
    own = f"{shared.bench.root}/red.jpg"
    done = simctl(shared.bench.listen, "search", own)
    assert done.returncode == 0 and done.stderr == b""
    lines = [line.split(maxsplit=4)[-1] for line in done.stdout.decode().splitlines()]
    assert [own in lines[0], lines[1], lines[3]] == [True, "b:/pictures/reddish.png", r"c:/green\xff.png"]
    assert b"also at b:/pictures/z.png" in done.stdout and b"own:" not in done.stdout


def test_json_has_the_host_of_each_match_and_the_daemons_own(shared: Shared) -> None:
    found = document(simctl(shared.bench.listen, "search", "--json", f"{shared.bench.root}/red.jpg"))
    check("search", found)
    assert found["host"] == "own" and "fallback" not in found
    assert [match["host"] for match in found["matches"]] == ["own", "b", "c"]


@pytest.mark.parametrize("end", [[], ["-0"]])
def test_paths_only_prints_what_is_on_this_host_and_says_how_much_is_not(shared: Shared, end: list[str]) -> None:
    own = f"{shared.bench.root}/red.jpg"
    done = simctl(shared.bench.listen, "search", "--paths-only", *end, own, own)
    assert done.returncode == 0
    assert done.stdout.decode() == 2 * (own + ("\0" if end else "\n"))
    assert done.stderr == b"4 matches on other hosts are left out: b, c\n"


def test_that_only_the_daemons_own_images_were_searched_is_said_once() -> None:
    with sharing() as shared:
        own = f"{shared.bench.root}/red.jpg"
        shared.collection.down = "the engine does not answer"
        text = simctl(shared.bench.listen, "search", own, own)
        lines = simctl(shared.bench.listen, "search", "--jsonl", own, own)
    for done in (text, lines):
        assert done.returncode == 0
        assert done.stderr == b"only the daemon's own images were searched: the engine does not answer\n"
    for line in lines.stdout.splitlines():
        found = json.loads(line)
        check("search_line", found)
        assert found["fallback"] == "the engine does not answer" and "host" not in found
        assert [match["path"] for match in found["matches"]] == [own] and "host" not in found["matches"][0]


def test_copies_and_suggestions_are_told_to_be_of_one_host(shared: Shared) -> None:
    for command, note in (("duplicates", "files on own alone"), ("suggest", "pictures on own alone")):
        text, lines = (simctl(shared.bench.listen, command, *options) for options in ([], ["--jsonl"]))
        assert f"this is about the {note}".encode() in text.stdout and text.stderr == b""
        assert f"this is about the {note}".encode() in lines.stderr and note.encode() not in lines.stdout
        found = document(simctl(shared.bench.listen, command, "--json"))
        check(command, found)
        assert found["host"] == "own"


def test_where_no_replica_is_configured_no_host_is_told() -> None:
    with serving() as bench:
        bench.put("red.jpg", RED)
        bench.suggestions.answer = Suggested(1, 0, 0, 0.0, False, [])
        for command in ("duplicates", "suggest"):
            done = simctl(bench.listen, command)
            assert b"alone" not in done.stdout + done.stderr
            assert "host" not in document(simctl(bench.listen, command, "--json"))
