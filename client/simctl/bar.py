"""How far indexing is, as a bar: `[######......]  1,234 of 9,876 files, 42.0/s, about 3 min 25 s left`."""

from __future__ import annotations

from simctl.output import duration
from simctl.reports import Status

_WIDTH = 24


class Bar:
    """Counts from the first reading on: what was decided before that was not waited for."""

    def __init__(self) -> None:
        self._start: int | None = None

    def text(self, status: Status) -> str:
        """The bar of a reading with something pending."""
        if self._start is None or status.files_decided < self._start:
            # The first reading, or one of a daemon that was started anew.
            self._start = status.files_decided
        done = status.files_decided - self._start
        total = done + status.pending
        filled = _WIDTH * done // total if total else _WIDTH
        # A scan under way may find more.
        more = "+" if status.scanning else ""
        parts = [f"[{'#' * filled}{'.' * (_WIDTH - filled)}]  {done:,} of {total:,}{more} files"]
        if status.images_per_s:
            parts.append(f"{status.images_per_s:.1f}/s")
        if status.eta_s is not None:
            parts.append(f"{'at least' if status.scanning else 'about'} {duration(status.eta_s)} left")
        return ", ".join(parts)
