"""The map as it is kept up: on the board, in the store, and as callers see it.

An image that comes gets the free cell nearest to the images most like it, and nobody is moved; one that has no vector
yet, or finds no cell, waits. One that goes leaves the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Changes, Position
from simd.insight.atlas.board import Board
from simd.insight.atlas.places import Cells, Places
from simd.insight.atlas.placing import wanted
from simd.insight.atlas.store import AtlasStore, Laid
from simd.insight.searched import Searched
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, unpack_ids

_PAGE = 256
_PAGES = 16
"""So many are followed in one go: whether the map is to be laid out anew is asked between."""
_AT_ONCE = 64
"""So many are placed together; those of later ones are placed among these."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What callers see.

    Attributes:
        places: where images are; None while there is no map.
        added: how many have come since it was laid out.
        pending: how many have a file and are not on it, as far as is known.
        laid_out_ms: when, in milliseconds since the epoch.
    """

    places: Places | None = None
    added: int = 0
    pending: int = 0
    laid_out_ms: int = 0


class KeptMap:
    """Of one thread, but for `shown`.

    Args:
        store: where it is kept.
        catalogue: tells which images there are.

    Attributes:
        shown: the map, for anyone; replaced by another with every change.
        waiting: images that are to be placed and could not be.
        fingerprint: of the model whose vectors it was laid out by.
    """

    def __init__(self, store: AtlasStore, catalogue: Catalogue) -> None:
        self.shown = Shown()
        self.waiting: set[ImageId] = set()
        self.fingerprint = ""
        self._store = store
        self._catalogue = catalogue
        self._board: Board | None = None
        self._position: Position | None = None
        self._laid_out_ms = 0
        self._loaded = False
        self._revision = 0

    @property
    def is_there(self) -> bool:
        """Whether there is a map."""
        return self._board is not None

    def open(self) -> None:
        """Have what the store has, if that is not so.

        Raises:
            StoreError: it cannot be read.
        """
        if self._store.mend():
            self._loaded = False
        if not self._loaded:
            self._have(self._store.load())
            self._loaded = True
            self._show()

    def forget(self) -> None:
        """What is in memory may be other than what is stored: it is read again."""
        self._loaded = False

    def take(self, laid: Laid) -> None:
        """Have a map that was laid out. Callers see it with the next page of the feed, which tells what came meanwhile.

        Raises:
            StoreError: nothing has changed.
        """
        self._store.renew(laid)
        self._have(laid)

    def follow(self, searched: Searched, is_over: Callable[[], bool]) -> bool:
        """Follow the feed for some pages; whether that was all.

        Args:
            searched: where new images are searched for.
            is_over: whether to end before the next page.

        Raises:
            SimdError: not now; `forget` then.
        """
        for _ in range(_PAGES):
            page = self._catalogue.changes(self._position, _PAGE)
            if page.changes or page.position != self._position:
                self._keep(page, searched)
            self._show()
            if page.complete or not self.is_there or is_over():
                return True
        return False

    def place_waiting(self, searched: Searched, is_over: Callable[[], bool]) -> None:
        """Place those that wait, as far as that can be done now.

        Raises:
            SimdError: not now; `forget` then.
        """
        board = self._board
        waiting = sorted(self.waiting)
        for start in range(0, len(waiting), _PAGE):
            if board is None or not board.room or is_over():
                return
            ids, columns, rows = self._placed(waiting[start : start + _PAGE], searched, board)
            if len(ids):
                self._store.put(ids, columns, rows)
                self.waiting.difference_update(unpack_ids(ids))
                self._show()

    def _have(self, laid: Laid | None) -> None:
        self._board = laid.board if laid else None
        self._position = laid.position if laid else None
        self.waiting = set(laid.waiting) if laid else set()
        self.fingerprint = laid.fingerprint if laid else ""
        self._laid_out_ms = laid.laid_out_ms if laid else 0

    def _keep(self, page: Changes, searched: Searched) -> None:
        """Do what a page tells."""
        board = self._board
        if board is None:
            return
        absent = [change.image_id for change in page.changes if not change.present]
        gone = absent + (list(self._unknown(board)) if page.starts_over else [])
        board.remove(pack_ids(gone))
        self.waiting.difference_update(gone)
        present = [change.image_id for change in page.changes if change.present]
        fresh = [image_id for image_id in self._missing(board, present) if image_id not in self.waiting]
        ids, columns, rows = self._placed(fresh, searched, board)
        later = set(fresh).difference(unpack_ids(ids))
        if not len(board) and not self.waiting and not later:
            self._store.clear()
            self._have(None)
            return
        self._store.put(ids, columns, rows, waiting=later, gone=gone, position=page.position)
        self.waiting |= later
        self._position = page.position

    def _placed(self, images: Sequence[ImageId], searched: Searched, board: Board) -> tuple[Ids, Cells, Cells]:
        """Those of the images that can be placed now, on the board, with columns and rows."""
        done: list[tuple[Ids, Cells, Cells]] = [(pack_ids([]), np.empty(0, np.int32), np.empty(0, np.int32))]
        with searched.index.view() as view:
            for start in range(0, len(images), _AT_ONCE):
                found = [(i, v) for i in images[start : start + _AT_ONCE] if (v := view.vector(i)) is not None]
                found = found[: board.room]
                if not found:
                    continue
                ids, vectors = pack_ids([image_id for image_id, _ in found]), np.stack([v for _, v in found])
                if len(board):
                    points = wanted(view, vectors, board.ids, board.where)
                else:
                    points = np.full((len(ids), 2), board.side / 2, np.float32)
                done.append((ids, *board.place(ids, points)))
        ids, columns, rows = (np.concatenate(parts) for parts in zip(*done, strict=True))
        return ids, columns, rows

    def _missing(self, board: Board, images: Sequence[ImageId]) -> Iterable[ImageId]:
        return unpack_ids(ids[board.missing(ids)]) if len(ids := pack_ids(images)) else []

    def _unknown(self, board: Board) -> Iterator[ImageId]:
        """What the catalogue does not know, as the feed does not tell of it."""
        known = unpack_ids(board.ids) + sorted(self.waiting)
        for start in range(0, len(known), _PAGE):
            some = known[start : start + _PAGE]
            facts = self._catalogue.facts_of(some)
            yield from (image_id for image_id in some if image_id not in facts)

    def _show(self) -> None:
        """Let callers see the map as it is now."""
        board, before = self._board, self.shown.places
        images = self._catalogue.counts().images
        if board is None:
            self.shown = Shown(pending=images)
            return
        if before is None or before.ids is not board.ids:
            self._revision += 1
            before = board.places(self._revision)
        self.shown = Shown(before, board.added, max(0, images - len(board)), self._laid_out_ms)
