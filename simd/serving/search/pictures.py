"""What a request names, made into a rendition. No gRPC here."""

from __future__ import annotations

from simd.catalogue.catalogue import Catalogue
from simd.featurize.decode.renditions import Rendition
from simd.serving.ports import Decoder, Decoding
from simd.serving.search.rootfiles import RootFiles, real_path
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage, Subject
from simd.types import ImageId


class Pictures:
    """Has pictures decoded; safe to use from any thread.

    Args:
        catalogue: where the files are.
        decoder: decodes them.
        files: reads files inside roots.
    """

    def __init__(self, catalogue: Catalogue, decoder: Decoder, files: RootFiles) -> None:
        self._catalogue = catalogue
        self._decoder = decoder
        self._files = files

    def begin(self, subject: Subject, wanted: Rendition) -> Decoding | None:
        """The decoding of what a request names; None where there is nothing to be decoded: a vector, or an image
        without a file that can be read.

        Raises:
            InvalidRequest: a path that cannot be.
        """
        match subject:
            case ImageBytes(data):
                return self._decoder.submit_bytes(data, wanted)
            case ServerPath(path):
                _, real = real_path(self._catalogue, self._files, path)
                return self._decoder.submit_file(real, lambda _: (wanted,), self._files.open)
            case StoredImage(image_id):
                return self._of_image(image_id, wanted)
            case GivenVector():
                return None

    def _of_image(self, image_id: ImageId, wanted: Rendition) -> Decoding | None:
        """Of one of its files, unless that has become another image by now."""
        real = self._file_of(image_id)
        if real is None:
            return None
        return self._decoder.submit_file(real, lambda found: (wanted,) if found == image_id else (), self._files.open)

    def _file_of(self, image_id: ImageId) -> bytes | None:
        """One that is as it was when it was indexed; else one that is there."""
        changed = None
        for path in self._catalogue.files_of([image_id]).get(image_id, ()):
            real = self._files.resolve(path, known=True)
            now, known = self._files.stamp(real), self._catalogue.known_at(path)
            if now is not None and known is not None and known.stamp == now:
                return real
            if now is not None:
                changed = changed or real
        return changed
