"""Small pictures of indexed images: from the cache, or else decoded for whoever asks. No gRPC here."""

from __future__ import annotations

from collections.abc import Collection

from simd.cancelled import NEVER, Cancelled, result_of
from simd.catalogue.catalogue import Catalogue
from simd.errors import FileChanged, ImageRejected, InvalidRequest
from simd.featurize.cache import RenditionCache
from simd.featurize.decode.renditions import Rendition, Thumbnail
from simd.serving.images.imagefiles import first_of, searchable_image, unreadable_image
from simd.serving.images.remembered import Remembered
from simd.serving.images.together import Together
from simd.serving.ports import Decoder
from simd.serving.search.rootfiles import RootFiles
from simd.types import ImageId, Rejection, Stamp

_FAILURES = 4096
"""So many files that gave no thumbnail are remembered, about 2 MiB."""
_ELSE = "it holds something else by now"


class Thumbnails:
    """Every method may be called from any thread. What a decoder refused is not tried again while the file stands.

    Args:
        catalogue: where the files are.
        decoder: decodes them.
        files: reads files inside roots.
        cache: keeps what was made.
    """

    def __init__(self, *, catalogue: Catalogue, decoder: Decoder, files: RootFiles, cache: RenditionCache) -> None:
        self._catalogue = catalogue
        self._decoder = decoder
        self._files = files
        self._cache = cache
        self._together: Together[tuple[ImageId, Thumbnail], bytes] = Together()
        self._failures: Remembered[tuple[ImageId, Thumbnail, Stamp], str | Rejection] = Remembered(_FAILURES)

    def get(self, image_id: ImageId, wanted: Thumbnail, cancelled: Cancelled = NEVER) -> bytes:
        """The file of a thumbnail. Callers who want the same at the same time have it made once.

        Raises:
            NotFound: no file that is searchable holds the image.
            ImageUnreadable: its files cannot be read now, or hold something else.
            ImageRejected: it cannot be decoded any more.
            DecoderUnavailable, NotReady: not now.
            Abandoned: the caller has left.
        """
        image = searchable_image(self._catalogue, image_id)

        def make(nobody_waits: Cancelled) -> bytes:
            kept = self._cache.get(image_id, wanted)
            if kept is not None:
                return kept
            made = first_of(image, lambda path: self._decoded(path, image_id, wanted, nobody_waits))
            self._cache.put(image_id, wanted, made)
            return made

        return self._together.result((image_id, wanted), make, cancelled)

    def _decoded(self, path: bytes, image_id: ImageId, wanted: Thumbnail, cancelled: Cancelled) -> bytes:
        """Made of one of the image's files."""
        cancelled.check()
        real = self._files.resolve(path, known=True)
        stamp = self._files.stamp(real)
        if stamp is None:
            raise unreadable_image(path, "there is no such file")
        key = image_id, wanted, stamp
        known = self._failures.get(key)
        if isinstance(known, Rejection):
            raise ImageRejected(known.reason, known.detail)
        if known is not None:
            raise unreadable_image(path, known)
        asked = _Asked(image_id, wanted)
        try:
            decoded = result_of(self._decoder.submit_file(real, asked, self._files.open), cancelled)
        except ImageRejected as error:
            if not error.reason.is_passing:
                self._failures.put(key, Rejection(error.reason, error.detail) if asked.met else error.detail)
            if asked.met:
                raise
            raise unreadable_image(path, error.detail) from None
        except (InvalidRequest, FileChanged) as error:
            raise unreadable_image(path, str(error)) from None
        if wanted not in decoded.thumbnails:
            self._failures.put(key, _ELSE)
            raise unreadable_image(path, _ELSE)
        return decoded.thumbnails[wanted]


class _Asked:
    """What is wanted of a file: a thumbnail, if it holds the image. `met` is whether it does."""

    def __init__(self, image_id: ImageId, wanted: Thumbnail) -> None:
        self._image_id = image_id
        self._wanted = wanted
        self.met = False

    def __call__(self, found: ImageId) -> Collection[Rendition]:
        self.met = found == self._image_id
        return (self._wanted,) if self.met else ()
