"""Local features on their way from decoding into the store. Nothing that goes wrong here holds indexing up: what is not
kept now is made later (`upkeep.py`)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from simd.errors import StoreError
from simd.features.store import FeatureStore
from simd.featurize.decode.renditions import Features, Rendition
from simd.types import ImageId

log = logging.getLogger(__name__)


class Keeper:
    """Every method may be called from any thread.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self._failing = False

    def wanted(self, image_id: ImageId) -> Collection[Rendition]:
        """What is to be made of a picture that is decoded anyway."""
        try:
            return (Features(),) if self._store.missing([image_id]) else ()
        except StoreError as error:
            self._failed(error)
            return ()

    def keep(self, made: Mapping[ImageId, bytes]) -> None:
        """Keep the features of images, if that can be."""
        try:
            if made:
                self._store.put(made)
                self._failing = False
        except StoreError as error:
            self._failed(error)

    def _failed(self, error: StoreError) -> None:
        """Say it once, until it works again."""
        if not self._failing:
            log.warning("local features cannot be kept now, and are made later: %s", error)
        self._failing = True
