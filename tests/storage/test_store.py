from __future__ import annotations

import itertools
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from simd.errors import CorruptStore, InvalidRequest, ModelMismatch, StoreError, StoreFull, StoreLocked, StoreVersion
from simd.storage.check import check_directory
from simd.storage.files import seal, unseal
from simd.storage.store import Store
from simd.supervision import Backoff, Threads
from tests.disks import CrashingDisk, FullDisk
from tests.serving.waiting import until
from tests.stores import (
    DIMENSION,
    FINGERPRINT,
    OPTIONS,
    Clock,
    contents,
    embedding,
    embeddings,
    image_id,
    open_store,
    opened,
    unit,
)


def test_what_was_put_is_there_after_reopening(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(10)))
        before = contents(store)
    with opened(tmp_path) as store:
        assert contents(store) == before
        assert len(before) == 10
        assert store.recovery_notes == ()


def test_the_newest_version_wins_wherever_the_older_ones_are(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for version in range(4):
            store.put([embedding(1, version), embedding(10 + version)])
            if version != 2:
                store.flush()
        assert np.array_equal(store.vector(image_id(1)), unit(1, 3))  # type: ignore[arg-type]
        assert len(list(store.ids())) == 5
        store.compact()
        assert np.array_equal(store.vector(image_id(1)), unit(1, 3))  # type: ignore[arg-type]
        assert store.segment_count() == 1


def test_the_last_of_equal_ids_in_one_batch_wins(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put([embedding(1, 0), embedding(1, 1)])
        assert len(store.snapshot) == 1
        assert np.array_equal(store.vector(image_id(1)), unit(1, 1))  # type: ignore[arg-type]


def test_delete_counts_only_what_was_there_and_logs_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(1, 2, 3))
        before = store.disk_bytes()
        assert store.delete([image_id(9)]) == 0
        assert store.disk_bytes() == before
        assert store.delete([image_id(1), image_id(1), image_id(9)]) == 1
        assert store.delete([image_id(1)]) == 0
        assert store.delete([]) == 0


@pytest.mark.parametrize("flush_before", [False, True])
@pytest.mark.parametrize("flush_after", [False, True])
def test_a_deleted_vector_can_be_had_back_until_its_grace_is_over(
    tmp_path: Path, flush_before: bool, flush_after: bool
) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as store:
        store.put(embeddings(1, 2))
        if flush_before:
            store.flush()
        store.delete([image_id(1)])
        if flush_after:
            store.flush()
        assert store.vector(image_id(1)) is None
        assert np.array_equal(store.vector(image_id(1), deleted=True), unit(1))  # type: ignore[arg-type]
        clock.advance(OPTIONS.grace_ms - 1)
        store.compact()
        assert np.array_equal(store.vector(image_id(1), deleted=True), unit(1))  # type: ignore[arg-type]
    with opened(tmp_path, clock=clock) as store:
        assert not store.contains(image_id(1))
        assert np.array_equal(store.vector(image_id(1), deleted=True), unit(1))  # type: ignore[arg-type]
        clock.advance(1)
        store.compact()
        assert store.vector(image_id(1), deleted=True) is None
        assert list(store.ids()) == [image_id(2)]
        assert len(store.snapshot.parts[0].ids) == 1


def test_an_image_put_again_after_its_delete_stays(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as store:
        store.put(embeddings(1))
        store.flush()
        store.delete([image_id(1)])
        store.flush()
        store.put(embeddings(1, version=1))
        store.flush()
        clock.advance(10 * OPTIONS.grace_ms)
        store.compact()
        assert np.array_equal(store.vector(image_id(1)), unit(1, 1))  # type: ignore[arg-type]
    with opened(tmp_path) as store:
        assert store.contains(image_id(1))


def test_everything_deleted_and_purged_leaves_no_segment(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock) as store:
        store.put(embeddings(*range(50)))
        store.flush()
        assert store.delete([image_id(n) for n in range(50)]) == 50
        clock.advance(OPTIONS.grace_ms)
        store.compact()
        assert store.segment_count() == 0 and len(store.snapshot) == 0
    with opened(tmp_path) as store:
        assert contents(store) == {}


def test_a_snapshot_never_changes(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.put(embeddings(*range(40, 50)))
        taken = store.snapshot
        ids = set(taken.ids())
        vectors = {i: taken.vector(i).tobytes() for i in ids}  # type: ignore[union-attr]
        store.delete([image_id(n) for n in range(0, 50, 2)])
        store.put(embeddings(*range(1, 50, 2), version=1))
        store.put(embeddings(*range(100, 300)))
        store.compact()
        assert set(taken.ids()) == ids
        assert {i: taken.vector(i).tobytes() for i in ids} == vectors  # type: ignore[union-attr]


@pytest.mark.parametrize("bad", [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.ones(DIMENSION), np.ones(3)])
def test_a_bad_vector_refuses_the_whole_batch(tmp_path: Path, bad: np.ndarray) -> None:
    with opened(tmp_path) as store:
        broken = type(embedding(2))(image_id(2), bad.astype(np.float32))
        with pytest.raises(InvalidRequest):
            store.put([embedding(1), broken, embedding(3)])
        with pytest.raises(InvalidRequest):
            store.put([type(broken)(image_id(2)[:-1], unit(2))])  # type: ignore[arg-type]
        assert contents(store) == {}


def test_many_threads_share_syncs_and_lose_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        errors: list[BaseException] = []

        def work(worker: int) -> None:
            try:
                for step in range(20):
                    number = worker * 100 + step
                    store.put([embedding(number)])
                    assert store.contains(image_id(number))
                    if step % 3 == 0:
                        assert store.delete([image_id(number)]) == 1
            except BaseException as error:  # noqa: BLE001 - handed to the test's thread
                errors.append(error)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
        for thread in threads:
            thread.start()
        store.flush()
        store.compact()
        for thread in threads:
            thread.join()
        assert errors == []
        expected = {image_id(w * 100 + s) for w in range(6) for s in range(20) if s % 3}
        assert set(store.ids()) == expected
    with opened(tmp_path) as store:
        assert set(store.ids()) == expected


def test_background_maintenance_flushes_and_merges_while_changes_go_on(tmp_path: Path) -> None:
    with opened(tmp_path, background=True, flush_rows=32) as store:

        def is_flushed() -> bool:
            return sum(part.rows for part in store.snapshot.parts if not part.in_order) < 32

        for start in range(0, 2000, 20):
            store.put(embeddings(*range(start, start + 20)))
            store.delete([image_id(start)])
            if start % 100 == 0:
                until(is_flushed, "a segment to be written")
        assert len(store.snapshot) == 1900
        until(lambda: store.segment_count() < 8, "the twenty and more segments to be merged")
    with opened(tmp_path) as store:
        assert len(store.snapshot) == 1900
        assert 0 < store.segment_count() < 8


def test_two_writers_cannot_open_one_store(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreLocked):
        open_store(tmp_path)
    with opened(tmp_path):
        pass


def test_a_closed_store_refuses_changes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.put(embeddings(1))


def test_a_store_of_another_model_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(1))
        store.flush()
    with pytest.raises(ModelMismatch):
        Store(tmp_path, DIMENSION, bytes(32), options=OPTIONS)
    with pytest.raises(ModelMismatch):
        Store(tmp_path, DIMENSION + 1, FINGERPRINT, options=OPTIONS)
    with pytest.raises(ValueError, match="32 bytes"):
        Store(tmp_path, DIMENSION, b"short", options=OPTIONS)


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    path = tmp_path / "manifest.json"
    path.write_bytes(seal({**unseal(path), "version": 2}))
    with pytest.raises(StoreVersion, match="format 2"):
        open_store(tmp_path)


def test_a_torn_tail_is_cut_reported_and_kept_aside(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(1))
        store.put(embeddings(2))
    (log,) = (tmp_path / "log").glob("*.log")
    whole = log.read_bytes()
    log.write_bytes(whole[:-3])
    assert any("torn" in problem for problem in check_directory(tmp_path))
    with opened(tmp_path) as store:
        (note,) = store.recovery_notes
        assert "cut short" in note and str(log) in note
        assert list(store.ids()) == [image_id(1)]
        assert log.with_suffix(".torn").read_bytes() == whole[:-3]
        store.put(embeddings(3))
    with opened(tmp_path) as store:
        assert store.recovery_notes == ()
        assert set(store.ids()) == {image_id(1), image_id(3)}


@pytest.mark.parametrize(
    ("name", "failpoint"), [("simd-flush", "flush.before_manifest"), ("simd-compact", "compaction.before_manifest")]
)
def test_maintenance_goes_on_after_an_error_that_nobody_thought_of(tmp_path: Path, name: str, failpoint: str) -> None:
    def bug() -> None:
        raise RuntimeError("a bug of ours")

    threads = Threads(lambda: Backoff(0.001, 0.001))
    disk = CrashingDisk(failpoint, action=bug)
    with opened(tmp_path, disk=disk, threads=threads, background=True, flush_rows=32) as store:
        numbers = itertools.count()

        def goes_on() -> bool:
            store.put(embeddings(next(numbers)))
            return disk.passed[failpoint] > 1

        until(goes_on, "maintenance to go on")
        assert threads.failures == {name: 1}
        assert set(contents(store)) == {image_id(number) for number in range(next(numbers))}


@pytest.mark.parametrize("background", [False, True])
def test_a_full_disk_refuses_puts_and_serves_on(tmp_path: Path, background: bool) -> None:
    disk = FullDisk(1 << 30)
    with opened(tmp_path, disk=disk, background=background) as store:
        store.put(embeddings(*range(30)))
        before = contents(store)
        for room in range(0, 400, 7):
            disk.room = room
            with pytest.raises(StoreFull):
                store.put(embeddings(*range(100, 110)))
            assert contents(store) == before
        disk.room = 10
        with pytest.raises(StoreFull):
            store.flush()
        with pytest.raises(StoreFull):
            store.delete([image_id(1)])
        assert contents(store) == before
        disk.room = 1 << 30
        store.put(embeddings(200))
        assert store.delete([image_id(0)]) == 1
        store.compact()
        assert len(store.snapshot) == 30
    with opened(tmp_path) as store:
        assert len(store.snapshot) == 30


def test_a_flush_or_a_merge_that_runs_out_of_room_anywhere_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.put(embeddings(*range(40, 80)))
        store.delete([image_id(3)])
        before = contents(store)
    full: list[int] = []

    def taken_of(room: int) -> int:
        """How many bytes a flush and a merge take where there are so many."""
        directory, disk = tmp_path / str(room), FullDisk(1 << 30)
        shutil.copytree(tmp_path / "store", directory)
        with opened(directory, disk=disk) as store:
            disk.room = room
            try:
                store.compact()
            except StoreFull:
                full.append(room)
            left, disk.room = disk.room, 1 << 30
            assert contents(store) == before
            store.compact()
            assert contents(store) == before and store.segment_count() == 1
        with opened(directory) as store:
            assert contents(store) == before and store.recovery_notes == ()
        return room - left

    enough = taken_of(1 << 29)
    # The last thing written is the manifest, of some hundred bytes.
    rooms = [*range(0, enough - 300, 997), *range(enough - 300, enough, 50)]
    for room in rooms:
        taken_of(room)
    assert full == rooms and len(rooms) > 15


@pytest.mark.parametrize("gone", ["manifest.json", "segments", "log", "segments/*/ids.npy", "segments/*/segment.json"])
def test_what_is_missing_is_found_and_refused(tmp_path: Path, gone: str) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(30)))
        store.flush()
        store.put(embeddings(50))
    for number, path in enumerate(tmp_path.glob(gone)):
        path.rename(tmp_path.parent / f"{tmp_path.name}-gone-{number}")
    assert check_directory(tmp_path) != []
    with pytest.raises(CorruptStore):
        open_store(tmp_path)


