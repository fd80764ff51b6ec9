"""Ctrl-C during a clean-up: the file that is being dealt with is finished first."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """While it is entered, the first Ctrl-C or SIGTERM only asks to stop, and the next one ends at once."""

    def __init__(self) -> None:
        self._former: dict[int, Any] = {}
        self._asked = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def is_asked(self) -> bool:
        """Whether to stop."""
        return self._asked

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._restore()
        # Past the buffers of stderr, in the middle of whose writing this may be.
        with suppress(OSError):
            os.write(2, b"\nending after this file; once more ends at once, and undo or another run copes with that\n")

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
