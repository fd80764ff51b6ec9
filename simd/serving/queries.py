"""A search, from what the caller gives to the files that look like it. No gRPC here.

A search has two halves: `begin` checks it and starts what takes long, `finish` answers any number that have begun, and
embeds and scans for all of them together. Between the two the model may be switched, which costs a second decoding and
nothing else; `search` does both on one model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from simd.catalogue.catalogue import Catalogue
from simd.errors import InvalidRequest, SimdError
from simd.serving.embedder import Alive, Begun, Embedded, Embedder, Took, still
from simd.serving.matcher import Match, Matcher, Terms
from simd.serving.meter import Meter, NoMeter
from simd.serving.ports import Decoder
from simd.serving.rootfiles import RootFiles
from simd.serving.served import Served, Serving
from simd.serving.subjects import Subject
from simd.serving.together import Together
from simd.vectors.metric import distances, half

T = TypeVar("T")

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000
"""So many matches, each with the longest path there is, still fit the 4 MiB that a gRPC client accepts by default."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, and among what. `limit` 0 means the default; an empty `path_prefix` means everywhere."""

    subject: Subject
    limit: int = 0
    min_similarity: float | None = None
    path_prefix: bytes = b""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query, nearest first."""

    matches: tuple[Match, ...]
    searched: int
    exact: bool
    took: Took


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far apart two pictures are, and whether their bytes are the same."""

    distance: float
    similarity: float
    same: bool


@dataclass(frozen=True, slots=True, eq=False)
class Started:
    """A query that has begun: for which model, and how far that went."""

    query: Query
    terms: Terms
    served: Served
    start: Embedded | Begun
    at: float

    @property
    def is_shared(self) -> bool:
        """Whether it is finished with those of other callers: a picture's, which takes no longer than theirs."""
        return isinstance(self.start, Begun) and not self.terms.exact and not self.terms.path_prefix

    def when_ready(self, call: Callable[[], None]) -> None:
        """Have something called once `finish` need not wait; that may be now, or in another thread."""
        if isinstance(self.start, Embedded):
            call()
        else:
            self.start.decoding.add_done_callback(lambda _: call())

    def cancel(self) -> None:
        """Say that nobody waits for it."""
        if isinstance(self.start, Begun):
            self.start.decoding.cancel()


