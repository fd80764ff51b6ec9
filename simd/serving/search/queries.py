"""A search, from what the caller gives to the files that look like it. No gRPC here.

A search is begun by its caller, which starts the decoding, and finished together with others by a pool of threads
(`finishers.py`). Those that may take long have a pool of their own, so that no other waits for them; a single one that
has nothing to be decoded is finished by its caller. A search ends on the model that it began with, and on the index or
the replica that was chosen then (`route.py`), unless that one fails.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from simd.cancelled import NEVER, Cancelled, result_of
from simd.catalogue.catalogue import Catalogue
from simd.errors import Abandoned, InvalidRequest
from simd.featurize.models.spec import Level, Levels
from simd.insight.groups.collapse import CopiesAmong, TiersTo, no_copies, no_tiers
from simd.insight.pairs.pair import Tier
from simd.serving.ports import Decoder
from simd.serving.search.breaker import FAILURES
from simd.serving.search.embedder import Embedded, Embedder, PendingPicture
from simd.serving.search.finishers import Finishers
from simd.serving.search.matcher import Matcher, SearchResult, Terms
from simd.serving.search.pictures import Pictures
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.route import Route, Target
from simd.serving.search.served import ModelInfo, Served, Serving
from simd.serving.search.subjects import Part, Subject
from simd.serving.search.tiers import Side, Tiers
from simd.serving.search.verifier import Sought, Verifier
from simd.serving.transport.meter import Meter, NoMeter
from simd.supervision import Threads
from simd.types import Vector
from simd.vectors.metric import distances, half
from simd.verify.verdict import Verdict

T = TypeVar("T")

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000
"""As many matches, each with the longest path there is, still fit the 4 MiB that a gRPC client accepts by default."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, and among what. `limit` 0 means the default; an empty `path_prefix` means everywhere; of
    `min_similarity` and the word `min_level` the stricter counts, and an empty word says nothing; `group` tells copies
    once; `region` has it look for a part of the picture only."""

    subject: Subject
    limit: int = 0
    min_similarity: float | None = None
    path_prefix: bytes = b""
    exact: bool = False
    min_level: str = ""
    group: bool = False
    region: Part | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far apart two pictures are, and whether their bytes are the same; `levels` is what the similarity means, if
    the model is calibrated, `verdict` whether they are one, edited, and `tier` what they are to each other, where that
    can be told."""

    distance: float
    similarity: float
    same: bool
    levels: Levels | None = None
    verdict: Verdict | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """A query that has begun: what it is put to, how far that went, since when, and whether its caller has left."""

    terms: Terms
    target: Target
    start: Embedded | PendingPicture
    at: float
    cancelled: Cancelled
    sought: Sought | None = None

    def when_ready(self, call: Callable[[], None]) -> None:
        """Have something called once nothing is being decoded; that may be now, or in another thread."""
        if self.sought is not None and self.sought.decoding is not None and isinstance(self.start, PendingPicture):
            vector, features = self.start.decoding, self.sought.decoding
            vector.add_done_callback(lambda _: features.add_done_callback(lambda _: call()))
        elif isinstance(self.start, PendingPicture):
            self.start.decoding.add_done_callback(lambda _: call())
        else:
            call()

    def cancel(self) -> None:
        """Its caller has left."""
        if isinstance(self.start, PendingPicture):
            self.start.decoding.cancel()
        if self.sought is not None:
            self.sought.cancel()


