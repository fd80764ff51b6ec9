"""Whether two pictures are one, edited: their local features, kept or made for the occasion, and the verdict on them.

    subject -> a decoding in the workers of queries, for the picture that is asked about: it needs its mirror image
            -> what is kept of the other, or else a decoding as well
    both    -> a small pool of threads: OpenCV holds no lock of Python meanwhile

A verdict is never worth an error: where features cannot be had, there is none.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from simd.cancelled import Cancelled, result_of
from simd.catalogue.catalogue import Catalogue
from simd.derived.store import DerivedStore
from simd.errors import SimdError, StoreError
from simd.featurize.decode.renditions import Features
from simd.serving.ports import Decoder, Decoding
from simd.serving.search.matcher import Match, SearchResult
from simd.serving.search.pictures import Pictures
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage, Subject
from simd.types import ImageId, image_id_of
from simd.verify.features import LocalFeatures
from simd.verify.verdict import Verdict, compare

AMONG = 10
"""So many of a search's first answers are compared with the query."""
_SURE = 0.9
"""With an answer that agrees so much the others need not be compared."""
_WEIGHT = 0.3
_BUDGET_S = 0.15
"""What all comparisons of one search may take, from when its answers are known."""


def verdict_of(query: bytes, other: bytes) -> Verdict | None:
    """The verdict on two pictures by their features; None if these are damaged."""
    try:
        return compare(LocalFeatures.from_bytes(query), LocalFeatures.from_bytes(other))
    except SimdError:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """A picture whose features are being made, and which image it is, where that is known."""

    decoding: Decoding | None
    image_id: ImageId | None = None

    def cancel(self) -> None:
        """Say that nobody waits for them."""
        if self.decoding is not None:
            self.decoding.cancel()


