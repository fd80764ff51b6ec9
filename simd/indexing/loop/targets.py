"""The indexes that are written: one, or two while a model's index is built beside the one that answers.

Every change goes to all of them, so that what lands during a switch is searchable at once and is in the successor too.
A vector is only ever put into the index of the model that computed it: the two travel together as one `Target`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from simd.featurize.decode.renditions import Stretched, max_bytes
from simd.index.base import VectorStore
from simd.types import ImageId, Pixels, Size, Vector


class Embedder(Protocol):
    """What embeds pictures: a `Featurizer`."""

    def embed(self, pixels: Sequence[Pixels], /) -> Vector:
        """See `Featurizer.embed`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A model and the index of its embeddings: `size` is that of its pictures."""

    name: str
    size: Size
    featurizer: Embedder
    index: VectorStore

    @property
    def input(self) -> Stretched:
        """What is made of a picture for its model."""
        return Stretched(self.size)


class Targets:
    """The targets, the one that answers searches first. Changed by the indexing thread alone, read by any.

    Args:
        serving: whose index answers searches.
        successor: whose index is being built to take its place.

    Attributes:
        trouble: why the successor computes nothing now; empty while it does.
    """

    def __init__(self, serving: Target, successor: Target | None = None) -> None:
        self._all = (serving,) if successor is None else (serving, successor)
        self.trouble = ""

    def __iter__(self) -> Iterator[Target]:
        return iter(self._all)

    @property
    def serving(self) -> Target:
        """Whose index answers searches."""
        return self._all[0]

    @property
    def newest(self) -> Target:
        """The successor, or the only one."""
        return self._all[-1]

    @property
    def picture_bytes(self) -> int:
        """How much memory the pictures of one file take: one in each size that is needed."""
        return sum(max_bytes(rendition) for rendition in {target.input for target in self._all})

    def contain(self, image_id: ImageId) -> bool:
        """Whether every index has the image."""
        return all(target.index.contains(image_id) for target in self._all)

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those of the images that one of the indexes lacks, in their order."""
        lacking = {image_id for target in self._all for image_id in target.index.missing(image_ids)}
        return [image_id for image_id in image_ids if image_id in lacking]

    def delete(self, image_ids: Sequence[ImageId]) -> None:
        """Delete images from every index; durable on return."""
        for target in self._all:
            target.index.delete(image_ids)

    def promote(self) -> None:
        """From now on the successor is the only one."""
        self._all = (self.newest,)
        self.trouble = ""
