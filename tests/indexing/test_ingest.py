"""From a folder to the index: what lands is found, what goes is gone, and nothing is computed twice."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simd.errors import InvalidRequest, Reason
from simd.indexing.models.backfill import reconcile
from simd.types import ImageId, image_id_of
from tests.indexing.bench import Bench


def ids(*contents: bytes) -> set[ImageId]:
    """The identities of contents."""
    return {image_id_of(data) for data in contents}


def test_files_that_are_there_and_files_that_come_are_found(bench: Bench) -> None:
    for number in range(10):
        bench.write(f"{number}.png", b"picture %d" % number)
    bench.start().settle()
    assert set(bench.index.ids()) == ids(*(b"picture %d" % n for n in range(10)))
    path = bench.write("folder/new.png", b"a new one")
    bench.until(lambda: bench.index.contains(image_id_of(b"a new one")))
    path.unlink()
    bench.until(lambda: not bench.index.contains(image_id_of(b"a new one")))


def test_a_file_that_is_found_again_while_it_is_decoded_is_decoded_once(bench: Bench) -> None:
    for number in range(10):
        bench.write(f"{number}.png", b"picture %d" % number)
    bench.start()
    for _ in range(5):
        bench.ingest.scan([], retry_rejected=False)
    assert bench.settle().decoder.decoded == 10


def test_copies_are_one_image_that_is_embedded_once(bench: Bench) -> None:
    for number in range(10):
        bench.write(f"{number}.png", b"the same picture")
    bench.start().settle()
    assert bench.backbone.embedded == 1
    assert len(bench.files()) == 10 and len(bench.index) == 1
    (bench.root / "0.png").unlink()
    bench.settle()
    assert len(bench.files()) == 9 and len(bench.index) == 1


def test_a_picture_that_returns_costs_no_inference(bench: Bench) -> None:
    bench.write("other.png", b"another picture, since an empty root would be taken for an unmounted disk")
    path = bench.write("a.png", b"a picture")
    bench.start().settle()
    path.unlink()
    bench.settle()
    assert list(bench.files()) == ["other.png"]
    bench.write("b.png", b"a picture")
    bench.settle()
    assert bench.files()["b.png"] == image_id_of(b"a picture")
    assert (bench.backbone.embedded, bench.decoder.decoded) == (2, 2)


def test_renaming_a_folder_costs_no_inference(bench: Bench) -> None:
    for number in range(5):
        bench.write(f"one/{number}.png", b"picture %d" % number)
    bench.start().settle()
    (bench.root / "one").rename(bench.root / "two")
    bench.until(lambda: sorted(bench.files()) == [f"two/{n}.png" for n in range(5)])
    assert bench.settle().backbone.embedded == 5


def test_a_folder_renamed_while_its_files_are_decoded_leaves_nothing_under_its_old_name(bench: Bench) -> None:
    bench.write("keep.png", b"an empty root would be taken for an unmounted disk")
    bench.start().settle()
    bench.decoder.hold = held = threading.Event()
    path = bench.write("old/a.png", b"a picture")
    bench.until(lambda: bench.decoder.hold is None)
    path.parent.rename(bench.root / "new")
    bench.until(lambda: bench.decoder.asked.count("a.png") == 2)
    bench.until(lambda: not bench.ingest.progress().scanning)
    held.set()
    bench.until(lambda: bench.ingest.progress().pending == 0)
    assert set(bench.files()) == {"keep.png", "new/a.png"}
    assert bench.backbone.embedded == 2


def test_new_content_under_an_old_name_replaces_the_image(bench: Bench) -> None:
    bench.write("a.png", b"before")
    bench.start().settle()
    bench.write("a.png", b"after!")
    bench.until(lambda: set(bench.index.ids()) == ids(b"after!"))
    assert bench.files() == {"a.png": image_id_of(b"after!")}


def test_a_bad_file_is_a_ledger_line_until_it_changes(bench: Bench) -> None:
    bench.write("bad.png", b"bad picture")
    bench.write("good.png", b"good picture")
    bench.start().settle()
    assert list(bench.files()) == ["good.png"]
    [line] = bench.catalogue.rejections()
    assert (line.path, line.rejection.reason) == (os.fsencode(bench.root / "bad.png"), Reason.NOT_AN_IMAGE)
    bench.write("bad.png", b"better picture")
    bench.until(lambda: "bad.png" in bench.files())
    assert bench.catalogue.rejections() == []


def test_a_file_that_changes_while_it_is_read_is_read_again(bench: Bench) -> None:
    bench.write("a.png", b"torn at first")
    bench.start()
    bench.until(lambda: "a.png" in bench.files())


def test_a_bug_with_one_file_does_not_stop_the_others(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.write("a.png", b"bug")
    bench.write("b.png", b"picture")
    bench.start().settle()
    assert list(bench.files()) == ["b.png"]
    assert "a bug of ours" in caplog.text and "Traceback" in caplog.text


def test_a_backbone_that_fails_keeps_nobody_waiting_and_the_next_scan_tries_again(bench: Bench) -> None:
    bench.start().settle()
    bench.backbone.broken = True
    path = bench.write("a.png", b"a picture")
    report = bench.ingest.add([os.fsencode(path)])
    assert report.added == 0 and len(report.rejected) == 1
    bench.backbone.broken = False
    bench.settle()
    assert list(bench.files()) == ["a.png"]


def test_indexing_waits_for_room_on_the_disk_and_loses_nothing(bench: Bench) -> None:
    bench.index.full = True
    for number in range(6):
        bench.write(f"{number}.png", b"picture %d" % number)
    bench.start()
    bench.until(lambda: bench.index.refused >= 3)
    progress = bench.ingest.progress()
    assert "no room" in progress.trouble and progress.pending > 0
    assert progress.starved, "it hardly moves"
    bench.index.full = False
    bench.settle()
    assert len(bench.files()) == 6 and bench.backbone.embedded == 6
    assert bench.ingest.progress().trouble == ""
    assert bench.ingest.progress().starved == "", "nothing is left to be done"


def test_what_is_removed_stays_removed_until_it_is_added_or_changes(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.write(f"{name}.png", b"picture " + name.encode())
    bench.start().settle()
    paths = [os.fsencode(bench.root / f"{name}.png") for name in ("a", "b")]
    report = bench.ingest.remove([*paths, b"/nowhere"], [image_id_of(b"picture c"), image_id_of(b"unknown")])
    assert (report.files, report.images) == (3, 3)
    assert report.missing == (b"/nowhere", image_id_of(b"unknown"))
    assert bench.settle().files() == {}
    assert bench.ingest.add(paths[:1]).added == 1
    assert bench.ingest.add(paths[:1]).unchanged == 1
    bench.write("b.png", b"something else")
    bench.until(lambda: sorted(bench.files()) == ["a.png", "b.png"])
    assert bench.backbone.embedded == 4


def test_what_was_removed_stays_removed_though_the_catalogue_is_made_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for name in ("a", "b", "c", "folder/d", "other"):
        bench.write(f"{name}.png", b"picture " + name.encode())
    bench.start().settle()
    index = bench.index
    bench.ingest.remove([os.fsencode(bench.root / "a.png"), os.fsencode(bench.root / "folder")], [])
    bench.ingest.remove([], [image_id_of(b"picture b")])
    bench.write("b copy.png", b"picture b")
    (bench.root / "folder").rename(bench.root / "renamed")
    assert sorted(bench.settle().files()) == ["b copy.png", "c.png", "other.png"]
    bench.close()
    (tmp_path / "catalogue.sqlite").unlink()
    bench = Bench(tmp_path, index=index)
    assert sorted(bench.start().settle().files()) == ["b copy.png", "c.png", "other.png"]
    assert bench.catalogue.counts().failed_by_reason == {"removed": 3}
    assert bench.ingest.add([os.fsencode(bench.root)]).rejected == ()
    assert len(bench.settle().files()) == 6 and bench.backbone.embedded == 0
    bench.close()


def test_adding_what_cannot_be_indexed_says_why_of_each_path_and_does_the_rest(bench: Bench, tmp_path: Path) -> None:
    bench.start().settle()
    folder, other = bench.root / "folder", tmp_path / "other"
    for made in (folder, other):
        made.mkdir()
    (other / "b.png").write_bytes(b"in another folder")
    (bench.root / "linked").symlink_to(folder)
    wrong = {
        bench.write("bad.png", b"bad one"): ("not_an_image", ""),
        bench.root / "missing.png": ("not_there", "there is no such file"),
        bench.root.parent / "catalogue.sqlite": ("not_in_a_root", "no watched folder holds it"),
        bench.write(".hidden.png", b"hidden"): ("ignored", "always passed over"),
        bench.root / "linked": ("linked_directory", "those are not followed"),
        bench.root / "linked/a.png": ("linked_directory", "those are not followed"),
    }
    right = [bench.write("good.png", b"good"), other]
    report = bench.ingest.add([os.fsencode(path) for path in (*wrong, *right)])
    assert (report.added + report.unchanged, report.queued) == (1, 1)
    told = {Path(os.fsdecode(item.path)): item for item in report.rejected}
    assert {path: item.reason for path, item in told.items()} == {path: reason for path, (reason, _) in wrong.items()}
    assert all(detail in told[path].detail for path, (_, detail) in wrong.items())
    assert set(bench.settle().index.ids()) == ids(b"good", b"in another folder")


def test_adding_a_file_that_has_just_gone_says_so(bench: Bench) -> None:
    path = bench.write("a.png", b"a picture")
    bench.start().settle()
    path.unlink()
    [gone] = bench.ingest.add([os.fsencode(path) + b"/"]).rejected
    assert (gone.path, gone.reason) == (os.fsencode(path), "not_there")


def test_a_folder_can_be_added_and_removed_as_a_root_but_not_one_of_the_configuration(
    bench: Bench, tmp_path: Path
) -> None:
    bench.write("a.png", b"in the first root")
    bench.start().settle()
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.png").write_bytes(b"in the other root")
    assert bench.ingest.add([os.fsencode(other)]).queued == 1
    bench.settle()
    assert set(bench.index.ids()) == ids(b"in the first root", b"in the other root")
    (other / "c.png").write_bytes(b"it is watched")
    bench.until(lambda: bench.index.contains(image_id_of(b"it is watched")))
    report = bench.ingest.remove([os.fsencode(other)], [])
    assert (report.files, report.images) == (2, 2)
    assert [status.root.path for status in bench.ingest.roots()] == [os.fsencode(bench.root)]
    bench.ingest.add([os.fsencode(other)])
    with pytest.raises(InvalidRequest, match="configuration"):
        bench.ingest.remove([os.fsencode(other), os.fsencode(bench.root)], [])
    assert len(bench.ingest.roots()) == 2, "nothing is done of what cannot all be done"
    assert bench.settle().ingest.remove([os.fsencode(other)], []).files == 2
    assert set(bench.settle().index.ids()) == ids(b"in the first root")


def test_a_root_that_loses_most_of_its_files_keeps_them_until_somebody_confirms(bench: Bench) -> None:
    for number in range(150):
        bench.write(f"{number}.png", b"picture %d" % number)
    bench.start().settle()
    bench.close()
    for number in range(1, 150):
        (bench.root / f"{number}.png").unlink()
    again = Bench(bench.root.parent)
    again.index = bench.index
    again.start().settle()
    try:
        assert len(again.catalogue.files(limit=1000)) == 150
        assert "149 of 150" in again.ingest.roots()[0].detail
        again.ingest.scan([], retry_rejected=False, confirm_deletes=True)
        again.until(lambda: again.ingest.progress().pending == 0)
        assert len(again.catalogue.files()) == 1 and again.ingest.roots()[0].detail == ""
    finally:
        again.close()


def test_a_root_that_encloses_others_takes_their_place(bench: Bench) -> None:
    bench.write("a.png", b"a picture")
    inner = bench.root.parent / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "b.png").write_bytes(b"another")
    bench.start().settle()
    bench.ingest.add([os.fsencode(inner)])
    bench.settle()
    bench.ingest.add([os.fsencode(inner.parent)])
    bench.settle()
    assert [s.root.path for s in bench.ingest.roots()] == [os.fsencode(bench.root), os.fsencode(inner.parent)]
    assert set(bench.index.ids()) == ids(b"a picture", b"another")
    assert bench.backbone.embedded == 2
    (inner / "c.png").write_bytes(b"still watched")
    bench.until(lambda: bench.index.contains(image_id_of(b"still watched")))


def test_after_a_crash_index_and_catalogue_agree_again(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.write(f"{name}.png", b"picture " + name.encode())
    bench.start().settle()
    bench.ingest.stop()
    bench.index.delete([image_id_of(b"picture a")])
    bench.catalogue.record([], [], [file.key for file in bench.catalogue.files() if file.path.endswith(b"b.png")])
    assert reconcile(bench.catalogue, bench.index) == 1
    assert set(bench.index.ids()) == ids(b"picture c")
    again = Bench(bench.root.parent, index=bench.index).start().settle()
    try:
        assert sorted(again.files()) == ["a.png", "b.png", "c.png"]
        assert again.backbone.embedded == 0, "the vectors had been kept"
    finally:
        again.close()


names = st.sampled_from(["a.png", "b.png", "d/a.png", "d/b.png", "e/f/a.png"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), names, st.integers(0, 3)),
        st.tuples(st.just("unlink"), names, st.just(0)),
        st.tuples(st.just("rename"), names, st.integers(0, 4)),
        st.tuples(st.just("rmtree"), st.sampled_from(["d", "e"]), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_whatever_happens_in_the_folder_the_answers_are_what_is_on_the_disk(
    steps: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench")).start()
    bench.write("keep.png", b"an empty root would be taken for an unmounted disk")
    try:
        for step, name, number in steps:
            act(bench, step, name, number)
        bench.settle()
        on_disk = {
            str(path.relative_to(bench.root)): image_id_of(path.read_bytes())
            for path in bench.root.rglob("*")
            if path.is_file()
        }
        assert bench.files() == on_disk
        assert set(bench.index.ids()) == set(on_disk.values())
        assert bench.backbone.embedded <= 5, "there are five contents in all"
    finally:
        bench.close()


def act(bench: Bench, step: str, name: str, number: int) -> None:
    """Do one thing to the folder."""
    path = bench.root / name
    if step == "write":
        bench.write(name, b"content %d" % number)
    elif step == "unlink":
        path.unlink(missing_ok=True)
    elif step == "rmtree":
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        target = bench.root / ["a.png", "b.png", "d/a.png", "x.png", "e/f/a.png"][number]
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
