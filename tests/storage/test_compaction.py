from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.storage.compaction import Policy, pick_run
from tests.stores import OPTIONS, Clock, contents, embeddings, image_id, opened, unit

_policy = Policy(grace_ms=0, max_rows=1000)


@given(st.lists(st.integers(1, 1200), max_size=20), st.sampled_from([2, 4]))
def test_a_run_is_adjacent_long_enough_and_bounded(sizes: list[int], minimum: int) -> None:
    run = pick_run(sizes, _policy, minimum)
    if run is not None:
        assert 0 <= run.start < run.stop <= len(sizes)
        assert len(run) >= minimum
        assert sum(sizes[run.start : run.stop]) <= _policy.max_rows


@given(st.integers(1, 3000))
def test_segments_stay_few_and_rows_are_rewritten_seldom(flushes: int) -> None:
    policy = Policy(grace_ms=0, max_rows=1 << 40)
    sizes: list[int] = []
    written = 0
    for _ in range(flushes):
        sizes.append(1)
        while run := pick_run(sizes, policy):
            merged = sum(sizes[run.start : run.stop])
            written += merged
            sizes[run.start : run.stop] = [merged]
    levels = np.log2(flushes + 1) + 1
    assert len(sizes) <= 3 * levels
    assert written <= flushes * levels


def test_a_large_old_segment_is_left_alone() -> None:
    assert pick_run([900, 10, 10, 10], _policy) is None
    assert pick_run([900, 10, 10, 10, 10], _policy) == range(1, 5)


def test_extra_disk_while_merging_is_bounded_by_the_largest_merge(tmp_path: Path) -> None:
    with opened(tmp_path, max_segment_rows=100) as store:
        for start in range(0, 400, 20):
            store.put(embeddings(*range(start, start + 20)))
            store.flush()
        store.compact()
        assert [part.rows for part in store.snapshot.parts if part.in_order] == [100] * 4


def test_a_tombstone_outlives_its_grace_while_an_older_segment_has_its_image(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock, max_segment_rows=40) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.delete([image_id(0)])
        store.put(embeddings(*range(40, 60)))
        store.flush()
        store.put(embeddings(*range(60, 70)))
        # The delete's segment is merged with its younger neighbour; the row it kills is in the elder.
        clock.advance(OPTIONS.grace_ms - 1)
        store.compact()
        assert not store.contains(image_id(0))
        before = contents(store)
    with opened(tmp_path, clock=clock, max_segment_rows=40) as store:
        assert contents(store) == before
        clock.advance(1)
        store.compact()
        assert store.vector(image_id(0), deleted=True) is None
        assert sum(part.rows for part in store.snapshot.parts) == 69
    with opened(tmp_path, clock=clock) as store:
        assert contents(store) == before


def test_compacting_twice_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.put(embeddings(*range(100)))
        store.delete([image_id(n) for n in range(10)])
        store.compact()
        names = [part.name for part in store.snapshot.parts]
        store.compact()
        assert [part.name for part in store.snapshot.parts] == names


def test_changes_made_while_a_segment_is_written_are_not_lost(tmp_path: Path) -> None:
    """The writer's threads are not raced here: the change is made at the failpoint, in the middle of the work."""
    from tests.disks import CrashingDisk

    for point in ("flush.frozen", "segment.wrote_files", "flush.before_manifest", "compaction.before_manifest"):
        directory = tmp_path / point
        # Failpoints are passed under the compaction's or flush's own mutex, which changes do not need.
        disk = CrashingDisk(point, nth=1, action=lambda: change())
        with opened(directory, disk=disk) as store:

            def change() -> None:
                store.delete([image_id(3)])
                store.put(embeddings(4, version=1))
                store.put(embeddings(500))

            store.put(embeddings(*range(30)))
            store.flush()
            store.put(embeddings(*range(30, 60)))
            store.compact()
            assert disk.passed[point] >= 1
            expected = {image_id(n) for n in [*range(60), 500] if n != 3}
            assert set(store.ids()) == expected
            after = contents(store)
        with opened(directory) as store:
            assert contents(store) == after


def test_rows_that_a_newer_segment_supersedes_are_purged_where_they_lie(tmp_path: Path) -> None:
    with opened(tmp_path, max_segment_rows=40) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.put(embeddings(*range(20), version=1))
        store.compact()
        assert sum(part.rows for part in store.snapshot.parts) == 40
        assert np.array_equal(store.vector(image_id(3)), unit(3, 1))  # type: ignore[arg-type]
    with opened(tmp_path) as store:
        assert len(store.snapshot) == 40


def test_a_merge_keeps_an_image_put_again_alive_though_an_elder_still_has_its_old_row(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock=clock, max_segment_rows=40) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.delete([image_id(0)])
        store.flush()
        store.put(embeddings(0, version=1))
        # The elder is full, so the delete and the put after it are merged without it.
        store.compact()
        assert np.array_equal(store.vector(image_id(0)), unit(0, 1))  # type: ignore[arg-type]
    with opened(tmp_path, clock=clock, max_segment_rows=40) as store:
        assert np.array_equal(store.vector(image_id(0)), unit(0, 1))  # type: ignore[arg-type]
        assert len(store.snapshot) == 40
