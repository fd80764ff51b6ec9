"""What is known of one file, or of one image."""

from __future__ import annotations

import os

from simd.catalogue.catalogue import Catalogue
from simd.errors import NotFound
from simd.serving.admin import convert
from simd.types import ImageId
from simd.v1.index_service_pb2 import FileError, FileInfo, ImageInfo


def file_at(catalogue: Catalogue, path: bytes) -> FileInfo | FileError:
    """The file of an absolute path, searchable or refused.

    Raises:
        NotFound: nothing is known of it.
    """
    path = os.path.normpath(path)
    # Of what is at or below a path, the file of that path comes first.
    for file in catalogue.files(after=None, limit=1, under=path):
        if file.path == path:
            return convert.file_to(file, catalogue.facts_of({file.image_id}).get(file.image_id))
    for line in catalogue.rejections(after=None, limit=1, under=path):
        if line.path == path:
            return convert.line_to(line)
    raise NotFound(
        f"nothing is known of {convert.text_of(path)}", field="path", remedy="`simctl scan --explain` says why"
    )


def image_of(catalogue: Catalogue, image_id: ImageId) -> ImageInfo:
    """An image that has a file.

    Raises:
        NotFound: it has none.
    """
    shown = catalogue.shown([image_id]).get(image_id)
    if shown is None:
        raise NotFound(f"no image {image_id.hex()} is indexed", field="image_id")
    known = catalogue.known_at(shown.paths[0])
    return convert.image_to(image_id, shown, known.stamp.size if known else 0)
