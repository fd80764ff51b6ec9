"""`simctl wait`: return when the daemon is ready and nothing is pending.

While indexing is paused, or no watched folder can be read, nothing gets done. With `--timeout` that is said at once and
waited out, as it may be resumed, or a folder come back; without, the command gives up unless the pause ends by
itself. It also gives up where something is damaged.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from simctl.client import Client
from simctl.commands.status import document, offline, paused, summary
from simctl.errors import EXIT_ERROR
from simctl.output import Output, counted, duration
from simctl.reports import Status

_WIDE, _NARROW = 24, 12
"""How many marks a bar has."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: `--timeout` is every command's."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Wait, and say how it ended."""
    watch = _Progress(client.address, output, gives_up=args.timeout is None)
    status = client.wait(args.timeout, watch.show)
    output.clear()
    if args.json:
        output.json({"settled": status.settled, **document(status)})
    elif status.settled:
        output.line(f"settled: {counted(status.images, 'image')} in {counted(status.files, 'file')}")
    if not status.settled:
        after = "" if args.timeout is None else f" after {args.timeout:g} s"
        output.error(f"not settled{after}: {summary(status)}")
        return EXIT_ERROR
    for root in status.roots:
        if not root.online:
            output.note(f"offline: {offline(root)}")
    return 0


class _Progress:
    """What is on the terminal meanwhile; what makes the command give up is left to its last word."""

    def __init__(self, address: str, output: Output, *, gives_up: bool) -> None:
        self._address = address
        self._output = output
        self._gives_up = gives_up
        self._bar = Bar()
        self._is_blocked = False

    def show(self, reading: Status | None) -> None:
        """Show a reading; None while no daemon answers."""
        if reading is None:
            self._output.progress(f"no daemon at {self._address} yet")
            return
        obstacle = _obstacle(reading)
        if obstacle and not self._is_blocked and not (self._gives_up and reading.needs_intervention):
            self._output.note(obstacle)
        self._is_blocked = bool(obstacle)
        moves = reading.pending and not obstacle
        self._output.progress(self._bar.text(reading, self._output.columns) if moves else summary(reading))


def _obstacle(reading: Status) -> str:
    """Why nothing gets done now, if that is so."""
    if reading.paused and reading.pending:
        return f"{paused(reading)}; {reading.pending:,} pending"
    return summary(reading) if reading.idle else ""


class Bar:
    """How far indexing is: `[######......]  1,234 of 9,876 files, 42.0/s, about 3 min 25 s left`.

    Counts from the first reading on: what was decided before that was not waited for.
    """

    def __init__(self) -> None:
        self._start: int | None = None

    def text(self, status: Status, columns: int) -> str:
        """The bar of a reading with something pending: the most that fits into `columns`."""
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