class Queries:
    """Answers searches; safe to use from any thread.

    Args:
        serving: the model and the index that answer.
        catalogue: where the files are.
        decoder: for images that are not indexed.
        files: reads files inside roots.
        meter: counts searches.
        clock: seconds, for the times reported.
        cores: so many threads finish searches at the same time, each several together.

    Attributes:
        cores: as above.
    """

    def __init__(
        self,
        *,
        serving: Serving,
        catalogue: Catalogue,
        decoder: Decoder,
        files: RootFiles,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cores: int = 1,
    ) -> None:
        self._serving = serving
        self._embedder = Embedder(catalogue=catalogue, decoder=decoder, files=files, clock=clock)
        self._matcher = Matcher(catalogue)
        self._meter = meter or NoMeter()
        self._clock = clock
        self.cores = cores
        self._together: Together[Started, Found] = Together(self._finish_together, cores)

    def search(self, query: Query, alive: Alive = lambda: True) -> Found:
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
        with self._serving.use() as served:
            return outcome_of(self._outcome(served, query, alive))

    def begin(self, query: Query) -> Started:
        """Check a query and begin with it.

        Raises:
            InvalidRequest, ImageRejected, NotFound: as `search`.
        """
        with self._serving.use() as served:
            return self._begin(served, query)

    def finish(self, started: Sequence[Started], alive: Alive) -> list[Found | BaseException]:
        """The answers, in the same order; a query that fails has its error as answer.

        Raises:
            ModelError, StoreError, IndexUnavailable: none of them can be answered.
            Abandoned: `alive` said no.
        """
        with self._serving.use() as served:
            return self._finish(served, started, alive)

    def _outcome(self, served: Served, query: Query, alive: Alive) -> Found | BaseException:
        started = self._begin(served, query)
        if started.is_shared:
            return self._together.outcome(started, alive)
        return self._finish(served, [started], alive)[0]

    def _finish_together(self, started: Sequence[Started], alive: Alive, alone: bool) -> list[Found | BaseException]:
        """Each on the model that it began with, which its caller keeps open."""
        answers: dict[Started, Found | BaseException] = {}
        for served in dict.fromkeys(one.served for one in started):
            mine = [one for one in started if one.served is served]
            answers.update(zip(mine, self._finish(served, mine, alive, alone), strict=True))
        return [answers[one] for one in started]

    def _begin(self, served: Served, query: Query) -> Started:
        at = self._clock()
        terms = _terms(query)
        return Started(query, terms, served, self._embedder.begin(served, query.subject), at)

    def _finish(
        self, served: Served, started: Sequence[Started], alive: Alive, alone: bool = True
    ) -> list[Found | BaseException]:
        embedded = self._embedder.finish(served, [self._start(served, one) for one in started], alive, alone=alone)
        still(alive)
        begun = self._clock()
        asked = [(one.terms, e.vector) for one, e in zip(started, embedded, strict=True) if isinstance(e, Embedded)]
        nearest = iter(self._matcher.nearest(served, asked, alive))
        end = self._clock()
        answers: list[Found | BaseException] = []
        for one, e in zip(started, embedded, strict=True):
            if isinstance(e, BaseException):
                answers.append(e)
                continue
            near = next(nearest)
            took = replace(e.took, search_ms=(end - begun) * 1e3, total_ms=(end - one.at) * 1e3)
            self._meter.searched(took)
            answers.append(Found(near.matches, near.searched, near.exact, took))
        return answers

    def _start(self, served: Served, one: Started) -> Embedded | Begun | SimdError:
        """How a query began; anew, if another model answers by now."""
        if one.served is served:
            return one.start
        try:
            return self._embedder.begin(served, one.query.subject)
        except SimdError as error:
            return error

    def compare(self, first: Subject, second: Subject, alive: Alive = lambda: True) -> Comparison:
        """How much two pictures are alike.

        Raises:
            InvalidRequest, ImageRejected, NotFound: as `search`; the field begins with `first.` or `second.`.
            NotReady, Abandoned: as `search`.
        """
        with self._serving.use() as served:
            return _compared(self._embedded(served, {"first": first, "second": second}, alive))

    def _embedded(
        self, served: Served, subjects: Mapping[str, Subject], alive: Alive
    ) -> list[Embedded | BaseException]:
        starts = []
        for name, subject in subjects.items():
            with blaming(name):
                starts.append(self._embedder.begin(served, subject))
        return self._embedder.finish(served, starts, alive)


def _compared(pair: list[Embedded | BaseException]) -> Comparison:
    with blaming("first"):
        one = outcome_of(pair.pop(0))
    with blaming("second"):
        other = outcome_of(pair.pop(0))
    # Rounded as what is stored is, so that a picture is 0 away from itself, indexed or not.
    distance = float(distances(half(one.vector), half(other.vector)[None])[0])
    same = one.image_id is not None and one.image_id == other.image_id
    return Comparison(distance, 1.0 - distance * distance / 2.0, same)


def outcome_of(outcome: T | BaseException) -> T:
    """What came of something, or its error raised.

    An error holds the frames that it passes, and with them the picture that they work on. Whoever passes its outcome on
    to here must not hold it as well: the two would keep each other until the garbage collector comes.
    """
    if isinstance(outcome, BaseException):
        try:
            raise outcome
        finally:
            del outcome
    return outcome


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Say of an error which of two pictures it is about."""
    try:
        yield
    except InvalidRequest as error:
        error.field = f"{name}.{error.field}"
        raise


def _terms(query: Query) -> Terms:
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
    return Terms(query.limit or DEFAULT_LIMIT, -2.0 if low is None else low, query.path_prefix, query.exact)
