"""What labels and copies say together: the door of this room."""

from __future__ import annotations

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.insight.labels.contradictions import Contradictions
from simd.insight.labels.leaks import Leaks
from simd.insight.labels.pictures import Pictures
from simd.insight.labels.split import Request, Split, split


class Divisions:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pictures: which images are one picture, and what they are labelled.

    Attributes:
        pictures: which images are one picture, and what they are labelled.
        contradictions: pictures that are not labelled alike.
        leaks: pictures on both sides of a split.
    """

    def __init__(self, *, catalogue: Catalogue, pictures: Pictures) -> None:
        self._catalogue = catalogue
        self.pictures = pictures
        self.contradictions = Contradictions(catalogue, pictures)
        self.leaks = Leaks(catalogue, pictures)

    def split(self, request: Request, cancelled: Cancelled) -> Split:
        """Divide files so that no picture is on two sides.

        Raises:
            Abandoned: nobody waits any more.
        """
        return split(self._catalogue, self.pictures, request, cancelled)
