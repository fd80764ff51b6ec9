"""What labels and copies say together: the door of this room."""

from __future__ import annotations

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.decisions.decisions import Decisions
from simd.insight.labels.contradictions import Contradictions
from simd.insight.labels.leaks import Leaks
from simd.insight.labels.pictures import Pictures
from simd.insight.labels.split import Request, Split, split
from simd.insight.pairs.reader import PairReader


class Divisions:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pairs: which images are the same picture.
        decisions: what people said of images: their labels, and which are no duplicates.

    Attributes:
        contradictions: pictures that are not labelled alike.
        leaks: pictures on both sides of a split.
    """

    def __init__(self, *, catalogue: Catalogue, pairs: PairReader, decisions: Decisions) -> None:
        self._catalogue = catalogue
        self._pictures = Pictures(pairs, decisions)
        self.contradictions = Contradictions(catalogue, self._pictures)
        self.leaks = Leaks(catalogue, self._pictures)

    def split(self, request: Request, cancelled: Cancelled) -> Split:
        """Divide files so that no picture is on two sides.

        Raises:
            Abandoned: nobody waits any more.
        """
        return split(self._catalogue, self._pictures, request, cancelled)
