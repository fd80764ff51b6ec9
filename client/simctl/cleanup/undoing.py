"""Taking back what an undo log names, the last step first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simctl.cleanup.stamp import Unfit
from simctl.cleanup.steps import Steps, TakenBack
from simctl.cleanup.undolog import Logged, Step, UndoLog
from simctl.errors import SimctlError


@dataclass(frozen=True, slots=True)
class Undone:
    """A step, and what became of it."""

    step: Step
    taken: TakenBack


class Undoer:
    """Takes steps back; what is in the way, or cannot be found, is left and told, and another run tries again.

    Args:
        log: of an earlier clean-up.
        steps: takes them back.
        is_stopped: asked before each step; True ends the run there.
    """

    def __init__(self, log: UndoLog, steps: Steps, *, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._log = log
        self._steps = steps
        self._is_stopped = is_stopped

    def left(self) -> list[Logged]:
        """The steps that are still to be taken back, the last first."""
        return [entry for entry in reversed(list(self._log.entries())) if entry.outcome not in ("failed", "undone")]

    def recovered(self) -> Iterator[Undone]:
        """Take back only what an interruption left open; what cannot be taken back stays open, for `run` to tell.

        Raises:
            SimctlError: the log cannot be written.
        """
        for entry in self.left():
            if entry.outcome in ("", "undo"):
                yield self._undone(entry)

    def run(self) -> Iterator[Undone]:
        """Take back all that is left.

        Raises:
            SimctlError: the log cannot be written.
        """
        for entry in self.left():
            if self._is_stopped():
                break
            yield self._undone(entry)
        self._log.sync()

    def _undone(self, entry: Logged) -> Undone:
        step = entry.step
        beside = entry.beside
        if entry.outcome != "undo":
            beside = self._steps.beside(step)
            self._log.begin_undo(step.number, beside)
        taken = self._taken(step, beside)
        if taken.done:
            self._log.end(step.number, "undone")
        return Undone(step, taken)

    def _taken(self, step: Step, beside: str) -> TakenBack:
        try:
            return self._steps.undo(step, beside)
        except OSError as error:
            return TakenBack(
                False, f"{step.path} is not restored: {error.strerror}; run this again once that is so no more"
            )
        except Unfit as error:
            return TakenBack(False, str(error))
        except SimctlError as error:
            what = ", ".join(step.labels)
            return TakenBack(False, f"the labels {what} of {step.image_id} were not taken back: {error}")
