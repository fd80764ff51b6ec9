"""suggest: the command and the library."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import simctl
from simctl.suggest.shown import reach
from simctl.suggest.suggested import Suggested, Suggestion

from simd.decisions.labels import Labelling
from simd.errors import TooFewLabels
from simd.insight.suggest.suggestion import Nearest, Question, Strategy
from simd.types import ImageId
from tests.serving.doubles import Bench, environment, serving
from tests.serving.waiting import until
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run
from tests.simctl.test_json import check


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def put(bench: Bench, *names: str | bytes) -> list[ImageId]:
    """Different pictures."""
    return bench.put_all(*((name, b"picture %d 7 1" % number) for number, name in enumerate(names, 1)))


def labelled(bench: Bench) -> tuple[list[ImageId], ImageId]:
    """Two suggestions, the first with a name that is not UTF-8, and what is labelled."""
    *new, known = put(bench, b"caf\xe9.jpg", "b.jpg", "known.jpg")
    bench.decisions.labels.put([Labelling(known, ("cat", "pet"), None)])
    bench.suggestions.give(*new, nearest=Nearest(known, 0.75))
    return new, known


def test_people_are_told_where_why_and_how_far_labels_reach(bench: Bench) -> None:
    labelled(bench)
    done = run(bench.listen, "suggest")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "#  covers  path",
        f"1       2  {bench.root}/caf\\xe9.jpg",
        "           reason 0",
        f"           nearest labelled, 71.9 % similar: cat, pet, {bench.root}/known.jpg",
        f"2       1  {bench.root}/b.jpg",
        "           reason 1",
        f"           nearest labelled, 71.9 % similar: cat, pet, {bench.root}/known.jpg",
        "labelled pictures stand for 10 % of 4 pictures now; 50 % after 1, 90 % after all 2",
    ]


def test_json_has_the_promised_shape(bench: Bench) -> None:
    (first, second), known = labelled(bench)
    done = run(bench.listen, "suggest", "--json", "-n", "2")
    assert done.returncode == 0 and done.stderr == b""
    found = document(done)
    check("suggest", found)
    assert found["coverage"] == pytest.approx([0.1, 0.5, 0.9])
    assert [one["image_id"] for one in found["suggestions"]] == [first.hex(), second.hex()]
    one = found["suggestions"][0]
    assert base64.b64decode(one["path_base64"]).endswith(b"/root/caf\xe9.jpg") and one["covers"] == 2
    assert one["nearest_labelled"] == {
        "path": f"{bench.root}/known.jpg", "image_id": known.hex(), "distance": 0.75, "labels": ["cat", "pet"]
    }  # fmt: skip
    assert document(run(bench.listen, "suggest", "--format", "json")) == found
    lines = run(bench.listen, "suggest", "--jsonl")
    assert [json.loads(line) for line in lines.stdout.splitlines()] == found["suggestions"]
    assert lines.stderr.startswith(b"labelled pictures stand for 10 %")
    bench.lose("known.jpg")
    assert document(run(bench.listen, "suggest", "--json"))["suggestions"][0]["nearest_labelled"]["path"] is None
    bench.suggestions.give(second)
    assert document(run(bench.listen, "suggest", "--json"))["suggestions"][0]["nearest_labelled"] is None


def test_paths_go_out_as_they_are_each_ended_as_asked_and_from_where_asked(bench: Bench) -> None:
    labelled(bench)
    root = os.fsencode(bench.root)
    assert run(bench.listen, "suggest", "--paths-only").stdout == b"%s/caf\xe9.jpg\n%s/b.jpg\n" % (root, root)
    assert run(bench.listen, "suggest", "--format", "paths", "-0").stdout == b"%s/caf\xe9.jpg\0%s/b.jpg\0" % (
        root,
        root,
    )
    inside = run(bench.listen, "suggest", "--paths-only", "--base", f"{bench.directory}/")
    assert inside.stdout == b"root/caf\xe9.jpg\nroot/b.jpg\n"
    outside = run(bench.listen, "suggest", "--paths-only", "--base", "/elsewhere")
    assert outside.returncode == 2 and b"is not in /elsewhere; name a folder with --base" in outside.stderr


def test_a_table_is_filled_in_and_imported(bench: Bench, tmp_path: Path) -> None:
    (first, second), known = labelled(bench)
    bench.decisions.labels.put([Labelling(known, ('a "pet", or; not',), None)])
    done = run(bench.listen, "suggest", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8", "surrogateescape"))))
    assert [row["path"] for row in rows] == [
        os.fsdecode(os.fsencode(bench.root) + b"/caf\xe9.jpg"),
        f"{bench.root}/b.jpg",
    ]
    assert rows[0]["nearest_labels"] == 'a "pet", or; not; cat; pet' and rows[0]["nearest_distance"] == "0.7500"
    assert (rows[0]["label"], rows[0]["covers"], rows[0]["coverage"], rows[0]["width"]) == ("", "2", "0.5000", "640")
    rows[0]["label"] = "dog"
    table = tmp_path / "next.csv"
    with table.open("w", newline="", errors="surrogateescape") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    imported = document(run(bench.listen, "labels", "import", "--json", str(table)))
    assert (imported["by_path"], imported["without_label"], imported["unmatched"]) == (1, 1, [])
    assert bench.decisions.labels.of([first, second]) == {first: ("dog",)}


def annotated(tasks: list[Any], *, minimal: bool) -> list[Any]:
    """What Label Studio exports once a person has chosen `dog` for each."""
    if minimal:
        about = {"annotator": 1, "annotation_id": 2, "lead_time": 1.5, "created_at": "now", "updated_at": "now"}
        return [{**task["data"], "id": number, "choice": "dog", **about} for number, task in enumerate(tasks)]
    result = [{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]
    return [{**task, "id": number, "annotations": [{"result": result}]} for number, task in enumerate(tasks)]


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize("has_base", [False, True])
def test_tasks_of_label_studio_come_back_as_labels_of_their_files(
    bench: Bench, tmp_path: Path, has_base: bool, minimal: bool
) -> None:
    new, _ = labelled(bench)
    base = ["--base", str(bench.root)] if has_base else []
    tasks = document(run(bench.listen, "suggest", "--format", "label-studio", *base))
    below = "" if has_base else f"{str(bench.root)[1:]}/"
    assert [task["data"] for task in tasks] == [
        {"image": f"/data/local-files/?d={below}caf%E9.jpg", "rank": 1},
        {"image": f"/data/local-files/?d={below}b.jpg", "rank": 2},
    ]
    assert [task["predictions"] for task in tasks] == [
        [{"model_version": "simd", "score": score, "result": []}] for score in (0.5, 1.0)
    ]
    assert tasks[0]["meta"]["image_id"] == new[0].hex() and tasks[0]["meta"]["reason"] == "reason 0"
    before = tmp_path / "before.json"
    before.write_text(json.dumps(tasks))
    assert document(run(bench.listen, "labels", "import", "--json", str(before)))["without_label"] == 2
    export = tmp_path / "export.json"
    export.write_text(json.dumps(annotated(tasks, minimal=minimal)))
    imported = document(run(bench.listen, "labels", "import", "--json", str(export), *base))
    assert (imported["format"], imported["by_path"], imported["unmatched"]) == ("label-studio", 2, [])
    assert bench.decisions.labels.of(new) == dict.fromkeys(sorted(new), ("dog",))


def test_a_manifest_of_cvat_has_what_it_can_hold_in_order(bench: Bench) -> None:
    *new, odd = put(bench, "x/b.jpg", "a.tar.png", "no ending", b"caf\xe9.jpg")
    bench.suggestions.give(odd, *new)
    done = run(bench.listen, "suggest", "--format", "cvat", "--base", str(bench.root))
    version, kind, *images = map(json.loads, done.stdout.splitlines())
    assert (version, kind) == ({"version": "1.1"}, {"type": "images"})
    assert [(one["name"], one["extension"], one["width"], one["height"]) for one in images] == [
        ("x/b", ".jpg", 640, 480), ("a.tar", ".png", 640, 480), ("no ending", "", 640, 480)
    ]  # fmt: skip
    assert b"1 picture is left out: the name is not UTF-8" in done.stderr


def test_nothing_to_suggest_ends_with_4_and_says_why(bench: Bench) -> None:
    done = run(bench.listen, "suggest")
    assert (done.returncode, done.stdout) == (4, b"there are no pictures to suggest from\n")
    assert run(bench.listen, "suggest", "--paths-only").stdout == b""
    empty = run(bench.listen, "suggest", "--json")
    assert (empty.returncode, document(empty)["suggestions"]) == (4, [])


def test_what_is_asked_is_what_the_options_say(bench: Bench, tmp_path: Path) -> None:
    first, odd, third = put(bench, "a.jpg", b"\xff.jpg", "c.jpg")
    passed = tmp_path / "passed"
    passed.write_bytes(b"%s/a.jpg\n%s/gone.jpg\n\n%s\n" % (2 * (os.fsencode(bench.root),) + (third.hex().encode(),)))
    ended = b"%s/\xff.jpg\0" % os.fsencode(bench.root)
    where = ["--strategy", "diverse", "-n", "7", "--path-prefix", f"{bench.root}/x"]
    assert run(bench.listen, "suggest", *where, "--skip", str(passed)).returncode == 4
    assert run(bench.listen, "suggest", "--skip", "-", stdin=ended).returncode == 4
    assert bench.suggestions.asked == [
        Question(7, Strategy.DIVERSE, os.fsencode(bench.root) + b"/x", (first, third)),
        Question(100, Strategy.COVERAGE, b"", (odd,)),
    ]
    missing = run(bench.listen, "suggest", "--skip", str(tmp_path / "none"))
    assert missing.returncode == 1 and b"none: No such file" in missing.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["-n", "0"], ["-n", "10001"], ["--strategy", "best"], ["--json", "--paths-only"],
        ["--format", "csv", "--jsonl"], ["-0"], ["--base", "/x"], ["--watch", "--format", "cvat"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_makes_no_sense_is_a_wrong_usage(options: list[str]) -> None:
    done = run("unix:/nowhere", "suggest", *options)
    assert done.returncode == 2 and done.stderr, done.stderr


def test_a_strategy_without_labels_is_refused_with_what_helps(bench: Bench) -> None:
    bench.suggestions.refusals = [TooFewLabels("no two labels", remedy="label some pictures first")]
    done = run(bench.listen, "suggest", "--strategy", "uncertain")
    assert (done.returncode, done.stderr) == (1, b"simctl: no two labels; label some pictures first\n")


class Watching:
    """`simctl suggest --watch` under way."""

    def __init__(self, bench: Bench, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simctl", "suggest", "--watch", *options],
            env=environment({"SIMD_ADDRESS": bench.listen}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()


def test_a_watch_prints_what_was_not_printed_before(bench: Bench) -> None:
    first, second, third = put(bench, "a.jpg", "b.jpg", "c.jpg")
    bench.suggestions.give(first, second)
    with Watching(bench, "--jsonl") as lines, Watching(bench, "--json") as documents:
        assert [json.loads(lines.line())["image_id"] for _ in range(2)] == [first.hex(), second.hex()]
        assert len(json.loads(documents.line())["suggestions"]) == 2
        bench.suggestions.change(second, third)
        one = json.loads(lines.line())
        check("suggestion", one)
        assert (one["image_id"], one["rank"]) == (third.hex(), 2)
        more = json.loads(documents.line())
        check("suggest", more)
        assert [one["image_id"] for one in more["suggestions"]] == [third.hex()]
        assert len(more["coverage"]) == 3


def test_a_watch_shows_people_what_is_new_and_ends_when_its_time_is_over(bench: Bench) -> None:
    first, second = put(bench, "a.jpg", "b.jpg")
    bench.suggestions.give(first)
    with Watching(bench, "--timeout", "20") as watching:
        assert watching.line() == "#  covers  path\n" and watching.line() == f"1       1  {bench.root}/a.jpg\n"
        assert watching.line() == "           reason 0\n"
        assert watching.line().endswith("; 90 % after all 1\n")
        bench.suggestions.change(first)
        assert watching.line() == "\n" and watching.line().endswith("  0 labelled, nothing new to suggest\n")
        watching.line()
        bench.suggestions.change(first, second)
        assert watching.line() == "\n" and watching.line().endswith("  0 labelled, 1 new suggestion\n")
        assert watching.line() == "#  covers  path\n" and watching.line() == f"2       1  {bench.root}/b.jpg\n"
    assert run(bench.listen, "suggest", "--watch", "--paths-only", "--timeout", "1").returncode == 0


def test_how_far_it_is_is_shown_on_a_terminal_and_taken_away(bench: Bench) -> None:
    bench.suggestions.give(*put(bench, "a.jpg"))
    hold = bench.suggestions.hold = threading.Event()
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "suggest", "--paths-only"],
        env=environment({"SIMD_ADDRESS": bench.listen, "TERM": "xterm"}),
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    while b"30% of the pictures" not in seen:
        seen += os.read(reader, 4096)
    hold.set()
    out, _ = process.communicate(timeout=20)
    assert out.decode() == f"{bench.root}/a.jpg\n" and os.read(reader, 4096).startswith(b"\r\x1b[K")
    os.close(reader)


def test_ctrl_c_ends_the_job_too(bench: Bench) -> None:
    bench.suggestions.hold = threading.Event()
    with simctl.Client(bench.listen) as client:
        answers = client.watch_suggestions(progress=lambda done, total: client.close())
        with pytest.raises(simctl.SimctlError):
            next(answers)
    assert bench.suggestions.cancelled.wait(10)
    until(lambda: not bench.jobs.running(), "the job to end")


def answer(count: int, images: int = 10_417, **about: Any) -> Suggested:
    found = [Suggestion(n, f"/{n}", "", 1, min(1.0, 0.12 + n / 200), None, "", 0.0, 0, 0) for n in range(1, count + 1)]
    told: dict[str, Any] = {"labelled": 5, "same_as_labelled": 0, "coverage": 0.12, "estimated": False, **about}
    return Suggested(tuple(found), images, **told)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            answer(100),
            "labelled pictures stand for 12 % of 10,417 pictures now; 17 % after 10, 22 % after 20, 37 % after 50, "
            "62 % after all 100",
        ),
        (answer(1, estimated=True), "labelled pictures stand for about 12 % of 10,417 pictures now; 12 % after all 1"),
        (
            answer(3, labelled=0, coverage=0.0),
            "none of 10,417 pictures is labelled; 12 % after 1, 14 % after all 3",
        ),
        (
            answer(0, 30, labelled=20, same_as_labelled=10, coverage=0.9999),
            "labelled pictures stand for 99.9 % of 30 pictures now; nothing is left to suggest: 20 are labelled, 10 "
            "are the same as one that is",
        ),
        (answer(0, 0), "there are no pictures to suggest from"),
    ],
    ids=["many", "estimated", "unlabelled", "all labelled", "nothing"],
)  # fmt: skip
def test_how_far_labels_reach_is_said_in_a_line(found: Suggested, text: str) -> None:
    assert reach(found) == text
