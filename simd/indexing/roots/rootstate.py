"""What the scans found out about a root, and its description for people."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from simd.watch.scanner import MassDeletion, Scan
from simd.watch.walk import Flaw, Unread

_PROBLEMS_KEPT = 100


@dataclass(frozen=True, slots=True)
class RootState:
    """Whether a root could be read at its last scan (`reason`: why not), when all of it was last scanned, in seconds
    since the epoch, which deletions are held, what could not be read or understood, and why the last scan `failed`."""

    online: bool = True
    last_scan: float | None = None
    reason: str = ""
    held: MassDeletion | None = None
    problems: tuple[Unread | Flaw, ...] = ()
    failed: str = ""

    @property
    def detail(self) -> str:
        """What is wrong, for people; empty when nothing is."""
        unread = [problem for problem in self.problems if isinstance(problem, Unread)]
        flaws = [problem for problem in self.problems if isinstance(problem, Flaw)]
        failed = f"the last scan failed and is tried again: {self.failed}" if self.failed else ""
        texts = [failed, self.reason, _held(self.held) if self.held else ""]
        if unread:
            path = os.fsdecode(unread[0].path)
            texts.append(f"{_count(unread)} folders or files could not be read, first {path}: {unread[0].why}")
        if flaws:
            more = f", and {len(flaws) - 1} more such lines" if len(flaws) > 1 else ""
            texts.append(f"{flaws[0].why}{more}")
        return "; ".join(text for text in texts if text)

    def offline(self, reason: str) -> RootState:
        """The root cannot be read now."""
        return replace(self, online=False, reason=reason, failed="")

    def scanned(self, scan: Scan, under: bytes, at: float) -> RootState:
        """A scan has come to its end.

        Args:
            scan: what it found.
            under: the part of the root that was scanned; b"" is all of it.
            at: when, in seconds since the epoch.
        """
        if not under:
            return RootState(True, at, "", scan.held, tuple(scan.problems[:_PROBLEMS_KEPT]))
        others = [problem for problem in self.problems if not _is_inside(problem.path, under)]
        problems = sorted([*others, *scan.problems], key=lambda problem: problem.path)
        return replace(self, problems=tuple(problems[:_PROBLEMS_KEPT]), failed="")


def _held(held: MassDeletion) -> str:
    besides = f", besides {held.lost} that were deleted one by one before" if held.lost else ""
    return (
        f"{held.count} of {held.known} known files are gone{besides}; they stay in the answers until they are "
        "back or `simctl scan --confirm-deletes` says that they are meant to be gone"
    )


def _count(problems: list[Unread]) -> str:
    return f"{len(problems)} or more" if len(problems) >= _PROBLEMS_KEPT else str(len(problems))


def _is_inside(path: bytes, under: bytes) -> bool:
    return path == under or path.startswith(under + b"/")
