"""How far indexing is, as a bar: `[######......]  1,234 of 9,876 files, 42.0/s, about 3 min 25 s left`."""

from __future__ import annotations

from collections.abc import Iterator

from simctl.output import duration
from simctl.reports import Status

_WIDE, _NARROW = 24, 12
"""How many marks a bar has."""


class Bar:
    """Counts from the first reading on: what was decided before that was not waited for."""

    def __init__(self) -> None:
        self._start: int | None = None

    def text(self, status: Status, columns: int) -> str:
        """The bar of a reading with something pending: the most that fits into so many columns."""
        if self._start is None or status.files_decided < self._start:
            # The first reading, or one of a daemon that was started anew.
            self._start = status.files_decided
        texts = list(_texts(status, status.files_decided - self._start))
        return next((text for text in texts if len(text) <= columns), texts[-1])


def _texts(status: Status, done: int) -> Iterator[str]:
    """The same, ever shorter."""
    total = done + status.pending
    # A scan under way may find more.
    count = f"{done:,} of {total:,}{'+' if status.scanning else ''}"
    speed = f", {status.images_per_s:.1f}/s" if status.images_per_s else ""
    left = ""
    if status.eta_s is not None:
        left = f", {'at least' if status.scanning else 'about'} {duration(status.eta_s)} left"
    yield f"{_marks(done, total, _WIDE)}  {count} files{speed}{left}"
    narrow = f"{_marks(done, total, _NARROW)}  {count} files"
    yield f"{narrow}{speed}{left}"
    yield f"{narrow}{left}"
    yield narrow
    yield count
    yield f"{100 * done // total if total else 100} %"


def _marks(done: int, total: int, width: int) -> str:
    filled = width * done // total if total else width
    return f"[{'#' * filled}{'.' * (width - filled)}]"
