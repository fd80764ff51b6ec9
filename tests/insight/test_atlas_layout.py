"""Images are laid out by t-SNE in a process of its own, which may end in any way."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simd.errors import AtlasUnavailable, StoreError
from simd.featurize.priority import Priority
from simd.index.base import View
from simd.index.brute import BruteView
from simd.index.filter import EVERYTHING, Filter
from simd.insight.atlas.cells import Points
from simd.insight.atlas.layout import available
from simd.insight.atlas.layouter import TsneLayouter
from simd.insight.atlas.neighbours import find
from simd.insight.atlas.placing import wanted
from simd.jobs.jobs import Cancelled, Progress
from simd.types import Answer, Vector, image_id_of
from simd.vectors.ids import Ids, pack_ids, rows_of
from simd.vectors.metric import half, normalise
from tests.serving.waiting import until

COUNT, SUBJECTS = 200, 8


def view_of(count: int, kind: type[BruteView] = BruteView) -> tuple[View, Ids, Vector]:
    """Pictures of a few subjects, in the order of their ids; with every tenth there are copies."""
    random = np.random.default_rng(3)
    subjects = random.normal(size=(SUBJECTS, 24))
    vectors = half(normalise(subjects[np.arange(count) % SUBJECTS] + 0.5 * random.normal(size=(count, 24))))
    ids = sorted(image_id_of(b"%d" % number) for number in range(count))
    return kind(24, dict(zip(ids, vectors, strict=True))), pack_ids(ids), vectors


def alike(vectors: Vector) -> float:
    """Of the ten neighbours of each, the share that is of its subject."""
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    nearest = np.argsort(apart, axis=1)[:, 1:11]
    return float(np.mean(nearest % SUBJECTS == np.arange(len(vectors))[:, None] % SUBJECTS))


@pytest.mark.skipif(not available(), reason="the extra `atlas` is not installed")
def test_what_looks_alike_is_laid_out_together(tmp_path: Path) -> None:
    view, ids, _ = view_of(COUNT)
    progress = Progress()
    layouter = TsneLayouter(tmp_path / "unfinished", priority=Priority.NORMAL)
    points = layouter.lay_out(view, ids, None, progress)
    assert points.shape == (COUNT, 2) and alike(points) > 0.9
    assert progress.done == progress.total == 2 * COUNT
    assert list(tmp_path.iterdir()) == []
    again = layouter.lay_out(view, ids, points, Progress())
    assert np.abs(np.corrcoef(points.T, again.T)[[0, 1], [2, 3]]).min() > 0.9, "it is like the one that it begins from"


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_a_few_need_no_process(tmp_path: Path, count: int) -> None:
    view, ids, _ = view_of(count)
    layouter = TsneLayouter(tmp_path / "unfinished", child="there.is.none")
    points = layouter.lay_out(view, ids, None, Progress())
    assert points.shape == (count, 2) and np.isfinite(points).all() and list(tmp_path.iterdir()) == []


class Failing:
    """A layouter whose process fails in some way."""

    def __init__(self, work: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIMD_TEST_CHILD", how)
        self.directory = work / "unfinished"
        self.paused = threading.Event()
        self.progress = Progress()
        self.layouter = TsneLayouter(self.directory, paused=self.paused.is_set, child="tests.insight.childthatfails")

    def lay_out(self) -> None:
        view, ids, _ = view_of(40)
        self.layouter.lay_out(view, ids, None, self.progress)


@pytest.mark.parametrize(
    "how, why", [("kill", "killed by SIGKILL"), ("", "status 3"), ("nonsense", "the positions that came out are none")]
)
def test_a_process_that_fails_is_said(
    tmp_path: Path, how: str, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(tmp_path, how, monkeypatch)
    with pytest.raises(AtlasUnavailable, match=why):
        failing.lay_out()
    assert list(tmp_path.iterdir()) == []
    assert ("something is wrong here" in caplog.text) == (how != "nonsense")


def test_a_process_that_leaves_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="points"):
        Failing(tmp_path, "nothing", monkeypatch).lay_out()


def test_a_process_is_stopped_while_indexing_is_paused_and_ends_when_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(tmp_path, "wait", monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(failing.lay_out)
        until(lambda: failing.progress.done == 60, "half of the iterations to be done")
        (child,) = children()
        failing.paused.set()
        until(lambda: state_of(child) == "T", "the process to be stopped")
        failing.paused.clear()
        until(lambda: state_of(child) == "S", "the process to go on")
        failing.paused.set()
        failing.progress.cancelled.set()
        with pytest.raises(Cancelled):
            work.result(10)
    assert children() == [] and list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(tmp_path, "kill", monkeypatch)
    failing.directory.mkdir()
    (failing.directory / "neighbours").write_bytes(b"half of")
    with pytest.raises(AtlasUnavailable):
        failing.lay_out()
    assert list(tmp_path.iterdir()) == []


def children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    found = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return [pid for pid in found if b"childthatfails" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Forgetful(BruteView):
    """Finds an image itself and the first others of what there is, of one image nothing at all."""

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        answers = super().search(queries, k, among=among)
        return [replace(answer, hits=answer.hits[: 3 * (number != 0)]) for number, answer in enumerate(answers)]


def test_neighbours_are_found_among_the_images_of_the_map_alone(tmp_path: Path) -> None:
    view, ids, vectors = view_of(100)
    some = np.arange(0, 100, 2)
    graph = find(view, ids[some], 5, tmp_path, lambda count: None)
    rows = np.fromfile(graph.neighbours, np.int32).reshape(-1, 5)
    far = np.fromfile(graph.distances, np.float32).reshape(-1, 5)
    apart = np.linalg.norm(vectors[some][:, None] - vectors[some][None], axis=2)
    assert np.array_equal(rows, np.argsort(apart, axis=1)[:, 1:6])
    assert np.allclose(far, np.sort(apart, axis=1)[:, 1:6], atol=1e-5)


def test_an_index_that_misses_some_gives_rows_all_the_same(tmp_path: Path) -> None:
    view, ids, _ = view_of(20, Forgetful)
    graph = find(view, ids, 5, tmp_path, lambda count: None)
    rows = np.fromfile(graph.neighbours, np.int32).reshape(20, 5)
    assert ((rows >= 0) & (rows < 20) & (rows != np.arange(20)[:, None])).all()
    assert rows[0].tolist() == [1] * 5 and [len(set(row)) for row in rows[1:16].tolist()] == [2] * 15


def test_a_new_image_belongs_where_most_of_those_like_it_are(tmp_path: Path) -> None:
    view, ids, vectors = view_of(80)
    spots = np.arange(80) % SUBJECTS * 100.0
    points = np.column_stack((spots, spots)).astype(np.float32)

    def where(some: Ids) -> Points:
        return points[rows_of(ids, some)]

    found = wanted(view, vectors[:SUBJECTS], ids, where)
    assert np.array_equal(found, points[:SUBJECTS]), "not between two places"
