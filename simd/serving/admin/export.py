"""Every image with its embedding and its files, portion by portion. No gRPC here.

The index is held only while the export begins: its snapshot stays good, so a slow reader holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.serving.search.served import Serving
from simd.types import Embedding
from simd.vectors.ids import unpack_ids
from simd.vectors.metric import widen

_PORTION_BYTES = 512 << 10


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """An image's embedding, and where the image is, sorted and never empty."""

    embedding: Embedding
    paths: tuple[bytes, ...]


class Export:
    """An export that has begun.

    Args:
        serving: holds the index.
        catalogue: where the files are.
    """

    def __init__(self, serving: Serving, catalogue: Catalogue) -> None:
        with serving.use() as served:
            self.model = served.model
            self._view = served.index.view()
        self.total = len(self._view)
        self._catalogue = catalogue

    def portions(self, cancelled: Cancelled) -> Iterator[list[ExportedImage]]:
        """The images in the order of their ids; one that has no file is left out.

        Raises:
            Abandoned: the caller has left.
        """
        with self._view as view:
            for ids, vectors in view.chunks(max(1, _PORTION_BYTES // (4 * view.dimension))):
                cancelled.check()
                portion = list(map(Embedding, unpack_ids(ids), widen(vectors)))
                files = self._catalogue.files_of([embedding.image_id for embedding in portion])
                found = ((embedding, files.get(embedding.image_id, ())) for embedding in portion)
                yield [ExportedImage(embedding, tuple(paths)) for embedding, paths in found if paths]
