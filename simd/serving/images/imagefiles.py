"""Where the bytes of an image are to be had, and what is said when they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import SearchableImage
from simd.errors import ImageUnreadable, NotFound
from simd.types import ImageId

T = TypeVar("T")


def searchable_image(catalogue: Catalogue, image_id: ImageId) -> SearchableImage:
    """An image that is in the answers.

    Raises:
        NotFound: no file that is searchable holds it.
    """
    image = catalogue.searchable([image_id]).get(image_id)
    if image is None:
        raise NotFound(f"no image {image_id.hex()} is indexed", field="image_id")
    return image


def is_searchable(catalogue: Catalogue, image_id: ImageId) -> bool:
    """Whether an image is in the answers."""
    return image_id in catalogue.searchable([image_id])


def first_of(image: SearchableImage, use: Callable[[bytes], T]) -> T:
    """What comes of the first of an image's files that can be used.

    Args:
        image: it has a file.
        use: is given an absolute path; ImageUnreadable leads to the next one.

    Raises:
        ImageUnreadable: none can be used; it says why of the last one.
    """
    *others, last = image.paths
    for path in others:
        try:
            return use(path)
        except ImageUnreadable:
            continue
    return use(last)


def unreadable_image(path: bytes, why: str) -> ImageUnreadable:
    """The error of a file that cannot be read now, or holds something else than its image by now."""
    return ImageUnreadable(
        f"{path.decode('utf-8', 'replace')} cannot be shown: {why}", remedy="`simctl scan` finds out what became of it"
    )
