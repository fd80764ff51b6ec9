"""Derived bytes on their way from decoding into their store. Nothing that goes wrong here holds indexing up: what is
not kept now is made later (`upkeep.py`)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from simd.derived.store import DerivedStore
from simd.errors import StoreError
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.pool import DecodedFile
from simd.indexing.derived.recipe import Recipe
from simd.types import ImageId

log = logging.getLogger(__name__)


class Keeper:
    """Every method may be called from any thread.

    Args:
        store: where they are kept.
        recipe: how they are made.
    """

    def __init__(self, store: DerivedStore, recipe: Recipe) -> None:
        self._store = store
        self._recipe = recipe
        self._failing = False

    def wanted(self, image_id: ImageId) -> Collection[Rendition]:
        """What else is to be made of a picture that is decoded for a model."""
        if self._recipe.at_hand:
            return ()
        try:
            return (self._recipe.rendition,) if self._store.missing([image_id]) else ()
        except StoreError as error:
            self._failed(error)
            return ()

    def made_of(self, found: DecodedFile) -> bytes | None:
        """The bytes that can be made of what a worker made; None where that is not possible."""
        return self._recipe.of(found)

    def keep(self, made: Mapping[ImageId, bytes]) -> None:
        """Keep those of images, if that can be."""
        try:
            if made:
                self._store.put(made)
                self._failing = False
        except StoreError as error:
            self._failed(error)

    def _failed(self, error: StoreError) -> None:
        """Say it once, until it works again."""
        if not self._failing:
            log.warning("%s cannot be kept now, and are made later: %s", self._store.kind.noun, error)
        self._failing = True
