"""Which images a question is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simd.vectors.ids import Ids, keys, unique_ids


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """An image is considered if all three say so.

    Ids are uint8 `(n, 16)`, in any order and also repeatedly; they are kept in byte order, each once. Those that are
    not stored are ignored.

    Args:
        prefix: an absolute path; the image has a file at or below it. b"" is everywhere. Only an index that has paths
            beside its vectors can tell; every other one is asked with the filter `resolved`.
        any_of: the image is one of these; None: whichever it is.
        not_in: the image is none of these.
    """

    prefix: bytes = b""
    any_of: Ids | None = None
    not_in: Ids | None = None

    def __post_init__(self) -> None:
        for name, ids in (("any_of", self.any_of), ("not_in", self.not_in)):
            if ids is not None:
                object.__setattr__(self, name, unique_ids(ids))

    def resolved(self, images_under: Callable[[bytes], Ids]) -> Filter:
        """The same images, told without a prefix.

        Args:
            images_under: the images that have a file at or below an absolute path, in any order and also repeatedly.
        """
        if not self.prefix:
            return self
        under = images_under(self.prefix)
        if self.any_of is not None:
            under = under[np.isin(keys(under), keys(self.any_of))]
        return replace(self, prefix=b"", any_of=under)

    def require_resolved(self) -> None:
        """For an index that knows no paths.

        Raises:
            ValueError: there is a prefix; it was to be `resolved` by who knows the paths.
        """
        if self.prefix:
            raise ValueError("this index knows no paths: a filter with a prefix must be `resolved` before it is asked")


EVERYTHING = Filter()
"""No image is passed over."""
