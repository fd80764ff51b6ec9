"""From what the caller names to its vector. No gRPC here.

    image bytes ------------------> known? -> its stored vector -----------------\\
    path -> inside a root? -> known, unchanged? -> ...or read by a worker, as above > Embedded
    image_id ---------------------> its stored vector, ours or another host's ---/
    vector -----------------------> checked, normalised -------------------------/

A picture that is already indexed costs no inference: its vector is looked up by the hash of its bytes. All others are
decoded by workers, each on its own, and embedded together. A file on this machine is read by its worker, so that no
file, of whatever size, is held here. Of a part of a picture no vector is stored: it is always decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.errors import ImageElsewhere, ImageUnreadable, InvalidRequest, NotFound, NotReady
from simd.featurize.decode.renditions import Region, Rendition, Stretched
from simd.serving.ports import Decoder, Decoding
from simd.serving.search.pictures import Pictures
from simd.serving.search.rootfiles import RootFiles, real_path
from simd.serving.search.served import Served
from simd.serving.search.subjects import GivenVector, ImageBytes, Part, ServerPath, StoredImage, Subject
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
    """A picture that is being decoded to what the model takes; `at` is when that began. `part_of` is the indexed image
    that it is a part of, where that was asked for."""

    decoding: Decoding
    wanted: Stretched | Region
    identity: PictureIdentity
    at: float
    part_of: ImageId | None = None


class Elsewhere(Protocol):
    """Knows images of other hosts, where these are searched; every method may be called from any thread, and raise
    ReplicaUnavailable or ReplicaRefused."""

    def vector(self, served: Served, image_id: ImageId, /) -> Vector | None:
        """The vector of an image, float32 `(dimension,)`; None if none is known."""
        ...

    def hosts_of(self, served: Served, image_id: ImageId, /) -> Sequence[str]:
        """The hosts that have an image, as far as they are known."""
        ...


class Embedder:
    """Embeds what is asked for; safe to use from any thread.

    Args:
        catalogue: which image a file is.
        decoder: for images that are not indexed.
        files: reads files inside roots.
        elsewhere: knows images that are not indexed here.
        clock: seconds, for the times reported.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        decoder: Decoder,
        files: RootFiles,
        elsewhere: Elsewhere,
        clock: Callable[[], float],
    ) -> None:
        self._catalogue = catalogue
        self._decoder = decoder
        self._files = files
        self._elsewhere = elsewhere
        self._pictures = Pictures(catalogue, decoder, files)
        self._clock = clock

    def begin(self, served: Served, subject: Subject, part: Part | None = None) -> Embedded | PendingPicture:
        """The vector, if it costs nothing, else a decoding under way.

        Args:
            served: what answers.
            subject: what is asked for.
            part: which part of it; None is all.

        Raises:
            InvalidRequest: a path or a vector that cannot be, or a part of a vector.
            ImageRejected: a file that cannot be read.
            NotFound: no such image, or no such file.
            ImageUnreadable: a part is asked for of an image that has no file now.
            ImageElsewhere: a part is asked for of an image that only other hosts have.
            ReplicaUnavailable, ReplicaRefused: an image is not indexed here, and that of others cannot be said now.
        """
        if part is not None:
            return self._of_part(served, subject, part)
        match subject:
            case GivenVector(vector):
                return Embedded(_normalised(served, vector))
            case StoredImage(image_id):
                return Embedded(self._stored(served, image_id), image_id)
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

        decoding = self._decoder.submit_file(real, wanted, self._files.open)
        return PendingPicture(decoding, served.input, identity, begun)

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
        decoding = self._decoder.submit_bytes(data, served.input)
        return PendingPicture(decoding, served.input, PictureIdentity(image_id), begun)

    def _of_part(self, served: Served, subject: Subject, part: Part) -> PendingPicture:
        begun = self._clock()
        part_of = subject.image_id if isinstance(subject, StoredImage) else None
        if part_of is not None:
            self._require_here(served, part_of)
        wanted = Region(part.box, served.size)
        decoding = self._pictures.begin(subject, wanted)
        if decoding is not None:
            return PendingPicture(decoding, wanted, PictureIdentity(), begun, part_of)
        if part_of is not None:
            raise _unreadable(part_of, "they are gone")
        raise InvalidRequest("a vector has no region", field="region", remedy="name the picture, or leave it out")

    def _stored(self, served: Served, image_id: ImageId) -> Vector:
        """The vector of an image, whoever has it."""
        stored = served.index.vector(image_id)
        if stored is None:
            stored = self._elsewhere.vector(served, image_id)
        if stored is None:
            raise _unknown(image_id)
        return stored

    def _require_here(self, served: Served, image_id: ImageId) -> None:
        if served.index.vector(image_id) is not None:
            return
        hosts = self._elsewhere.hosts_of(served, image_id)
        if not hosts:
            raise _unknown(image_id)
        raise ImageElsewhere(
            f"the image {image_id.hex()} is on {', '.join(hosts)}, and a part of it can be looked for there alone",
            field="image_id",
            remedy="send the picture's bytes instead",
        )

    def _decoded(self, served: Served, start: PendingPicture) -> Embedded | _DecodedPicture | BaseException:
        try:
            error = start.decoding.exception()
        except CancelledError:
            return NotReady("the daemon is stopping")
        if start.part_of is not None and (why := _trouble(start, error)):
            return _unreadable(start.part_of, why)
        if error is not None:
            return error
        identity, decode_ms = start.identity, (self._clock() - start.at) * 1e3
        if identity.stored is not None:
            return Embedded(identity.stored, identity.image_id, Took(decode_ms=decode_ms))
        decoded = start.decoding.result()
        return _DecodedPicture(decoded.pictures[start.wanted], identity.image_id, decode_ms, decoded.facts)


@dataclass(frozen=True, slots=True, eq=False)
class _DecodedPicture:
    """A decoded picture."""

    pixels: Pixels
    image_id: ImageId | None
    decode_ms: float
    facts: ImageFacts | None


def _unknown(image_id: ImageId) -> NotFound:
    return NotFound(f"no image {image_id.hex()} is indexed", field="image_id")


def _trouble(start: PendingPicture, error: BaseException | None) -> str:
    """Why the file of an image is of no use; empty if it is, or if that is not the file's fault."""
    if isinstance(error, InvalidRequest):
        return str(error)
    holds = error is not None or start.wanted in start.decoding.result().pictures
    return "" if holds else "they hold something else by now"


def _unreadable(image_id: ImageId, why: str) -> ImageUnreadable:
    return ImageUnreadable(
        f"the files of the image {image_id.hex()} cannot be read now: {why}",
        field="image_id",
        remedy="`simctl scan` finds out what became of them",
    )


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
