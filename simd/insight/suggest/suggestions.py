"""Which images are worth labelling next: the door of this room."""

from __future__ import annotations

from collections.abc import Hashable

from simd.catalogue.catalogue import Catalogue
from simd.insight.labels.pictures import Pictures
from simd.insight.searched import Use
from simd.insight.suggest.making import Making, Sizes
from simd.insight.suggest.pool import Pool
from simd.insight.suggest.suggestion import Question, Suggested
from simd.jobs.jobs import Job, Jobs, Progress

JOB = "suggest"
"""Its name in `status`."""


class Suggestions:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pictures: which images are one picture, and what they are labelled.
        searched: the index.
        jobs: runs what takes long.
        sizes: how many images are compared with each other.
    """

    def __init__(
        self, *, catalogue: Catalogue, pictures: Pictures, searched: Use, jobs: Jobs, sizes: Sizes | None = None
    ) -> None:
        self._catalogue = catalogue
        self._pictures = pictures
        self._searched = searched
        self._jobs = jobs
        self._sizes = sizes or Sizes()

    def revision(self) -> Hashable:
        """Another value whenever an answer may be another one: labels, images or what is the same picture changed.

        Raises:
            StoreError: the catalogue cannot be read.
        """
        with self._searched() as searched:
            fingerprint = searched.fingerprint
        return self._pictures.labels.revision, self._pictures.revision(), self._catalogue.position(), fingerprint

    def suggest(self, question: Question) -> Job[Suggested]:
        """Begin to make suggestions; the job's result is the answer, and its unit is "pictures".

        The result may be `TooFewLabels`, as the strategy needs labels that there are not, `CorruptStore`, as the index
        is damaged, or any other error of the catalogue, of decisions, of pairs and of the index.

        Raises:
            Overloaded: they are being made for somebody else.
            NotReady: the daemon is stopping.
        """
        return self._jobs.start(JOB, lambda progress: self._suggested(question, progress), "pictures")

    def _suggested(self, question: Question, progress: Progress) -> Suggested:
        with self._searched() as searched, searched.index.view() as view:
            pool = Pool.of(self._catalogue, self._pictures, view, question)
            progress.step()
            return Making(view, pool, question, searched.levels, progress, self._sizes).make()