def test_large_files_are_verified_in_the_background_and_damage_stops_searches(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(30)))
        store.flush()
    (path,) = tmp_path.glob("segments/*/vectors.npy")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    store = open_store(tmp_path, verify_bytes=0, background=True)
    try:
        deadline = threading.Event()
        for _ in range(200):
            try:
                _ = store.snapshot
            except CorruptStore as error:
                assert str(path) in str(error)
                break
            deadline.wait(0.05)
        else:
            pytest.fail("the damage was not found")
    finally:
        store.close()


def test_check_sees_what_is_in_memory_too(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.put(embeddings(*range(30)))
    store.flush()
    (log,) = (tmp_path / "log").glob("*.log")
    whole = log.read_bytes()
    store.put(embeddings(50))
    assert store.check() == []
    log.write_bytes(whole)
    assert store.check() == ["the live images in memory are not those on disk"]
    (ids,) = tmp_path.glob("segments/*/ids.npy")
    ids.rename(tmp_path / "elsewhere")
    assert any(str(ids) in problem and "missing" in problem for problem in store.check())
    store.close()
    store.close()


def test_check_tells_how_much_it_read_also_of_what_is_only_in_the_log(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(10)))
        read: list[int] = []
        assert store.check(read.append) == []
        assert sum(read) == store.disk_bytes() > 0
