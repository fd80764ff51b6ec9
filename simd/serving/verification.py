"""Verifying index and catalogue while they are in use, and telling how far that is. No gRPC here.

The work is done in a thread of its own and never waits for the reader of its progress: a slow caller must not keep
anything of the store locked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.errors import CorruptStore, Overloaded
from simd.serving.ports import Catalogue
from simd.serving.served import Serving

INTERVAL_S = 0.25
"""The least time between two readings."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How far it is, in bytes of the index; in the last reading `problems` is what was found, a sentence each."""

    bytes_checked: int
    bytes_total: int
    problems: tuple[str, ...] | None = None


class Verification:
    """Verifies once at a time; safe to use from any thread.

    Args:
        interval_s: the least time between two readings.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._busy = threading.Lock()

    def run(self, serving: Serving, catalogue: Catalogue, cancelled: Cancelled) -> Iterator[Checked]:
        """Verify what answers searches now.

        Args:
            serving: holds the index.
            catalogue: the catalogue.
            cancelled: whether nobody waits any more; the work ends then.

        Raises:
            Overloaded: it is being verified already.
        """
        work = _Work(serving, catalogue)
        if not self._busy.acquire(blocking=False):
            raise Overloaded("the index is being verified already", remedy="wait until that has ended")
        threading.Thread(target=work.run, args=(self._busy.release,), name="verify", daemon=True).start()
        try:
            while not work.ended.wait(self._interval_s):
                cancelled.check()
                yield work.reading()
            yield work.result()
        finally:
            work.give_up()


class _GivenUp(Exception):
    """Nobody waits for the result."""


class _Work:
    def __init__(self, serving: Serving, catalogue: Catalogue) -> None:
        self.ended = threading.Event()
        self._serving = serving
        self._catalogue = catalogue
        self._wanted = True
        self._checked = 0
        self._total = 0
        self._problems: list[str] = []
        self._failure: BaseException | None = None

    def run(self, free: Callable[[], None]) -> None:
        try:
            self._verify()
        except _GivenUp:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
            self._failure = error
        finally:
            free()
            self.ended.set()

    def reading(self) -> Checked:
        return Checked(self._checked, max(self._checked, self._total))

    def result(self) -> Checked:
        if self._failure is not None:
            raise self._failure
        return Checked(self._checked, self._checked, tuple(self._problems))

    def give_up(self) -> None:
        self._wanted = False

    def _verify(self) -> None:
        with self._serving.use() as served:
            self._total = served.index.stats().disk_bytes
            self._problems += served.index.check(self._read)
        self._read(0)
        try:
            self._catalogue.check()
        except CorruptStore as error:
            self._problems.append(str(error))

    def _read(self, count: int) -> None:
        if not self._wanted:
            raise _GivenUp
        self._checked += count