class Queries:
    """Answers searches until it is closed; safe to use from any thread.

    Args:
        serving: the model and the index that answer.
        catalogue: where the files are.
        decoder: for images that are not indexed.
        files: reads files inside roots.
        route: where searches are put; the own index if none is given.
        verifier: tells whether pictures are one, edited; None if nobody does. It is closed with this.
        copies_among: which images are the same picture.
        tiers_to: what images are to one, as far as that was found out.
        meter: counts searches.
        clock: seconds, for the times reported.
        cores: threads that finish searches at the same time, each several together.
        threads: runs them.
    """

    def __init__(
        self,
        *,
        serving: Serving,
        catalogue: Catalogue,
        decoder: Decoder,
        files: RootFiles,
        route: Route | None = None,
        verifier: Verifier | None = None,
        copies_among: CopiesAmong = no_copies,
        tiers_to: TiersTo = no_tiers,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cores: int = 1,
        threads: Threads | None = None,
    ) -> None:
        self._serving = serving
        self._route = route or Route()
        self._embedder = Embedder(catalogue=catalogue, decoder=decoder, files=files, elsewhere=self._route, clock=clock)
        self._matcher = Matcher(catalogue, copies_among, tiers_to, host=self._route.host)
        self._tiers = Tiers(catalogue, Pictures(catalogue, decoder, files))
        self._verifier = verifier
        self._meter = meter or NoMeter()
        self._clock = clock
        threads = threads or Threads()
        self._quick: Finishers[_Search, SearchResult] = Finishers("finisher", self._finish, cores, threads)
        self._slow: Finishers[_Search, SearchResult] = Finishers("finisher-slow", self._finish, cores, threads)

    def search(self, query: Query, cancelled: Cancelled = NEVER) -> SearchResult:
        """Find what looks like the query.

        Args:
            query: what to look for.
            cancelled: whether the caller has left.

        Raises:
            InvalidRequest: a limit, similarity, prefix, path, vector or region that cannot be, or a proof that cannot.
            ImageRejected: the bytes are not an image.
            NotFound: no such image, or no such file.
            ImageUnreadable: a part is asked for of an image whose files cannot be read now.
            ImageElsewhere: a part is asked for of an image that only other hosts have.
            ReplicaUnavailable, ReplicaRefused: it is put to the replica, which cannot be asked now.
            NotReady: the daemon stops.
            ModelError, StoreError, IndexUnavailable: it cannot be answered.
            Abandoned: the caller has left.
        """
        with self._serving.use() as served:
            search = self._begin(served, query, cancelled)
            if isinstance(search.start, Embedded):
                return result_or_raise(self._finish([search], True)[0])
            try:
                return result_of(self._finishers(search).submit(search), cancelled)
            finally:
                # An error of its decoding holds this frame.
                del search

    def submit(self, query: Query, cancelled: Cancelled = NEVER) -> Future[SearchResult]:
        """What will come of a search among many; it ends as `search` does. It can be cancelled until it is finished.

        Raises:
            InvalidRequest, ImageRejected, NotFound, ImageUnreadable, ImageElsewhere, ReplicaUnavailable,
            ReplicaRefused: as `search`.
        """
        with ExitStack() as stack:
            search = self._begin(stack.enter_context(self._serving.use()), query, cancelled)
            outcome = self._finishers(search).submit(search)
            using = stack.pop_all()
        outcome.add_done_callback(lambda _: using.close())
        return outcome

    def close(self) -> None:
        """End the threads. Searches that are not being finished by then are cancelled."""
        self._quick.close()
        self._slow.close()
        if self._verifier is not None:
            self._verifier.close()

    def _begin(self, served: Served, query: Query, cancelled: Cancelled) -> _Search:
        at = self._clock()
        terms = _terms(query, served.model)
        target = self._route.choose(served, exact=terms.exact)
        part = None if query.region is None or query.region.is_whole else query.region
        start = self._embedder.begin(served, query.subject, part)
        # The features are those of whole pictures, and would agree with what is beside the part.
        verifier = self._verifier if part is None else None
        sought = verifier.seek(query.subject) if verifier and verifier.ranks else None
        return _Search(terms, target, start, at, cancelled, sought)

    def _finishers(self, search: _Search) -> Finishers[_Search, SearchResult]:
        return self._slow if search.terms.takes_long else self._quick

    def _finish(self, searches: Sequence[_Search], alone: bool) -> list[SearchResult | BaseException]:
        """Each on the target that it began with."""
        outcomes: dict[_Search, SearchResult | BaseException] = {}
        for target in dict.fromkeys(search.target for search in searches):
            mine = [search for search in searches if search.target == target]
            outcomes.update(zip(mine, self._found(target, mine, alone), strict=True))
        return [outcomes[search] for search in searches]

    def _found(self, target: Target, searches: Sequence[_Search], alone: bool) -> list[SearchResult | BaseException]:
        def check() -> None:
            if all(search.cancelled.is_set() for search in searches):
                searches[0].cancelled.check()

        served = target.served
        embedded = self._embedder.finish(served, [search.start for search in searches], alone=alone)
        begun = self._clock()
        asked = [(one.terms, e.vector) for one, e in zip(searches, embedded, strict=True) if isinstance(e, Embedded)]
        found = iter(self._nearest(target, asked, check))
        end = self._clock()
        outcomes: list[SearchResult | BaseException] = []
        for search, e in zip(searches, embedded, strict=True):
            result = e if isinstance(e, BaseException) else next(found)
            if isinstance(e, BaseException) or isinstance(result, BaseException):
                outcomes.append(result)
                continue
            if e.image_id is not None:
                result = self._matcher.with_tiers(result, e.image_id)
            took = replace(e.took, search_ms=(end - begun) * 1e3)
            outcomes.append(self._ranked(search, replace(result, took=took, levels=served.model.levels)))
        return outcomes

    def _nearest(
        self, target: Target, asked: Sequence[tuple[Terms, Vector]], check: Callable[[], None]
    ) -> Sequence[SearchResult | BaseException]:
        """What is nearest to each vector; where the replica cannot be asked, that is the outcome of each."""

        def ask(target: Target) -> list[SearchResult]:
            found = self._matcher.nearest(target.searcher, asked, check)
            host = "" if target.replica is None else self._route.host
            return [replace(result, host=host, fallback=target.fallback) for result in found]

        if not asked:
            return []
        try:
            return self._route.ask(target, ask)
        except FAILURES as error:
            return [error.again() for _ in asked]

    def _ranked(self, search: _Search, found: SearchResult) -> SearchResult | BaseException:
        if self._verifier is not None and search.sought is not None:
            try:
                found = self._verifier.rank(found, search.sought, search.cancelled)
            except Abandoned as error:
                return error.with_traceback(None)
        took = replace(found.took, total_ms=(self._clock() - search.at) * 1e3)
        self._meter.searched(took)
        return replace(found, took=took)

    def compare(self, first: Subject, second: Subject, cancelled: Cancelled = NEVER) -> Comparison:
        """How much two pictures are alike.

        Raises:
            InvalidRequest, ImageRejected, NotFound: as `search`; the field begins with `first.` or `second.`.
            ReplicaUnavailable, ReplicaRefused: one is an image that this host does not have, and the replica, where
                others' are searched, cannot be asked now.
            NotReady, Abandoned: as `search`.
        """
        with self._serving.use() as served:
            one, other = _both(self._embedded(served, {"first": first, "second": second}, cancelled))
            levels = served.model.levels
        found = _compared(one, other, levels)
        verdict = None
        if self._verifier is not None:
            sought = self._verifier.seek(first), self._verifier.seek(second, mirrored=False)
            verdict = self._verifier.compare(*sought, cancelled)
        sides = Side(first, one), Side(second, other)
        tier = self._tiers.of(sides, found.similarity, verdict, levels, cancelled)
        return replace(found, verdict=verdict, tier=tier)

    def _embedded(
        self, served: Served, subjects: Mapping[str, Subject], cancelled: Cancelled
    ) -> list[Embedded | BaseException]:
        starts = []
        for name, subject in subjects.items():
            with prefixed_field(name):
                starts.append(self._embedder.begin(served, subject))
        cancelled.wait([start.decoding for start in starts if isinstance(start, PendingPicture)])
        return self._embedder.finish(served, starts, alone=False)


