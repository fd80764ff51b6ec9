"""From what the caller names to its vector. No gRPC here.

    image bytes ------------------> known? -> its stored vector -----------------\\
    path -> inside a root? -> known, unchanged? -> ...or read by a worker, as above > Embedded
    image_id ---------------------> its stored vector, or NotFound --------------/
    vector -----------------------> checked, normalised -------------------------/

A picture that is already indexed costs no inference: its vector is looked up by the hash of its bytes. All others are
decoded by workers, each on its own, and embedded together. A file on this machine is read by its worker, so that no
file, of whatever size, is held here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.errors import InvalidRequest, NotFound, NotReady
from simd.featurize.decode.renditions import Rendition
from simd.serving.ports import Decoder, Decoding
from simd.serving.search.rootfiles import RootFiles, real_path
from simd.serving.search.served import Served
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage, Subject
from simd.serving.transport.meter import Took
from simd.types import ImageFacts, ImageId, Pixels, Stamp, Vector, image_id_of
from simd.vectors.metric import NORM_TOLERANCE, normalise


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector, float32 `(dimension,)`; the image that its bytes are, where they are known; what it took; what decoding
    told, if it was decoded."""

    vector: Vector
    image_id: ImageId | None = None
    took: Took = field(default_factory=Took)
    facts: ImageFacts | None = None


@dataclass(slots=True)
class PictureIdentity:
    """Which image a picture is, once that is known, and its vector if it is indexed."""

    image_id: ImageId | None = None
    stored: Vector | None = None


@dataclass(frozen=True, slots=True)
class PendingPicture:
    """A picture that is being decoded; `at` is when that began."""

    decoding: Decoding
    identity: PictureIdentity
    at: float


class Embedder:
    """Embeds what is asked for; safe to use from any thread.

    Args:
        catalogue: which image a file is.
        decoder: for images that are not indexed.
        files: reads files inside roots.
        clock: seconds, for the times reported.
    """

    def __init__(self, *, catalogue: Catalogue, decoder: Decoder, files: RootFiles, clock: Callable[[], float]) -> None:
        self._catalogue = catalogue
        self._decoder = decoder
        self._files = files
        self._clock = clock

    def begin(self, served: Served, subject: Subject) -> Embedded | PendingPicture:
        """The vector, if it costs nothing, else a decoding under way.

        Args:
            served: what answers.
            subject: what is asked for.

        Raises:
            InvalidRequest: a path or a vector that cannot be.
            ImageRejected: a file that cannot be read.
            NotFound: no such image, or no such file.
        """
        match subject:
            case GivenVector(vector):
                return Embedded(_normalised(served, vector))
            case StoredImage(image_id):
                stored = served.index.vector(image_id)
                if stored is None:
                    raise NotFound(f"no image {image_id.hex()} is indexed", field="image_id")
                return Embedded(stored, image_id)
            case ServerPath(path):
                return self._of_path(served, path)
            case ImageBytes(data):
                return self._of_bytes(served, data)

    def finish(
        self, served: Served, starts: Sequence[Embedded | PendingPicture], *, alone: bool
    ) -> list[Embedded | BaseException]:
        """The vectors; what was decoded goes through the backbone together. One that fails has its error as result.

        Args:
            served: the one that `begin` was given.
            starts: what `begin` gave; no decoding is under way any more.
            alone: whether it is one picture, and nothing else is to be done.

        Raises:
            ModelError: the backbone failed.
        """
        found = [start if isinstance(start, Embedded) else self._decoded(served, start) for start in starts]
        pictures = [one for one in found if isinstance(one, _DecodedPicture)]
        if not pictures:
            return [one for one in found if not isinstance(one, _DecodedPicture)]
        begun = self._clock()
        vectors = served.featurizer.embed([picture.pixels for picture in pictures], alone=alone)
        featurize_ms = (self._clock() - begun) * 1e3
        embedded = iter(
            Embedded(
                vector, picture.image_id, Took(decode_ms=picture.decode_ms, featurize_ms=featurize_ms), picture.facts
            )
            for picture, vector in zip(pictures, vectors, strict=True)
        )
        return [next(embedded) if isinstance(one, _DecodedPicture) else one for one in found]

    def _of_path(self, served: Served, path: bytes) -> Embedded | PendingPicture:
        begun = self._clock()
        listed, real = real_path(self._catalogue, self._files, path)
        now = self._files.stamp(real)
        known = self._unchanged(listed, real, now)
        stored = served.index.vector(known, deleted=True) if known else None
        if stored is not None:
            return Embedded(stored, known)
        identity = PictureIdentity()

        def wanted(image_id: ImageId) -> Collection[Rendition]:
            identity.image_id = image_id
            identity.stored = served.index.vector(image_id, deleted=True)
            return () if identity.stored is not None else (served.input,)

        return PendingPicture(self._decoder.submit_file(real, wanted, self._files.open), identity, begun)

    def _unchanged(self, path: bytes, real: bytes, now: Stamp | None) -> ImageId | None:
        """The image that a file is, if it is still the file that was indexed."""
        # Under both names: its root may be watched under a path that goes through links, or under one without.
        for name in (path, real):
            known = self._catalogue.known_at(name)
            if known is not None and known.image_id is not None and known.stamp == now:
                return known.image_id
        return None

    def _of_bytes(self, served: Served, data: bytes) -> Embedded | PendingPicture:
        begun = self._clock()
        image_id = image_id_of(data)
        stored = served.index.vector(image_id, deleted=True)
        if stored is not None:
            return Embedded(stored, image_id)
        return PendingPicture(self._decoder.submit_bytes(data, served.input), PictureIdentity(image_id), begun)

    def _decoded(self, served: Served, start: PendingPicture) -> Embedded | _DecodedPicture | BaseException:
        try:
            error = start.decoding.exception()
        except CancelledError:
            return NotReady("the daemon is stopping")
        if error is not None:
            return error
        identity, decode_ms = start.identity, (self._clock() - start.at) * 1e3
        if identity.stored is not None:
            return Embedded(identity.stored, identity.image_id, Took(decode_ms=decode_ms))
        decoded = start.decoding.result()
        return _DecodedPicture(decoded.pictures[served.input], identity.image_id, decode_ms, decoded.facts)


@dataclass(frozen=True, slots=True, eq=False)
class _DecodedPicture:
    """A decoded picture."""

    pixels: Pixels
    image_id: ImageId | None
    decode_ms: float
    facts: ImageFacts | None


def _normalised(served: Served, vector: Vector) -> Vector:
    if vector.shape != (served.index.dimension,):
        raise InvalidRequest(
            f"the vector has {vector.size} values, the dimension of the model {served.model.name}, which answers now, "
            f"is {served.index.dimension}",
            field="vector",
            remedy="send an embedding of this model",
        )
    # In float64, where no square of a float32 overflows or vanishes.
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(norm) or norm == 0.0:
        raise InvalidRequest("the vector must be finite and not all zero", field="vector")
    # One that came out of the index goes back in as it is: it is then exactly 0 away from itself.
    return vector if abs(norm - 1.0) <= NORM_TOLERANCE else normalise(vector)
