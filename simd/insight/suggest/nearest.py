"""The labelled images that suggestions are nearest to."""

from __future__ import annotations

import numpy as np

from simd.index.base import View
from simd.insight.suggest.coverage import Margins, Numbers
from simd.insight.suggest.sample import Rows
from simd.insight.suggest.suggestion import Nearest
from simd.types import ImageId, Vector
from simd.vectors.ids import Ids
from simd.vectors.metric import distances

_TOGETHER = 64


class Neighbours:
    """Of some images the labelled ones that are nearest; nothing is missed.

    Args:
        images: float32 `(n, dimension)`, L2-normalised.

    Attributes:
        margins: how alike labelled images are to them.
    """

    def __init__(self, images: Vector) -> None:
        self._images = images
        # Always the same shapes are multiplied, so that what comes out for one image is the same to the last bit,
        # however many follow.
        self._padded = np.zeros((-(-len(images) // _TOGETHER) * _TOGETHER, images.shape[1]), np.float32)
        self._padded[: len(images)] = images
        self._row = np.full(len(images), -1, np.intp)
        self.margins = Margins(len(images))

    def meet(self, rows: Rows, vectors: Vector, labels: Numbers) -> None:
        """Images are labelled.

        Args:
            rows: their numbers, rising from call to call, `(m,)`, one at least.
            vectors: float32 `(m, dimension)`.
            labels: by number, int32 `(m,)`.
        """
        blocks = np.split(self._padded, len(self._padded) // _TOGETHER)
        similarities = np.concatenate([block @ vectors.T for block in blocks])[: len(self._images)]
        top = similarities.argmax(axis=1)
        nearer = similarities[np.arange(len(top)), top] > self.margins.first
        self._row[nearer] = rows[top[nearer]]
        self.margins.meet(similarities, labels)

    def of(self, number: int, labelled: Ids, view: View) -> Nearest | None:
        """The labelled image that is nearest to an image, by its number; None if there is none.

        Args:
            number: of the image.
            labelled: the ids that rows are of.
            view: the index.
        """
        if self._row[number] < 0:
            return None
        image_id = ImageId(labelled[self._row[number]].tobytes())
        vector = view.vector(image_id)
        assert vector is not None, "a view stays as it is"
        return Nearest(image_id, float(distances(self._images[number], vector[np.newaxis])[0]))
