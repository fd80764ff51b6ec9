"""What has to be decoded once more for a pair: digests of whole pictures, local features with their mirror image."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress

from simd.catalogue.catalogue import Catalogue
from simd.errors import DecoderUnavailable, ImageRejected, SimdError
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.pool import DecodedFile, FileDecoder
from simd.jobs.jobs import Cancelled
from simd.types import ImageId

_STEP_S = 0.2
"""How soon a wait ends when all is closed."""


class Closing(Cancelled):
    """The daemon stops: what was begun is left, by a job too."""


class Sources:
    """Files of images, decoded on demand. Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        decoder: decodes them.
        closing: ends every wait.
        at_once: so many files are decoded at the same time for one caller.
    """

    def __init__(self, catalogue: Catalogue, decoder: FileDecoder, closing: threading.Event, at_once: int = 2) -> None:
        self._catalogue = catalogue
        self._decoder = decoder
        self._closing = closing
        self._at_once = at_once

    def made(self, image_ids: Iterable[ImageId], rendition: Rendition) -> dict[ImageId, DecodedFile | None]:
        """Make a rendition of a file of each image; None of a picture that is refused, and nothing of one that no file
        can be read of now.

        Raises:
            DecoderUnavailable: nothing can be decoded now.
            Closing: the daemon stops.
        """
        wanted = list(image_ids)
        found = self._catalogue.files_of(wanted) if wanted else {}
        left = deque((image_id, path) for image_id, paths in found.items() if (path := _readable(paths)) is not None)
        under_way: deque[tuple[ImageId, Future[DecodedFile]]] = deque()
        made: dict[ImageId, DecodedFile | None] = {}
        try:
            while left or under_way:
                while left and len(under_way) < self._at_once:
                    image_id, path = left.popleft()
                    under_way.append((image_id, self._begun(image_id, path, rendition)))
                image_id, work = under_way.popleft()
                with suppress(_Unread):
                    made[image_id] = self._result(work)
        finally:
            for _, work in under_way:
                work.cancel()
        return made

    def _begun(self, image_id: ImageId, path: bytes, rendition: Rendition) -> Future[DecodedFile]:
        return self._decoder.submit_file(path, lambda found: (rendition,) if found == image_id else ())

    def _result(self, work: Future[DecodedFile]) -> DecodedFile | None:
        # Not by the timeout of `result`: a file on a network may itself end with a TimeoutError.
        while not wait([work], _STEP_S).done:
            if self._closing.is_set():
                raise Closing
        try:
            found = work.result()
        except CancelledError:
            raise Closing from None
        except ImageRejected:
            return None
        except DecoderUnavailable:
            raise
        except (SimdError, OSError) as error:
            raise _Unread from error
        if found.facts is None:
            # It holds something else by now, of which the feed tells.
            raise _Unread
        return found


class _Unread(Exception):
    """A file could not be read now."""


def _readable(paths: Iterable[bytes]) -> bytes | None:
    return next(filter(os.path.isfile, paths), None)
