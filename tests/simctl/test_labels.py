"""labels, leaks, split and contradictions: the command and the library."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import simctl
from simctl.duplicates.contradictory import show
from simctl.labels.labelimport import content_of
from simctl.labels.labelled import LabelRow
from simctl.labels.links import folder_name
from simctl.output import Output

from simd.insight.pairs.pair import Tier
from simd.types import ImageId, image_id_of
from tests.serving.doubles import Bench, environment, serving
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run
from tests.simctl.test_json import check


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def picture(number: int) -> bytes:
    return b"picture %d %d 1" % (number // 250 + 1, number % 250 + 1)


def put(bench: Bench, *names: str | bytes) -> list[ImageId]:
    """Different pictures."""
    return bench.put_all(*((name, picture(number)) for number, name in enumerate(names)))


def test_labels_are_matched_by_path_and_by_content_and_the_others_are_named(bench: Bench, tmp_path: Path) -> None:
    known, moved = put(bench, "known.jpg", "moved.jpg")
    (tmp_path / "old name.jpg").write_bytes(picture(1))
    (tmp_path / "later.jpg").write_bytes(b"not indexed yet")
    os.mkfifo(tmp_path / "pipe.jpg")
    names = [f"{bench.root}/known.jpg", "old name.jpg", "later.jpg", "pipe.jpg", "gone\x1b.jpg", "https://x/y.jpg"]
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "".join(f"{name},cat\n" for name in names))
    done = run(bench.listen, "labels", "import", str(table))
    assert done.returncode == 5
    assert done.stdout.decode().splitlines() == [
        "csv: 6 labelled files", "1 matched by path, 2 by content, 3 not", "3 labels added, 0 taken away"
    ]  # fmt: skip
    errors = done.stderr.decode().splitlines()
    assert len(errors) == 3 and errors[0].startswith("simctl: no such picture: https://x/y.jpg (")
    assert "gone\\x1b.jpg" in errors[2] and "line 6)" in errors[2]
    later = image_id_of(b"not indexed yet")
    assert bench.decisions.labels.all() == dict.fromkeys(sorted((known, moved, later)), ("cat",))


def test_a_dry_run_changes_nothing_and_replacing_does(bench: Bench, tmp_path: Path) -> None:
    [image_id] = put(bench, "a.jpg")
    for number, label in enumerate(("cat", "dog")):
        (tmp_path / f"{number}.csv").write_text(f"{bench.root}/a.jpg,{label}\n")
    assert run(bench.listen, "labels", "import", str(tmp_path / "0.csv")).returncode == 0
    dry = run(bench.listen, "labels", "import", "--replace", "--dry-run", str(tmp_path / "1.csv"))
    assert dry.stdout.decode().endswith("1 label would be added, 1 would be taken away\n")
    assert bench.decisions.labels.of([image_id]) == {image_id: ("cat",)}
    run(bench.listen, "labels", "import", "--replace", "-", stdin=f"{bench.root}/a.jpg,dog\n".encode())
    assert bench.decisions.labels.of([image_id]) == {image_id: ("dog",)}


def test_of_a_file_that_is_wrong_nothing_is_imported(bench: Bench, tmp_path: Path) -> None:
    put(bench, "a.jpg")
    table = tmp_path / "labels.csv"
    table.write_text(f"path,label\n{bench.root}/a.jpg,cat\n{bench.root}/a.jpg\n")
    done = run(bench.listen, "labels", "import", "--json", str(table))
    assert done.returncode == 1 and f"{table}, line 3: 1 columns" in document(done)["error"]["message"]
    assert bench.calls("InsightService/ImportLabels", "OK") == 0 and bench.decisions.labels.all() == {}
    assert b"simd.sock" not in run("unix:/nowhere", "labels", "import", str(table)).stderr


def test_many_rows_are_sent_in_several_requests_and_replace_as_one(bench: Bench) -> None:
    [image_id] = bench.put_all(("a.jpg", picture(0)))
    bench.put("copy.jpg", picture(0))
    with simctl.Client(bench.listen) as client:
        client.import_labels([LabelRow(("old",), f"{bench.root}/a.jpg")])
        rows = [LabelRow(("cat",), f"{bench.root}/a.jpg")]
        rows += [LabelRow(("x" * 900,), f"/nowhere/{number}.jpg") for number in range(600)]
        rows += [LabelRow(("dog",), f"{bench.root}/copy.jpg")]
        done: list[int] = []
        found = client.import_labels(rows, replace=True, progress=done.append)
    assert len(done) > 1 and done[-1] == 602 and bench.calls("InsightService/ImportLabels", "OK") == 1 + len(done)
    assert found.unmatched == tuple(range(1, 601)) and (found.by_path, found.added, found.removed) == (2, 2, 1)
    assert bench.decisions.labels.of([image_id]) == {image_id: ("cat", "dog")}


def test_what_is_exported_is_imported_elsewhere_with_what_was_said_of_each_copy(bench: Bench, tmp_path: Path) -> None:
    bench.put_all((b"caf\xe9.jpg", picture(0)), ("copy.jpg", picture(0)), ("b.jpg", picture(1)))
    root = os.fsencode(bench.root)
    table = b"%s/caf\xe9.jpg,cat\n%s/copy.jpg,dog\n%s/b.jpg,\xfcbel\n" % (root, root, root)
    assert run(bench.listen, "labels", "import", "-", stdin=table).returncode == 0
    before = bench.decisions.labels.said([image_id_of(picture(0)), image_id_of(picture(1))])
    for kind in ("csv", "json", "jsonl", "label-studio"):
        file = tmp_path / f"labels.{kind}"
        assert run(bench.listen, "labels", "export", "--format", kind, str(file)).returncode == 0
        bench.decisions.labels.clear(None)
        done = run(bench.listen, "labels", "import", "--json", str(file))
        assert (done.returncode, document(done)["by_path"]) == (0, 3), done.stdout
        assert bench.decisions.labels.said(list(before)) == before
    assert run(bench.listen, "labels", "export", "--format", kind).stdout == file.read_bytes()


def test_an_export_tells_by_its_name_what_it_is_and_says_what_has_no_file(bench: Bench, tmp_path: Path) -> None:
    put(bench, "x/a.jpg", "y/b.jpg")
    bench.decisions.labels.put([])
    run(bench.listen, "labels", "import", "-", stdin=f"{bench.root}/x/a.jpg,cat\n{bench.root}/y/b.jpg,dog\n".encode())
    bench.lose("y/b.jpg")
    done = run(bench.listen, "labels", "export", str(tmp_path / "l.csv"))
    assert done.stdout.decode() == f"the labels of 2 images in {tmp_path}/l.csv\n"
    assert done.stderr == b"1 labelled image has no file now; only json and jsonl have them\n"
    assert (tmp_path / "l.csv").read_text() == f"path,label\n{bench.root}/x/a.jpg,cat\n"
    run(bench.listen, "labels", "export", str(tmp_path / "l.json"))
    assert len(json.loads((tmp_path / "l.json").read_text())["labels"]) == 2
    assert run(bench.listen, "labels", "export", "--path-prefix", f"{bench.root}/y").stdout == b"path,label\n"
    assert run(bench.listen, "labels", "export", "--json", "--format", "csv").returncode == 2
    assert run(bench.listen, "labels", "export", "--format", "folders").returncode == 2
    links = tmp_path / "links"
    assert run(bench.listen, "labels", "export", "--format", "folders", str(links)).returncode == 0
    assert os.readlink(links / "cat" / "a.jpg") == f"{bench.root}/x/a.jpg"


def test_list_counts_and_clear_asks(bench: Bench) -> None:
    put(bench, "a.jpg", "b.jpg")
    assert run(bench.listen, "labels", "list").returncode == 4
    run(bench.listen, "labels", "import", "-", stdin=f"{bench.root}/a.jpg,cat\n{bench.root}/b.jpg,\x1b[1m\n".encode())
    run(bench.listen, "labels", "import", "-", stdin=f"{bench.root}/a.jpg,cat\n{bench.root}/b.jpg,cat\n".encode())
    assert run(bench.listen, "labels", "list").stdout.decode().split() == [
        "2",
        "cat",
        "1",
        "label,",
        "2",
        "labelled",
        "images",
    ]
    refused = run(bench.listen, "labels", "clear", "--all")
    assert refused.returncode == 2 and b"--yes" in refused.stderr and bench.decisions.labels.count_images() == 2
    assert run(bench.listen, "labels", "clear", "--yes").returncode == 2
    assert run(bench.listen, "labels", "clear", "--all", f"{bench.root}/a.jpg", "--yes").returncode == 2
    assert answered(bench, b"n\n", "labels", "clear", "--all").returncode == 2
    assert bench.decisions.labels.count_images() == 2
    assert answered(bench, b"y\n", "labels", "clear", f"{bench.root}/a.jpg").stdout == b"1 label taken away\n"
    assert run(bench.listen, "labels", "clear", "--label", "dog", "--all", "--yes").returncode == 4
    image_id = image_id_of(picture(1)).hex()
    assert document(run(bench.listen, "labels", "clear", "--yes", "--json", "--image-id", image_id)) == {"removed": 1}


def answered(bench: Bench, answer: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The command, with a terminal at its input from which a person answers."""
    above, below = pty.openpty()
    os.write(above, answer)
    try:
        return subprocess.run(
            [sys.executable, "-m", "simctl", *arguments],
            env=environment({"SIMD_ADDRESS": bench.listen}),
            stdin=below, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
    finally:
        os.close(above)
        os.close(below)


def test_leaks_are_listed_for_people_and_for_scripts(bench: Bench) -> None:
    a, b = put(bench, "train/a.jpg", b"val/\xff.jpg", "val/alone.jpg")[:2]
    bench.put("val/copy.jpg", picture(0))
    bench.pairs.add(a, b, Tier.NEAR, 0.931, mirrored=True, turned=90)
    train, val = f"{bench.root}/train", f"{bench.root}/val"
    done = run(bench.listen, "leaks", "--between", train, val)
    assert (done.returncode, done.stdout.decode().splitlines()) == (
        0,
        [
            "exact", f"  {train}/a.jpg", f"  {val}/copy.jpg",
            "near 93.1 %, mirrored, turned by 90 degrees", f"  {train}/a.jpg", f"  {val}/\\xff.jpg",
            "2 leaks",
        ],
    )  # fmt: skip
    paths = run(bench.listen, "leaks", "--paths-only", "-0", "--between", train, val).stdout
    assert paths == b"%s/copy.jpg\0%s/\xff.jpg\0" % (os.fsencode(val), os.fsencode(val))
    assert run(bench.listen, "leaks", "--between", train, f"{bench.root}/test").returncode == 4
    assert run(bench.listen, "leaks", "--between", train, train).returncode == 1
    assert run(bench.listen, "leaks", "--between", train).returncode == 2


def labelled(bench: Bench, count: int = 40) -> None:
    """Pictures of two classes, one odd label, and one without."""
    names = [f"{'cat' if number % 2 else 'dog'}/{number}/img.jpg" for number in range(count)]
    put(bench, *names, "a/b:odd.jpg", "a/none.jpg")
    lines = [f"{bench.root}/{name},{name[:3]}\n" for name in names]
    run(bench.listen, "labels", "import", "-", stdin="".join([*lines, f'"{bench.root}/a/b:odd.jpg",.a/b\n']).encode())


def test_a_split_is_printed_for_people_and_as_json(bench: Bench) -> None:
    labelled(bench)
    done = run(bench.listen, "split", "--shares", "train=3,val=1")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and lines[0].split() == ["files", "train", "val"]
    assert lines[1].split() == ["cat", "20", "15", "(", "75.0%)", "5", "(", "25.0%)"]
    assert [line.split()[0] for line in lines[2:]] == ["dog", ".a/b", "without", "all", "farthest"]
    found = document(run(bench.listen, "split", "--json", "--shares", "train=3,val=1"))
    assert list(found["splits"]) == ["train", "val"] and len(found["splits"]["train"] + found["splits"]["val"]) == 42
    assert found == document(run(bench.listen, "split", "--json", "--shares", "train=3,val=1", "--seed", "0"))
    assert found != document(run(bench.listen, "split", "--json", "--shares", "train=3,val=1", "--seed", "1"))
    some = document(run(bench.listen, "split", "--json", "--shares", "a=1,b=1", "--labelled-only", f"{bench.root}/a"))
    assert some["splits"]["a"] + some["splits"]["b"] == [f"{bench.root}/a/b:odd.jpg"]
    assert run(bench.listen, "split", "--shares", "a=1,b=1", "/nowhere").returncode == 4


def test_a_split_is_written_as_lists(bench: Bench, tmp_path: Path) -> None:
    labelled(bench)
    bench.put("with\nbreak.jpg", picture(100))
    lists = str(tmp_path / "new" / "lists")
    refused = run(bench.listen, "split", "--shares", "a=1,b=1", "--lists", lists)
    assert refused.returncode == 1 and b"-0 ends paths with NUL" in refused.stderr and not os.path.exists(lists)
    for _ in range(2):
        assert run(bench.listen, "split", "--shares", "a=1,b=1", "--lists", lists, "-0").returncode == 0
    written = {name: (Path(lists) / f"{name}.txt").read_bytes().split(b"\0")[:-1] for name in "ab"}
    found = document(run(bench.listen, "split", "--json", "--shares", "a=1,b=1"))["splits"]
    assert {name: [os.fsdecode(path) for path in paths] for name, paths in written.items()} == found


def test_a_split_is_written_as_folders_of_links(bench: Bench, tmp_path: Path) -> None:
    labelled(bench)
    links = tmp_path / "links"
    assert run(bench.listen, "split", "--shares", "train=0.8,val=0.2", "--links", str(links)).returncode == 0
    found = {str(path.relative_to(links)): os.readlink(path) for path in links.rglob("*") if path.is_symlink()}
    splits = document(run(bench.listen, "split", "--json", "--shares", "train=0.8,val=0.2"))["splits"]
    assert sorted(found.values()) == sorted(splits["train"] + splits["val"])
    for link, path in found.items():
        parts = link.split("/")
        assert path in splits[parts[0]] and Path(path).read_bytes() == (links / link).read_bytes()
        if path.endswith("img.jpg"):
            assert parts[1] == path[len(str(bench.root)) + 1 :][:3]
    assert {link.split("/", 1)[1] for link, path in found.items() if "/a/" in path} == {
        "%2Ea%2Fb/b:odd.jpg",
        "none.jpg",
    }
    again = run(bench.listen, "split", "--shares", "train=0.8,val=0.2", "--links", str(links))
    assert again.returncode == 2 and b"is not empty" in again.stderr


def test_nothing_is_written_into_a_watched_folder(bench: Bench, tmp_path: Path) -> None:
    labelled(bench)
    (tmp_path / "way in").symlink_to(bench.root)
    before = sorted(bench.root.rglob("*"))
    for option in ("--lists", "--links"):
        for directory in (f"{bench.root}/new", str(bench.root), str(tmp_path / "way in" / "deep")):
            done = run(bench.listen, "split", "--shares", "a=1,b=1", option, directory)
            assert done.returncode == 2 and b"is watched" in done.stderr, directory
    assert run(bench.listen, "labels", "export", "--format", "folders", f"{bench.root}/new").returncode == 2
    assert sorted(bench.root.rglob("*")) == before
    assert run(bench.listen, "split", "--shares", "../a=1,b=1", "--lists", str(tmp_path)).returncode == 2


@pytest.mark.parametrize(
    "shares", ["", "a", "a=1", "a=1,a=2", "a=1,b=0", "a=1,b=x", "a=1,=1", "a=1,b=nan", "a=1,b=inf"]
)
def test_shares_that_cannot_be_are_a_usage_error(shares: str) -> None:
    done = run("unix:/nowhere", "split", "--shares", shares)
    assert done.returncode == 2 and b"--shares" in done.stderr


def test_contradictions_are_shown_for_people_and_as_json(bench: Bench) -> None:
    ids = put(bench, "a\x1b.jpg", "b.jpg", b"c\xff.jpg", "d.jpg")
    for one, other in ((0, 1), (2, 3)):
        bench.pairs.add(ids[one], ids[other], Tier.NEAR, 0.9, mirrored=True)
    with simctl.Client(bench.listen) as client:
        root = os.fsencode(bench.root)
        said = [(b"a\x1b.jpg", "cat"), (b"b.jpg", "dog"), (b"c\xff.jpg", "fox")]
        client.import_labels([LabelRow((label,), os.path.join(root, name)) for name, label in said])
        shown = io.StringIO()
        assert show(client.contradictions(), Output({}, shown)) == 0
        assert shown.getvalue().splitlines() == [
            "differing  cat, dog",
            f"  cat  {bench.root}/a\\x1b.jpg  largest",
            f"  dog  {bench.root}/b.jpg  near 90.0 %, mirrored",
            "",
            "missing  fox",
            f"  fox  {bench.root}/c\\xff.jpg  largest",
            f"  -    {bench.root}/d.jpg  near 90.0 %, mirrored",
            "",
            "2 contradictions",
        ]
        printed = io.StringIO()
        show(client.contradictions(), Output({}, printed), json=True)
        check("contradictions", json.loads(printed.getvalue()))
        lines = io.StringIO()
        show(client.contradictions(differing_only=True), Output({}, lines), jsonl=True)
        check("contradiction", json.loads(lines.getvalue()))
        assert show(client.contradictions(within=["/nowhere"]), Output({}, io.StringIO())) == 4


def test_the_content_of_a_file_is_what_the_daemon_names_it_by(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert content_of(os.fsencode(tmp_path / "a")) == image_id_of(b"x" * 3_000_000).hex()
    (tmp_path / "empty").touch()
    for name in ("empty", "gone", ""):
        assert content_of(os.fsencode(tmp_path / name)) is None


@pytest.mark.parametrize("label", ["cat", "a/b", "..", ".", ".hidden", "50%", "日" * 300, "x" * 1000])
def test_every_label_can_be_a_folder_of_its_own(label: str, tmp_path: Path) -> None:
    name = folder_name(label)
    (tmp_path / name).mkdir()
    assert len(name.encode()) <= 255 and (tmp_path / name).parent == tmp_path and not name.startswith(".")
    assert folder_name(label + "x") != name
