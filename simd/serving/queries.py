"""A search, from what the caller gives to the files that look like it. No gRPC here.

    image bytes ------------------> known? -> its stored vector -----------------\
    path -> inside a root? -> known? -> ...or its bytes, as above                 > index -> files, facts -> Found
    image_id ---------------------> its stored vector, or NotFound --------------/
    vector -----------------------> checked, normalised -------------------------/

A picture that is already indexed costs no inference: its vector is looked up by the hash of its bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace

import numpy as np

from simd.errors import InvalidRequest, NotFound, NotReady
from simd.index.base import Index
from simd.serving.ports import Catalogue, Decoder, Featurizer
from simd.serving.rootfiles import RootFiles
from simd.types import Hit, ImageFacts, ImageId, Pixels, Vector, image_id_of
from simd.vectors.metric import NORM_TOLERANCE, normalise

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000
"""So many matches, each with the longest path there is, still fit the 4 MiB that a gRPC client accepts by default."""

_WIDEN = (1, 4, 16)
"""Ask for so many times the limit, one after the other, while images that lost their file leave the answer short."""

_POLL_S = 0.05


class Abandoned(Exception):
    """Nobody waits for the answer any more: the caller left, or its deadline is over."""


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """Search by an image file's bytes."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerPath:
    """Search by a file on the daemon's machine, inside a root."""

    path: bytes


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Search by an image that is indexed."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class GivenVector:
    """Search by an embedding: float32 `(dimension,)`, of any length greater than 0."""

    vector: Vector


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, and among what. `limit` 0 means the default; an empty `path_prefix` means everywhere."""

    subject: ImageBytes | ServerPath | StoredImage | GivenVector
    limit: int = 0
    min_similarity: float | None = None
    path_prefix: bytes = b""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One answer. `paths` is sorted, those under the query's prefix first, and never empty."""

    hit: Hit
    paths: tuple[bytes, ...]
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds by stage; 0 for a stage that was not needed."""

    decode_ms: float = 0.0
    featurize_ms: float = 0.0
    search_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query, nearest first."""

    matches: tuple[Match, ...]
    searched: int
    exact: bool
    took: Took