class Verifier:
    """Every method may be called from any thread.

    Args:
        how: "pairs", or "search" if the answers of searches are compared as well.
        store: features that are kept.
        catalogue: where the files are.
        decoder: makes features that are not.
        files: reads files inside roots.
        cores: so many comparisons at the same time.
        budget_s: what those of one search may take.
        judge: the verdict on two pictures by their features.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        *,
        how: Literal["pairs", "search"],
        store: DerivedStore,
        catalogue: Catalogue,
        decoder: Decoder,
        files: RootFiles,
        cores: int = 1,
        budget_s: float = _BUDGET_S,
        judge: Callable[[bytes, bytes], Verdict | None] = verdict_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ranks = how == "search"
        self._store = store
        self._pictures = Pictures(catalogue, decoder, files)
        self._budget_s = budget_s
        self._judge = judge
        self._clock = clock
        self._cores = cores
        self._pool = ThreadPoolExecutor(cores, "verifier")

    def seek(self, subject: Subject, *, mirrored: bool = True) -> Sought | None:
        """Begin to make the features of a picture; None if that cannot be.

        Args:
            subject: the picture.
            mirrored: whether the other one may be its mirror image: what is kept of images does not tell.
        """
        wanted = Features(mirrored)
        try:
            match subject:
                case ImageBytes(data):
                    image_id = image_id_of(data)
                    return self._kept(image_id, mirrored) or Sought(self._pictures.begin(subject, wanted), image_id)
                case StoredImage(image_id):
                    # Where no file of it can be read, what is kept has to do.
                    return self._kept(image_id, mirrored) or Sought(self._pictures.begin(subject, wanted), image_id)
                case ServerPath():
                    return Sought(self._pictures.begin(subject, wanted))
                case GivenVector():
                    return None
        except SimdError:
            return None

    def compare(self, first: Sought | None, second: Sought | None, cancelled: Cancelled) -> Verdict | None:
        """The verdict on two pictures; None where one of them has no features.

        Raises:
            NotReady: the daemon stops.
            Abandoned: nobody waits any more.
        """
        if first is None or second is None:
            return None
        cancelled.wait([sought.decoding for sought in (first, second) if sought.decoding is not None])
        one, other = self._made(first), self._made(second)
        if not one or not other:
            return None
        return result_of(self._submit(one, other), cancelled)

    def rank(self, found: SearchResult, query: Sought | None, cancelled: Cancelled) -> SearchResult:
        """The answers of a search, the first of them ordered by similarity + 0.3 * share, each with its verdict if it
        was compared within the time there is.

        Raises:
            Abandoned: nobody waits any more.
        """
        until = self._clock() + self._budget_s
        features = b"" if query is None else self._made(query, self._budget_s)
        if not features:
            return found
        verdicts = self._verdicts(features, found.matches[:AMONG], until, cancelled)
        judged = [replace(match, verdict=verdicts.get(match.hit.image_id)) for match in found.matches]
        return replace(found, matches=tuple(sorted(judged, key=_score, reverse=True)))

    def close(self) -> None:
        """End the threads; what none of them has begun is cancelled."""
        self._pool.shutdown(cancel_futures=True)

    def _verdicts(
        self, query: bytes, matches: Sequence[Match], until: float, cancelled: Cancelled
    ) -> dict[ImageId, Verdict]:
        # Several hosts may have an image; of those that only others have nothing is kept.
        images = dict.fromkeys(match.hit.image_id for match in matches)
        kept = self._get(list(images))
        left = deque(image_id for image_id in images if kept.get(image_id))
        # No more than can be done at the same time, as the first of them may be enough.
        under_way: deque[tuple[ImageId, Future[Verdict | None]]] = deque()
        verdicts: dict[ImageId, Verdict] = {}
        while (left or under_way) and not cancelled.is_set():
            while left and len(under_way) < self._cores:
                image_id = left.popleft()
                under_way.append((image_id, self._submit(query, kept[image_id])))
            image_id, work = under_way.popleft()
            verdict = _within(work, until - self._clock(), cancelled)
            if verdict is not None:
                verdicts[image_id] = verdict
            if self._clock() >= until or (verdict is not None and verdict.share >= _SURE):
                break
        for _, work in under_way:
            work.cancel()
        cancelled.check()
        return verdicts

    def _submit(self, query: bytes, other: bytes) -> Future[Verdict | None]:
        try:
            return self._pool.submit(self._judge, query, other)
        except RuntimeError:
            # It was closed.
            over: Future[Verdict | None] = Future()
            over.cancel()
            return over

    def _kept(self, image_id: ImageId, mirrored: bool) -> Sought | None:
        """A picture whose features need not be made."""
        return Sought(None, image_id) if not mirrored and self._get([image_id]).get(image_id) else None

    def _made(self, sought: Sought, timeout_s: float | None = None) -> bytes:
        """The features that were made, or else those that are kept; b"" if there are none."""
        made = b"" if sought.decoding is None else _features(sought.decoding, timeout_s)
        if not made and sought.image_id is not None:
            made = self._get([sought.image_id]).get(sought.image_id, b"")
        return made

    def _get(self, image_ids: Sequence[ImageId]) -> dict[ImageId, bytes]:
        try:
            return self._store.get(image_ids)
        except StoreError:
            # Whoever keeps them up has said so, and mends it.
            return {}


def _features(decoding: Decoding, timeout_s: float | None) -> bytes:
    try:
        return decoding.result(timeout_s).features or b""
    except TimeoutError:
        decoding.cancel()
        return b""
    except (SimdError, OSError, CancelledError):
        return b""


def _within(work: Future[Verdict | None], seconds: float, cancelled: Cancelled) -> Verdict | None:
    try:
        with cancelled.calling(work.cancel):
            return work.result(max(0.0, seconds))
    except TimeoutError:
        work.cancel()
        return None
    except CancelledError:
        return None


def _score(match: Match) -> float:
    return match.hit.similarity + (_WEIGHT * match.verdict.share if match.verdict else 0.0)
