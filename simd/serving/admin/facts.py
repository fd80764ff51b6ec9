"""What is known of one file, or of one image. No gRPC here."""

from __future__ import annotations

import os
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import LedgerLine, ListedFile, SearchableImage
from simd.errors import NotFound
from simd.types import ImageFacts, ImageId


@dataclass(frozen=True, slots=True)
class FileDetails:
    """A file that is searchable; `facts` is None where nothing is known of its image."""

    file: ListedFile
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """An image that has a file; each of its files has `size` bytes."""

    image_id: ImageId
    image: SearchableImage
    size: int


def file_at(catalogue: Catalogue, path: bytes) -> FileDetails | LedgerLine:
    """The file of an absolute path, searchable or refused.

    Raises:
        NotFound: nothing is known of it.
    """
    path = os.path.normpath(path)
    # Of what is at or below a path, the file of that path comes first.
    for file in catalogue.files(after=None, limit=1, under=path):
        if file.path == path:
            return FileDetails(file, catalogue.facts_of({file.image_id}).get(file.image_id))
    for line in catalogue.rejections(after=None, limit=1, under=path):
        if line.path == path:
            return line
    raise NotFound(
        f"nothing is known of {path.decode('utf-8', 'replace')}",
        field="path",
        remedy="`simctl scan --explain` says why",
    )


def image_of(catalogue: Catalogue, image_id: ImageId) -> ImageDetails:
    """An image that has a file.

    Raises:
        NotFound: it has none.
    """
    image = catalogue.searchable([image_id]).get(image_id)
    if image is None:
        raise NotFound(f"no image {image_id.hex()} is indexed", field="image_id")
    known = catalogue.known_at(image.paths[0])
    return ImageDetails(image_id, image, known.stamp.size if known else 0)
