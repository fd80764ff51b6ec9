"""`simctl duplicates` and `simctl decide`, as commands and as calls of the client, against a real server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from simctl.client import Client
from simctl.duplicates.grouped import Decision, DuplicateOptions
from simctl.errors import SimctlError

from simd.insight.pairs.pair import Tier
from simd.types import ImageFacts
from tests.serving.doubles import Bench, serving
from tests.simctl.test_cli import document, simctl

RED, GREEN, BLUE = b"picture 200 10 10", b"picture 10 200 10", b"picture 10 10 200"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def client(bench: Bench) -> Iterator[Client]:
    with Client(bench.listen, timeout=10) as client:
        yield client


def edited(bench: Bench) -> None:
    """A picture with an exact copy, an edited one, and one that only looks alike."""
    red, _ = bench.put_all(("a/red.jpg", RED), ("b/red.jpg", RED))
    [near] = bench.put_all(("b/edited\x1b.jpg", GREEN), facts=ImageFacts(320, 240, "TEXT", False))
    alike = bench.put("b/alike.jpg", BLUE)
    bench.pairs.add(red, near, Tier.NEAR, 0.912, mirrored=True, turned=90)
    bench.pairs.add(red, alike, Tier.SIMILAR, 0.7)


def test_groups_are_printed_for_people_one_file_a_line(bench: Bench) -> None:
    edited(bench)
    bench.pairs.reasons, bench.pairs.pending = {"flat": 1, "not_verified": 2}, 3
    done = simctl(bench.listen, "duplicates", "--tier", "exact", "--tier", "near", "--tier", "similar")
    assert done.returncode == 0 and done.stderr == b""
    head, keep, exact, near, alike, empty, found, left_out, remedy, pending = done.stdout.decode().splitlines()
    assert head.startswith("similar, 4 files, 34 B to free; kept: ")
    assert keep.split() == ["keep", "640x480", "TEXT", "17", "B", f"{bench.root}/a/red.jpg"]
    assert exact.split() == ["go", "640x480", "TEXT", "17", "B", "exact", "100", "%", f"{bench.root}/b/red.jpg"]
    assert near.split()[5:9] == ["near", "91.2", "%", f"{bench.root}/b/edited\\x1b.jpg"]
    assert near.endswith("(mirrored, turned by 90 degrees)") and alike.endswith("(it only looks alike)")
    assert alike.split()[0] == "stay" and empty == ""
    assert len({line.index(str(bench.root)) for line in (keep, exact, near, alike)}) == 1
    assert found == "1 group, 34 B to free"
    assert left_out == "not looked at for near copies: 1 picture blank or nearly so"
    assert remedy.startswith("2 pictures are not verified") and 'verify = "pairs"' in remedy
    assert pending.startswith("3 pictures were not looked at yet")


def test_lists_are_cut_for_people_and_say_so(bench: Bench) -> None:
    bench.put_all(*((f"{n}/{copy:02}", b"picture %d 1 1" % n) for n in range(3) for copy in range(4)))
    done = simctl(bench.listen, "duplicates", "--limit", "2", "--members", "1")
    lines = done.stdout.decode().splitlines()
    assert lines.count("  and 2 more files") == 2
    assert lines[-1] == "3 groups, 117 B to free; 2 of them shown, --limit N shows more"
    whole = document(simctl(bench.listen, "duplicates", "--json"))
    assert [len(group["members"]) for group in whole["groups"]] == [3, 3, 3]
    cut = document(simctl(bench.listen, "duplicates", "--json", "--limit", "1", "--members", "2"))
    assert (len(cut["groups"]), len(cut["groups"][0]["members"]), cut["total"]) == (1, 2, 3)


def test_how_unlike_a_member_is_at_most_is_said_even_if_it_is_not_shown(bench: Bench) -> None:
    edited(bench)
    done = simctl(bench.listen, "duplicates", "--members", "1")
    assert "  and 1 more file, 91.2 % similar at least" in done.stdout.decode().splitlines()


def test_a_plan_is_written_of_what_the_daemon_tells(bench: Bench, tmp_path: Path) -> None:
    edited(bench)
    plan = str(tmp_path / "plan.json")
    done = simctl(bench.listen, "duplicates", "--plan", plan)
    assert done.returncode == 0 and done.stdout.decode().splitlines()[0] == f"{plan}: 2 files of 1 group would go, 34 B"
    [group] = json.loads(Path(plan).read_text())["groups"]
    assert [entry["path"] for entry in group["goes"]] == [f"{bench.root}/b/red.jpg", f"{bench.root}/b/edited\x1b.jpg"]
    assert simctl(bench.listen, "duplicates", "--plan", plan).returncode == 2, "it may have been edited"


def test_what_is_pending_can_be_waited_for(bench: Bench) -> None:
    edited(bench)
    bench.pairs.behind = True
    done = simctl(bench.listen, "duplicates", "--wait", "--timeout", "0.3")
    assert done.returncode == 1 and b"1 picture was not looked at for copies within 0.3 s" in done.stderr
    with (
        Client(bench.listen, timeout=10) as client,
        pytest.raises(SimctlError, match="indexing is paused"),
    ):
        client.wait_for_pairs(patience=0.2)
    bench.pairs.behind = False
    assert simctl(bench.listen, "duplicates", "--wait").returncode == 0


def test_what_would_go_can_be_piped(bench: Bench) -> None:
    for folder in "ab":
        bench.put(f"{folder}/\n.jpg", RED)
        bench.put_all((f"{folder}/\n.nef", GREEN), facts=ImageFacts(1, 1, "RAW", False))
    done = simctl(bench.listen, "duplicates", "--paths-only", "-0")
    root = os.fsencode(bench.root)
    assert done.stdout.split(b"\0") == [root + b"/b/\n.jpg", root + b"/b/\n.nef", b""]
    assert done.stderr.decode() == "1 group, 34 B to free\n"


def test_where_nothing_is_found_the_exit_code_says_so(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    done = simctl(bench.listen, "duplicates")
    assert (done.returncode, done.stdout) == (4, b"no duplicates\n")
    assert document(simctl(bench.listen, "duplicates", "--json"))["groups"] == []
    assert simctl(bench.listen, "duplicates", "--folders").returncode == 4


def test_options_reach_the_daemon(bench: Bench) -> None:
    edited(bench)
    a, b = f"{bench.root}/a", f"{bench.root}/b"

    def told(*words: str) -> list[list[str]]:
        groups = document(simctl(bench.listen, "duplicates", "--json", *words))["groups"]
        return [[one["path"].removeprefix(f"{bench.root}/") for one in (g["keeper"], *g["members"])] for g in groups]

    both = ["b/red.jpg", "b/edited\x1b.jpg"]
    assert told() == [["a/red.jpg", *both]]
    assert told(b) == [both]
    assert told(b, "--across-folders") == []
    assert told(a, b, "--between", "--tier", "exact") == [["a/red.jpg", "b/red.jpg"]]
    assert told("--between") == []
    assert told("--keep", "path:*edited*, size") == [["b/edited\x1b.jpg", "a/red.jpg", "b/red.jpg"]]
    assert told("--reference", b, "--min-similarity", "95%") == [["b/red.jpg", "a/red.jpg"]]
    assert told("--max-similarity", "0.95") == [["a/red.jpg", "b/edited\x1b.jpg"]]
    assert told("--against", a) == [["a/red.jpg", *both]]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--keep", "biggest"], 1, "'biggest' is no rule"),
        (["--tier", "different"], 2, "invalid choice"),
        (["--min-similarity", "much"], 2, "neither a number nor a percentage"),
        (["--min-similarity", "150%"], 1, "min_similarity 1.5 is not in -1..1"),
        (["--limit", "0"], 2, "greater than 0"),
    ],
)
def test_options_that_cannot_be_are_refused(bench: Bench, words: list[str], code: int, told: str) -> None:
    done = simctl(bench.listen, "duplicates", *words)
    assert done.returncode == code and told in done.stderr.decode()


def test_folders_are_printed_with_their_share(bench: Bench) -> None:
    bench.put_all(("a/1", RED), ("a/2", GREEN), ("b/1", RED), ("b/2", GREEN), ("b/3", BLUE))
    lines = simctl(bench.listen, "duplicates", "--folders").stdout.decode().splitlines()
    assert lines == [
        f"100% of 2 files in {bench.root}/a are in {bench.root}/b too",
        f" 67% of 3 files in {bench.root}/b are in {bench.root}/a too",
        "2 pairs of folders",
    ]
    only = simctl(bench.listen, "duplicates", "--folders", "--min-share", "80%", "--paths-only")
    assert only.stdout.decode() == f"{bench.root}/a\n"


def test_what_was_decided_is_exported_and_imported(bench: Bench, tmp_path: Path) -> None:
    edited(bench)
    red, near = f"{bench.root}/a/red.jpg", f"{bench.root}/b/edited\x1b.jpg"
    assert simctl(bench.listen, "decide", "not-duplicates", red, near).stdout == b"decided\n"
    assert simctl(bench.listen, "decide", "not-duplicates", near, red).stdout == b"that was said before\n"
    kept = simctl(bench.listen, "decide", "keep", red)
    assert "has the same bytes as 1 other file" in kept.stderr.decode()
    file = str(tmp_path / "said.json")
    assert simctl(bench.listen, "decide", "export", file).stdout.decode() == f"2 decisions in {file}\n"
    assert document(simctl(bench.listen, "decide", "export")) == json.loads(Path(file).read_text())
    assert document(simctl(bench.listen, "decide", "--json", "forget", red)) == {"changed": 1}
    assert simctl(bench.listen, "decide", "forget", red).stdout == b"nothing was said of them\n"
    assert simctl(bench.listen, "decide", "import", file).stdout == b"2 decisions, 2 of them new\n"
    again = simctl(bench.listen, "decide", "import", "-", stdin=Path(file).read_bytes())
    assert again.stdout == b"2 decisions, 0 of them new\n"


@pytest.mark.parametrize(
    "text",
    ["", "text", "[]", '{"decisions": [1]}', '{"decisions": [{"kind": "maybe", "image_ids": []}]}', "[" * 100_000,
     '{"decisions": [{"kind": "keep", "image_ids": "ab"}]}', '{"decisions": [{"kind": "keep"}]}'],
)  # fmt: skip
def test_what_no_export_wrote_changes_nothing(bench: Bench, tmp_path: Path, text: str) -> None:
    file = tmp_path / "said.json"
    file.write_text(text)
    done = simctl(bench.listen, "decide", "import", str(file))
    assert done.returncode == 1 and str(file) in done.stderr.decode() and b"Traceback" not in done.stderr
    assert bench.decisions.duplicates.all() == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["keep"], 2, "usage: simctl decide keep PATH"),
        (["import"], 2, "usage: simctl decide import PATH"),
        (["export", "a", "b"], 2, "usage: simctl decide export"),
        (["keep", "/nowhere"], 4, "no image is indexed at /nowhere"),
        (["not-duplicates", "--image-id", "ab" * 16], 1, "needs two images"),
        (["export", "/nowhere/file"], 1, "cannot write /nowhere/file"),
    ],
)
def test_decisions_that_cannot_be_are_refused(bench: Bench, words: list[str], code: int, told: str) -> None:
    done = simctl(bench.listen, "decide", *words)
    assert done.returncode == code and told in done.stderr.decode()


def test_the_client_has_every_group_with_all_of_its_members(bench: Bench, client: Client) -> None:
    bench.put_all(*((f"a/{number:04}", RED) for number in range(2300)), ("b/1", GREEN), ("b/2", GREEN))
    groups = list(client.duplicate_groups())
    assert [len(group.members) for group in groups] == [2299, 1]
    assert len({member.path for member in groups[0].members}) == 2299
    assert client.group(f"{bench.root}/a/1234") == groups[0]
    assert client.group(image_id=groups[1].group_id) == groups[1]
    with pytest.raises(SimctlError) as caught:
        client.group(f"{bench.root}/absent")
    assert caught.value.code == "NOT_FOUND"


def test_the_client_tells_pages_folders_and_decisions(bench: Bench, client: Client) -> None:
    bench.put_all(("a/1", RED), ("b/1", RED), ("b/2", GREEN), ("a/2", GREEN))
    pages = list(client.duplicate_pages(DuplicateOptions(within=[str(bench.root)]), page_size=1))
    assert [(len(page.groups), page.total, page.reclaimable_bytes) for page in pages] == [(1, 2, 34), (1, 2, 34)]
    assert [one.shared for one in client.folder_overlaps()] == [2, 2]
    said = Decision("keep_all", paths=(f"{bench.root}/a/1", f"{bench.root}/a/2"))
    assert client.decide([said]) == 1 and client.decide(client.decisions()) == 0
    assert len(list(client.duplicate_groups())) == 0
    [decision] = client.decisions()
    assert decision.kind == "keep_all" and len(decision.image_ids) == 2 and decision.decided_time > 0
