"""A map of everything, laid out anew."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Position
from simd.index.base import View
from simd.insight.atlas.board import Board, middles
from simd.insight.atlas.cells import Points, side_for, spread
from simd.insight.atlas.layouter import Layouter
from simd.insight.atlas.places import Places
from simd.insight.atlas.placing import wanted
from simd.insight.atlas.projection import chosen
from simd.insight.atlas.store import Laid
from simd.insight.searched import Use
from simd.jobs.jobs import Progress
from simd.vectors.ids import Ids, keys, pack_ids, rows_of, unpack_ids

_MOST = 200_000
"""So many are laid out; all others are placed among these, as new ones are: the time for a layout is bounded."""
_PAGE = 5000
_AT_ONCE = 64
"""So many are placed together."""


class Maker:
    """Used by one thread at a time.

    Args:
        catalogue: tells which images there are.
        searched: what they are searched in.
        layouter: says where images are.
        most: so many are laid out, and the others placed among them.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        searched: Use,
        layouter: Layouter,
        most: int = _MOST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._searched = searched
        self._layouter = layouter
        self._most = most
        self._clock = clock

    def make(self, before: Places | None, progress: Progress) -> Laid | None:
        """Lay out all images that have a file and a vector; None where there are none.

        Args:
            before: the map so far: where most images are on that, the new one looks like it.
            progress: of the job that this is.

        Raises:
            SimdError: not now.
            Cancelled: nobody wants it any more.
        """
        with self._searched() as searched:
            # First, so that what comes or goes meanwhile is told by the feed after that.
            position, present = self._present(progress)
            with searched.index.view() as view:
                held = rows_of(_sorted(pack_ids(list(view.ids()))), present) >= 0
                ids = present[held]
                if not len(ids):
                    return None
                points = self._points(view, ids, before, progress)
        side = side_for(len(ids))
        board = Board(side, ids, *spread(points, side, progress.step))
        waiting = frozenset(unpack_ids(present[~held]))
        return Laid(board, waiting, searched.fingerprint, int(self._clock() * 1000), position)

    def _present(self, progress: Progress) -> tuple[Position, Ids]:
        """All images that have a file, sorted, and the position in the feed at which that is so."""
        found: list[bytes] = []
        position = None
        while True:
            page = self._catalogue.changes(position, _PAGE)
            progress.step()
            if page.starts_over:
                found.clear()
            found += [change.image_id for change in page.changes if change.present]
            position = page.position
            if page.complete:
                return position, _sorted(pack_ids(found))

    def _points(self, view: View, ids: Ids, before: Places | None, progress: Progress) -> Points:
        # Ids are hashes: the first ones are any.
        laid, rest = ids[: self._most], ids[self._most :]
        progress.expect(len(rest))
        points = self._layouter.lay_out(view, laid, _begun(before, laid), progress)

        def where(some: Ids) -> Points:
            at = rows_of(laid, some)
            return np.where(at[:, None] < 0, np.float32(np.nan), points[at])

        parts = [points]
        for some, vectors in chosen(view, rest, _AT_ONCE) if len(rest) else ():
            parts.append(wanted(view, vectors.astype(np.float32), laid, where))
            progress.step(len(some))
        return np.concatenate(parts)


def _sorted(ids: Ids) -> Ids:
    return ids[np.argsort(keys(ids), kind="stable")]


def _begun(before: Places | None, ids: Ids) -> Points | None:
    """Where images are on the map so far, if most are on it; the others in its middle."""
    if before is None:
        return None
    points = middles(before, ids)
    known = ~np.isnan(points[:, 0])
    if 2 * np.count_nonzero(known) < len(ids):
        return None
    points[~known] = points[known].mean(axis=0)
    return points