def _both(pair: list[Embedded | BaseException]) -> tuple[Embedded, Embedded]:
    with prefixed_field("first"):
        one = result_or_raise(pair.pop(0))
    with prefixed_field("second"):
        return one, result_or_raise(pair.pop(0))


def _compared(one: Embedded, other: Embedded, levels: Levels | None) -> Comparison:
    # Rounded as what is stored is, so that a picture is 0 away from itself, indexed or not.
    distance = float(distances(half(one.vector), half(other.vector)[None])[0])
    same = one.image_id is not None and one.image_id == other.image_id
    return Comparison(distance, 1.0 - distance * distance / 2.0, same, levels)


def result_or_raise(outcome: T | BaseException) -> T:
    """What came of something, or its error raised.

    An error holds the frames that it passes, and with them the picture that they work on. A frame that passes its
    outcome to here must not hold it as well: the two would keep each other until the garbage collector comes.
    """
    if isinstance(outcome, BaseException):
        try:
            raise outcome
        finally:
            del outcome
    return outcome


@contextmanager
def prefixed_field(name: str) -> Iterator[None]:
    """Say of an error which of two pictures it is about."""
    try:
        yield
    except InvalidRequest as error:
        error.field = f"{name}.{error.field}"
        raise


def _terms(query: Query, model: ModelInfo) -> Terms:
    """What is asked for, if it can be."""
    if not 0 <= query.limit <= MAX_LIMIT:
        raise InvalidRequest(f"limit {query.limit} is not in 1..{MAX_LIMIT}", field="limit")
    low = query.min_similarity
    if low is not None and not -1.0 <= low <= 1.0:
        raise InvalidRequest(f"min_similarity {low} is not in -1..1", field="min_similarity")
    if query.path_prefix and not query.path_prefix.startswith(b"/"):
        raise InvalidRequest(
            f"path_prefix {query.path_prefix.decode('utf-8', 'replace')} is not absolute", field="path_prefix"
        )
    floor = max(-2.0 if low is None else low, _least(query.min_level, model) if query.min_level else -2.0)
    prefix = os.path.normpath(query.path_prefix) if query.path_prefix else b""
    return Terms(query.limit or DEFAULT_LIMIT, floor, prefix, query.exact, query.group)


def _least(word: str, model: ModelInfo) -> float:
    """The least similarity that a word stands for."""
    if word not in set(Level):
        raise InvalidRequest(f"min_level {word} is not one of {', '.join(Level)}", field="min_level")
    if model.levels is None:
        raise InvalidRequest(
            f"the model {model.name} is not calibrated, so {word} stands for no similarity",
            field="min_level",
            remedy="give the least similarity as a number, -1 to 1",
        )
    return model.levels.least(Level(word))
