"""Groups of copies: the door of this room."""

from __future__ import annotations

from collections.abc import Sequence

from simd.catalogue.catalogue import Catalogue
from simd.decisions.decisions import Decisions
from simd.insight.pairs.reader import PairReader


class Groups:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pairs: which images are the same picture.
        decisions: what people said.
        keep: the rules by which keepers are chosen.
        reference: absolute paths below which every file stays.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        pairs: PairReader,
        decisions: Decisions,
        keep: Sequence[str] = (),
        reference: Sequence[bytes] = (),
    ) -> None:
        self._catalogue = catalogue
        self._pairs = pairs
        self._decisions = decisions
        self._keep = keep
        self._reference = reference