class Queries:
    """Answers searches; safe to use from any thread.

    Args:
        index: where the vectors are.
        catalogue: where the files are.
        decoder: for images that are not indexed.
        featurizer: for the same.
        files: reads files inside roots.
        clock: seconds, for the times reported.
    """

    def __init__(
        self,
        *,
        index: Index,
        catalogue: Catalogue,
        decoder: Decoder,
        featurizer: Featurizer,
        files: RootFiles,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._index = index
        self._catalogue = catalogue
        self._decoder = decoder
        self._featurizer = featurizer
        self._files = files
        self._clock = clock

    def search(self, query: Query, alive: Callable[[], bool] = lambda: True) -> Found:
        """Find what looks like the query.

        Args:
            query: what to look for.
            alive: whether somebody still waits; asked between the stages and while an image is being decoded.

        Raises:
            InvalidRequest: a limit, similarity, prefix, path or vector that cannot be.
            ImageRejected: the bytes are not an image.
            NotFound: no such image, or no such file.
            NotReady: the decoder is closed, because the daemon stops.
        Abandoned: `alive` said no.
        """
        start = self._clock()
        limit = _checked(query)
        vector, took = self._vector(query, alive)
        _still(alive)
        begun = self._clock()
        among = self._catalogue.images_under(query.path_prefix) if query.path_prefix else None
        matches, searched, exact = self._nearest(query, vector, limit, among, alive)
        end = self._clock()
        took = replace(took, search_ms=(end - begun) * 1e3, total_ms=(end - start) * 1e3)
        return Found(matches, searched, exact, took)

    def _vector(self, query: Query, alive: Callable[[], bool]) -> tuple[Vector, Took]:
        match query.subject:
            case GivenVector(vector):
                return self._normalised(vector), Took()
            case StoredImage(image_id):
                stored = self._index.vector(image_id) if self._index.contains(image_id) else None
                if stored is None:
                    raise NotFound(f"no image {image_id.hex()} is indexed", field="image_id")
                return stored, Took()
            case ServerPath(path):
                return self._of_path(path, alive)
            case ImageBytes(data):
                return self._of_bytes(data, alive)

    def _of_path(self, path: bytes, alive: Callable[[], bool]) -> tuple[Vector, Took]:
        begun = self._clock()
        real = self._files.resolve(path)
        known = self._catalogue.image_at(path) or self._catalogue.image_at(real)
        stored = self._index.vector(known, deleted=True) if known else None
        if stored is not None:
            return stored, Took()
        data = self._files.read(real)
        reading_ms = (self._clock() - begun) * 1e3
        vector, took = self._of_bytes(data, alive)
        return vector, replace(took, decode_ms=took.decode_ms + reading_ms)

    def _of_bytes(self, data: bytes, alive: Callable[[], bool]) -> tuple[Vector, Took]:
        begun = self._clock()
        stored = self._index.vector(image_id_of(data), deleted=True)
        if stored is not None:
            return stored, Took()
        pixels = self._decoded(data, alive)
        decoded = self._clock()
        _still(alive)
        vector: Vector = self._featurizer.embed(pixels[np.newaxis])[0]
        return vector, Took(decode_ms=(decoded - begun) * 1e3, featurize_ms=(self._clock() - decoded) * 1e3)

    def _decoded(self, data: bytes, alive: Callable[[], bool]) -> Pixels:
        decoding = self._decoder.submit_bytes(data)
        try:
            while not decoding.done():
                try:
                    decoding.result(timeout=_POLL_S)
                except TimeoutError:
                    if not alive():
                        decoding.cancel()
                        raise Abandoned from None
            pixels = decoding.result().pixels
        except CancelledError as error:
            raise NotReady("the daemon is stopping") from error
        assert pixels is not None
        return pixels

    def _normalised(self, vector: Vector) -> Vector:
        if vector.shape != (self._index.dimension,):
            raise InvalidRequest(
                f"the vector has {vector.size} values, the model's dimension is {self._index.dimension}",
                field="vector",
                remedy="send an embedding of the model that `simctl status` names",
            )
        # In float64, where no square of a float32 overflows or vanishes.
        norm = float(np.linalg.norm(vector.astype(np.float64)))
        if not np.isfinite(norm) or norm == 0.0:
            raise InvalidRequest("the vector must be finite and not all zero", field="vector")
        # One that came out of the index goes back in as it is: it is then exactly 0 away from itself.
        return vector if abs(norm - 1.0) <= NORM_TOLERANCE else normalise(vector)

    def _nearest(
        self,
        query: Query,
        vector: Vector,
        limit: int,
        among: Collection[ImageId] | None,
        alive: Callable[[], bool],
    ) -> tuple[tuple[Match, ...], int, bool]:
        """The nearest images that have a file. One may have lost it while its vector is still on its way out."""
        floor = -2.0 if query.min_similarity is None else query.min_similarity
        for factor in _WIDEN:
            _still(alive)
            asked = limit * factor
            answer = self._index.search(vector[np.newaxis], asked, among=among, exact=query.exact)[0]
            near = [hit for hit in answer.hits if hit.similarity >= floor]
            matches = self._with_files(near, query.path_prefix)
            if len(matches) >= limit or len(near) < asked:
                break
        return tuple(matches[:limit]), answer.searched, answer.exact

    def _with_files(self, hits: Sequence[Hit], prefix: bytes) -> list[Match]:
        ids = [hit.image_id for hit in hits]
        files = self._catalogue.files_of(ids)
        facts = self._catalogue.facts_of(ids)
        found = ((hit, files.get(hit.image_id, ())) for hit in hits)
        return [Match(hit, _ordered(paths, prefix), facts.get(hit.image_id)) for hit, paths in found if paths]


def _checked(query: Query) -> int:
    """The limit in force, if the query can be."""
    if not 0 <= query.limit <= MAX_LIMIT:
        raise InvalidRequest(f"limit {query.limit} is not in 1..{MAX_LIMIT}", field="limit")
    low = query.min_similarity
    if low is not None and not -1.0 <= low <= 1.0:
        raise InvalidRequest(f"min_similarity {low} is not in -1..1", field="min_similarity")
    if query.path_prefix and not query.path_prefix.startswith(b"/"):
        raise InvalidRequest(
            f"path_prefix {query.path_prefix.decode('utf-8', 'replace')} is not absolute", field="path_prefix"
        )
    return query.limit or DEFAULT_LIMIT


def _ordered(paths: Sequence[bytes], prefix: bytes) -> tuple[bytes, ...]:
    under = prefix.rstrip(b"/") + b"/"
    return tuple(sorted(paths, key=lambda path: (path != prefix and not path.startswith(under), path)))


def _still(alive: Callable[[], bool]) -> None:
    if not alive():
        raise Abandoned
