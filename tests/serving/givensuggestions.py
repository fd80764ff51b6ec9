"""Suggestions that a test gives, in place of those that are computed."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace

from simd.errors import SimdError
from simd.insight.suggest.suggestion import Nearest, Question, Suggested, Suggestion
from simd.insight.suggest.suggestions import JOB, Suggestions
from simd.jobs.jobs import Job, Jobs, Progress
from simd.types import ImageId

NOTHING = Suggested(images=0, labelled=0, same_as_labelled=0, coverage=0.0, estimated=False, suggestions=[])


class GivenSuggestions(Suggestions):
    """Answers what it was told to.

    Args:
        jobs: runs what is asked for.

    Attributes:
        answer: what is suggested, as many as are asked for.
        asked: the questions, in their order.
        changes: counts as the revision.
        refusals: raised in turn, in place of a job.
        hold: what the work waits for; it can be cancelled meanwhile.
        at_work: set while it waits.
        cancelled: set when work was cancelled.
    """

    def __init__(self, jobs: Jobs) -> None:
        self.answer = NOTHING
        self.asked: list[Question] = []
        self.changes = 0
        self.refusals: list[SimdError] = []
        self.hold: threading.Event | None = None
        self.at_work = threading.Event()
        self.cancelled = threading.Event()
        self._jobs = jobs

    def revision(self) -> Hashable:
        return self.changes

    def suggest(self, question: Question) -> Job[Suggested]:
        self.asked.append(question)
        if self.refusals:
            raise self.refusals.pop(0)
        return self._jobs.start(JOB, lambda progress: self._made(question, progress), "pictures")

    def give(self, *image_ids: ImageId, nearest: Nearest | None = None) -> None:
        """Suggest these images, in this order."""
        count = len(image_ids)
        self.answer = Suggested(
            images=2 * count,
            labelled=1 if nearest else 0,
            same_as_labelled=0,
            coverage=0.1,
            estimated=False,
            suggestions=[
                Suggestion(image_id, count - at, 0.1 + 0.8 * (at + 1) / count, nearest, f"reason {at}", 1 / (at + 1))
                for at, image_id in enumerate(image_ids)
            ],
        )

    def change(self, *image_ids: ImageId, nearest: Nearest | None = None) -> None:
        """From now on suggest others."""
        self.give(*image_ids, nearest=nearest)
        self.changes += 1

    def _made(self, question: Question, progress: Progress) -> Suggested:
        answer = self.answer
        progress.expect(10)
        if self.hold is not None:
            self._wait(self.hold, progress)
        progress.step(10)
        return replace(answer, suggestions=_first(answer.suggestions, question))

    def _wait(self, hold: threading.Event, progress: Progress) -> None:
        progress.step(3)
        self.at_work.set()
        while not hold.wait(0.01):
            if progress.cancelled.is_set():
                self.cancelled.set()
            progress.step()


def _first(suggestions: Sequence[Suggestion], question: Question) -> Sequence[Suggestion]:
    return [one for one in suggestions if one.image_id not in question.skip][: question.limit]
