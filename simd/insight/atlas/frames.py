"""What pictures of the map are framed by: the root of their file, their first label, or what other image is the same
picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.queries import locate
from simd.catalogue.rows import SearchableImage
from simd.errors import InvalidRequest
from simd.insight.atlas.colours import OTHERS_COLOUR, Meaning, colours_of, meanings
from simd.insight.atlas.places import Places
from simd.insight.groups.components import edges
from simd.insight.labels.pictures import Latest, Pictures
from simd.insight.pairs.pair import SAME, TIERS
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, rows_of

KINDS = ("", "root", "label", "tier")
_NONE = len(TIERS)


class Frames:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pictures: what images are labelled, and which are the same picture.
    """

    def __init__(self, catalogue: Catalogue, pictures: Pictures) -> None:
        self._catalogue = catalogue
        self._pictures = pictures
        self._tiers: Latest[_Tiers] = Latest()
        self._labels: Latest[Mapping[str, str]] = Latest()
        self._meanings: Latest[list[Meaning]] = Latest()

    def of(
        self, kind: str, image_ids: Sequence[ImageId], images: Mapping[ImageId, SearchableImage]
    ) -> dict[ImageId, str]:
        """The colour of the frame of each image that has one.

        Args:
            kind: one of `KINDS`.
            image_ids: which.
            images: their files.

        Raises:
            StoreError: the catalogue, the labels or the pairs cannot be read.
        """
        if not kind or not image_ids:
            return {}
        colours = self._colours(kind)
        names = {"root": self._roots, "label": self._first_labels, "tier": self._tiers_of}[kind](image_ids, images)
        return {image_id: colours.get(name, OTHERS_COLOUR) for image_id, name in names.items()}

    def meanings(self, kind: str, places: Places) -> list[Meaning]:
        """What the colours mean on a map; a million images take a second, once.

        Raises:
            StoreError: as for `of`.
        """
        if not kind:
            return []
        count = {"root": self._count_roots, "label": self._count_labels, "tier": self._count_tiers}[kind]

        def make() -> list[Meaning]:
            counts = count(places.ids)
            return meanings(self._colours(kind), counts, len(places.ids) - sum(counts.values()))

        return self._meanings.get((kind, places.revision, self._state(kind)), make)

    def _state(self, kind: str) -> Hashable:
        """What the frames depend on."""
        if kind == "root":
            return self._catalogue.position()
        return self._pictures.labels.revision if kind == "label" else self._pictures.revision()

    def _colours(self, kind: str) -> Mapping[str, str]:
        """The names that have a colour of their own, whether there are any on the map or not."""
        if kind == "root":
            files = self._catalogue.counts().files_by_root
            return colours_of({_name(root.path): files.get(root.root_id, 0) for root in self._catalogue.roots()})
        if kind == "tier":
            return colours_of(dict.fromkeys(SAME, 0))
        labels = self._pictures.labels
        return self._labels.get(labels.revision, lambda: colours_of(labels.counts()))

    def _roots(self, image_ids: Sequence[ImageId], images: Mapping[ImageId, SearchableImage]) -> Mapping[ImageId, str]:
        roots = self._catalogue.roots()
        names = {root.root_id: _name(root.path) for root in roots}
        found = {image_id: locate(roots, image.paths[0]) for image_id, image in images.items()}
        return {image_id: names[key.root_id] for image_id, key in found.items() if key is not None}

    def _first_labels(
        self, image_ids: Sequence[ImageId], images: Mapping[ImageId, SearchableImage]
    ) -> Mapping[ImageId, str]:
        return {image_id: labels[0] for image_id, labels in self._pictures.labels.of(image_ids).items() if labels}

    def _tiers_of(
        self, image_ids: Sequence[ImageId], images: Mapping[ImageId, SearchableImage]
    ) -> Mapping[ImageId, str]:
        tiers = self._latest_tiers().of(pack_ids(image_ids)).tolist()
        return {image_id: TIERS[tier] for image_id, tier in zip(image_ids, tiers, strict=True) if tier != _NONE}

    def _count_roots(self, ids: Ids) -> Mapping[str, int]:
        names = np.full(len(ids), -1, np.int32)
        roots = sorted(self._catalogue.roots(), key=lambda root: root.path)
        # The first file counts, so the last root comes first.
        for number in reversed(range(len(roots))):
            rows = rows_of(ids, self._catalogue.images_under(roots[number].path))
            names[rows[rows >= 0]] = number
        counts = np.bincount(names[names >= 0], minlength=len(roots)).tolist()
        return {_name(root.path): count for root, count in zip(roots, counts, strict=True) if count}

    def _count_labels(self, ids: Ids) -> Mapping[str, int]:
        packed = self._pictures.packed_labels()
        numbers = packed.of(ids)
        counts: Counter[str] = Counter()
        for number, count in enumerate(np.bincount(numbers[numbers >= 0], minlength=len(packed.kinds)).tolist()):
            if count:
                counts[packed.kinds[number][0]] += count
        return counts

    def _count_tiers(self, ids: Ids) -> Mapping[str, int]:
        counts = np.bincount(self._latest_tiers().of(ids), minlength=_NONE + 1).tolist()
        return {tier: count for tier, count in zip(TIERS, counts[:_NONE], strict=True) if count}

    def _latest_tiers(self) -> _Tiers:
        return self._tiers.get(self._pictures.revision(), lambda: _Tiers(self._pictures))


class _Tiers:
    """The strongest tier of the pairs of every image that is the same picture as another one."""

    def __init__(self, pictures: Pictures) -> None:
        pairs = pictures.pairs.pairs()
        counts = edges(pairs, tiers=SAME, apart=pictures.apart())
        self._ids = pairs.ids
        self._tier = np.full(len(pairs.ids), _NONE, np.uint8)
        for ends in (pairs.first, pairs.second):
            np.minimum.at(self._tier, ends[counts], pairs.tier[counts])

    def of(self, image_ids: Ids) -> npt.NDArray[np.uint8]:
        """The number in `TIERS` of each; `_NONE` of those that are alone."""
        rows = rows_of(self._ids, image_ids)
        if not self._tier.size:
            return np.full(rows.size, _NONE, np.uint8)
        return np.where(rows >= 0, self._tier[rows], _NONE).astype(np.uint8)


def check_kind(kind: str) -> str:
    """What pictures are framed by, from a request.

    Raises:
        InvalidRequest: they cannot be.
    """
    if kind not in KINDS:
        raise InvalidRequest(
            f"pictures are not framed by {kind[:80]!r}", field="colour", remedy="root, label, tier, or none"
        )
    return kind


def _name(path: bytes) -> str:
    return path.decode("utf-8", "replace")
