"""Lays images out by t-SNE: neighbours are searched for here, the rest is done by a child process.

Its files are in a directory of their own in the state directory; one that a crash left is removed at the start.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from simd.durable import Disk, translated
from simd.errors import AtlasUnavailable, StoreError
from simd.featurize.priority import Priority
from simd.featurize.workers.process import command, environment, status_text
from simd.index.base import View
from simd.insight.atlas.cells import Points
from simd.insight.atlas.layout import EARLY, LATE, NEIGHBOURS
from simd.insight.atlas.neighbours import Graph, find
from simd.insight.atlas.projection import principal
from simd.jobs.jobs import Progress
from simd.logs import printable
from simd.vectors.ids import Ids

log = logging.getLogger(__name__)

DIRECTORY = "atlas.unfinished"
"""Its name in the state directory."""

_FEW = 16
"""Among so few images there are no neighbourhoods to keep."""
_STEP_S = 0.2
_LINES = 20
"""So many of the last lines that the child wrote are logged."""
_CHILD = "simd.insight.atlas.layout"


class Layouter(Protocol):
    """Says where images are on a plane."""

    def lay_out(self, view: View, ids: Ids, initial: Points | None, progress: Progress) -> Points:
        """Positions of images, float32 `(n, 2)`, finite, in any unit.

        Args:
            view: has the vectors of all of them.
            ids: sorted, one at least.
            initial: where to begin, so that the outcome is like that; None where nothing is known.
            progress: of the job that this is.

        Raises:
            SimdError: it cannot be done now.
            Cancelled: nobody wants it any more.
        """
        ...


def remove_unfinished(directory: Path, disk: Disk) -> None:
    """Remove what a layout left, if it did.

    Raises:
        StoreError: that cannot be done.
    """
    if directory.exists():
        disk.remove(directory)


class TsneLayouter:
    """The real one; one layout at a time.

    Args:
        directory: for its files; it is removed when there are none.
        cores: so many threads of the child compute.
        priority: how far the child steps back.
        paused: whether nothing is to be done now that may wait.
        disk: where the files are.
        child: the module that is run.
    """

    def __init__(
        self,
        directory: Path,
        *,
        cores: int = 1,
        priority: Priority = Priority.IDLE,
        paused: Callable[[], bool] = lambda: False,
        disk: Disk | None = None,
        child: str = _CHILD,
    ) -> None:
        self._directory = directory
        self._cores = cores
        self._priority = priority
        self._paused = paused
        self._disk = disk or Disk()
        self._child = child

    def lay_out(self, view: View, ids: Ids, initial: Points | None, progress: Progress) -> Points:
        """Positions of images; see `Layouter`."""
        begun = principal(view, ids, progress.step) if initial is None else initial
        if len(ids) <= _FEW:
            return begun
        remove_unfinished(self._directory, self._disk)
        self._disk.make_dir(self._directory)
        try:
            # Searching, and as much again for the rest.
            progress.expect(progress.done + 2 * len(ids))
            graph = find(view, ids, NEIGHBOURS, self._directory, lambda count: self._wait_for_leave(progress, count))
            with translated(self._directory):
                begun.astype(np.float32).tofile(self._directory / "initial")
            self._run(graph, len(ids), progress)
            return self._result(len(ids))
        finally:
            remove_unfinished(self._directory, self._disk)

    def _wait_for_leave(self, progress: Progress, count: int) -> None:
        progress.step(count)
        while self._paused() and not progress.cancelled.wait(_STEP_S):
            pass
        progress.step()

    def _run(self, graph: Graph, images: int, progress: Progress) -> None:
        """Run the child to its end."""
        errors = self._directory / "errors"
        with translated(self._directory), errors.open("wb") as stderr:
            process = self._start(graph, stderr)
        assert process.stdout is not None
        with process.stdout as reports:
            try:
                self._follow(process, reports, images, progress)
            except BaseException:
                process.kill()
                raise
            finally:
                status = process.wait()
        if status:
            self._log(errors)
            raise AtlasUnavailable(
                f"the map was not laid out, as its process ended ({status_text(status)}); the daemon's log has more"
            )

    def _start(self, graph: Graph, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        arguments = (str(self._directory), str(graph.count), str(self._cores), str(self._priority))
        return subprocess.Popen(
            command(self._child, "layout", str(os.getpid()), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            process_group=0,
            env=environment({"PYTHONWARNINGS": "ignore"}),
        )

    def _follow(self, process: subprocess.Popen[bytes], reports: IO[bytes], images: int, progress: Progress) -> None:
        """Count what the child has done until it ends; stop it for as long as nothing is to be done."""
        told, counted, stopped = b"", 0, False
        while True:
            progress.step()
            if self._paused() != stopped:
                stopped = not stopped
                process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
            if not select.select([reports], [], [], _STEP_S)[0]:
                continue
            some = os.read(reports.fileno(), 4096)
            if not some:
                return
            *lines, told = (told + some).split(b"\n")
            done = max((int(line) for line in lines if line.isdigit()), default=0) * images // (EARLY + LATE)
            progress.step(max(0, done - counted))
            counted = max(counted, done)

    def _result(self, images: int) -> Points:
        try:
            points = np.fromfile(self._directory / "points", np.float32)
        except OSError as error:
            raise StoreError(f"the positions that came out cannot be read: {error}") from error
        if points.size != 2 * images or not np.isfinite(points).all():
            raise AtlasUnavailable("the map was not laid out: the positions that came out are none")
        return points.reshape(-1, 2)

    def _log(self, errors: Path) -> None:
        """Say in the log what the child wrote at its end; it may name files."""
        with suppress(OSError):
            for line in errors.read_text("utf-8", "replace").splitlines()[-_LINES:]:
                log.error("laying out the map: %s", printable(line))
