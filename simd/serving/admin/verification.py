"""Verifies index and catalogue while they are in use, and reports how far it is. No gRPC here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.errors import CorruptStore
from simd.jobs.jobs import Jobs, Progress
from simd.serving.search.served import Serving

INTERVAL_S = 0.25
"""The least time between two readings."""


@dataclass(frozen=True, slots=True)
class VerifyProgress:
    """How far it is, in bytes of the index; in the last reading `problems` is what was found, a sentence each."""

    bytes_checked: int
    bytes_total: int
    problems: tuple[str, ...] | None = None


def verify(
    jobs: Jobs, serving: Serving, catalogue: Catalogue, cancelled: Cancelled, interval_s: float = INTERVAL_S
) -> Iterator[VerifyProgress]:
    """Verify what answers searches now.

    Args:
        jobs: runs it.
        serving: holds the index.
        catalogue: the catalogue.
        cancelled: whether the caller has left; the work ends then.
        interval_s: the least time between two readings.

    Raises:
        Overloaded: it is being verified already.
    """
    job = jobs.start("verify", lambda progress: _problems(serving, catalogue, progress), "bytes")
    try:
        while not job.wait(interval_s):
            cancelled.check()
            yield VerifyProgress(job.status.done, job.status.total)
        problems, done = job.result(), job.status.done
        yield VerifyProgress(done, done, tuple(problems))
    finally:
        job.cancel()


def _problems(serving: Serving, catalogue: Catalogue, progress: Progress) -> list[str]:
    with serving.use() as served:
        progress.expect(served.index.stats().disk_bytes)
        problems = list(served.index.check(progress.step))
    progress.step()
    try:
        catalogue.check()
    except CorruptStore as error:
        problems.append(str(error))
    return problems
