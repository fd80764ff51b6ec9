"""What the daemon answers to a search, as plain Python values.

A path is `str` as the operating system's functions take it: `open(match.path)` works, whatever bytes the name is made
of, where client and daemon share a filesystem.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simctl.errors import SimctlError, from_failure

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from simd.v1 import index_service_pb2, search_service_pb2


Corners = tuple[tuple[float, float], ...]
"""Of a quadrangle: x and y as parts of a picture's width and height."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two pictures are one, edited.

    Attributes:
        same: whether they are.
        share: how much of what could be compared agrees, 0 to 1.
        mirrored: whether the first, the query, is the mirror image of the second.
        turned: by how many degrees clockwise the second, mirrored first if `mirrored`, is turned in the first.
        region: what was compared, in the first and in the second, corners in the same order; None if they could not be
            aligned.
    """

    same: bool
    share: float
    mirrored: bool
    turned: int
    region: tuple[Corners, Corners] | None

    def document(self) -> dict[str, object]:
        """For `--json`."""
        found: dict[str, object] = {
            "same": self.same, "share": self.share, "mirrored": self.mirrored, "turned": self.turned
        }  # fmt: skip
        if self.region is not None:
            found["region"] = {"first": self.region[0], "second": self.region[1]}
        return found


@dataclass(frozen=True, slots=True)
class Levels:
    """The least similarity that each word stands for, as it was measured for a model."""

    same: float
    near: float
    similar: float


@dataclass(frozen=True, slots=True)
class Match:
    """One image that looks like the query. `paths` may be cut; `path_count` is how many there are. `level` is the
    model's word for the similarity (same, near, similar), None if it is less or the model is not calibrated. `verdict`
    is there if the daemon compared it with the query. `copies` are so many other images that are the same picture and
    were left out in its favour, where that was asked for. `tier` is what it is to the query, where the daemon has found
    that out: exact (the same bytes), pixels (the same pixels), near (one picture, edited) or similar, else None. `host`
    is on whose machine the paths are, "" where the daemon searches its own index."""

    path: str
    paths: tuple[str, ...]
    image_id: str
    distance: float
    similarity: float
    width: int
    height: int
    path_count: int
    level: str | None = None
    verdict: Verdict | None = None
    copies: int = 0
    tier: str | None = None
    host: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The matches, nearest first; how many vectors were considered; milliseconds by stage. `host` is the daemon's own
    one, where it searches those of others as well; `fallback` is why it searched its own index alone, "" if that is
    what it is to do."""

    matches: tuple[Match, ...]
    searched: int
    exact: bool
    took_ms: dict[str, float]
    host: str = ""
    fallback: str = ""

    def is_here(self, match: Match) -> bool:
        """Whether a match is of the daemon's own host."""
        return match.host in ("", self.host)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What became of the search of this number, counted from 0."""

    number: int
    outcome: SearchResult | SimctlError


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much two pictures are alike, and whether their bytes are the same. `level` is as in `Match`, `levels` what
    the words stand for, None if the model is not calibrated. `verdict` is there if the daemon tells whether they are
    one, edited. `tier` is what they are to each other (exact, pixels, near, similar, different), None where that cannot
    be told."""

    distance: float
    similarity: float
    same: bool
    level: str | None = None
    levels: Levels | None = None
    verdict: Verdict | None = None
    tier: str | None = None


def batch_answer(response: search_service_pb2.BatchSearchResponse) -> BatchAnswer:
    """From the wire."""
    failed = response.WhichOneof("outcome") == "failure"
    return BatchAnswer(response.tag, from_failure(response.failure) if failed else search_result(response.found))


def comparison(response: search_service_pb2.CompareResponse) -> Comparison:
    """From the wire."""
    return Comparison(
        distance=response.distance,
        similarity=response.similarity,
        same=response.same,
        level=response.level or None,
        levels=levels(response),
        verdict=_verdict(response),
        tier=response.tier or None,
    )


def levels(response: search_service_pb2.CompareResponse | index_service_pb2.ModelStatus) -> Levels | None:
    """From the wire."""
    if not response.HasField("levels"):
        return None
    return Levels(response.levels.same, response.levels.near, response.levels.similar)


def search_result(response: search_service_pb2.SearchResponse) -> SearchResult:
    """From the wire."""
    took = response.took
    return SearchResult(
        matches=tuple(_match(match) for match in response.matches),
        searched=response.searched,
        exact=response.exact,
        took_ms={
            "decode": took.decode_ms,
            "featurize": took.featurize_ms,
            "search": took.search_ms,
            "total": took.total_ms,
        },
        host=response.host,
        fallback=response.fallback,
    )


def _match(match: search_service_pb2.Match) -> Match:
    return Match(
        path=path_of(match),
        paths=paths_of(match.paths, match.paths_bytes),
        image_id=match.image_id,
        distance=match.distance,
        similarity=match.similarity,
        width=match.width,
        height=match.height,
        path_count=match.path_count,
        level=match.level or None,
        verdict=_verdict(match),
        copies=match.copies,
        tier=match.tier or None,
        host=match.host,
    )


def _verdict(response: search_service_pb2.Match | search_service_pb2.CompareResponse) -> Verdict | None:
    if not response.HasField("verdict"):
        return None
    told = response.verdict
    region = None
    if told.HasField("region"):
        region = _corners(told.region.first), _corners(told.region.second)
    return Verdict(told.same, told.share, told.mirrored, told.turned, region)


def _corners(points: Iterable[search_service_pb2.Point]) -> Corners:
    return tuple((point.x, point.y) for point in points)


def path_of(
    message: search_service_pb2.Match
    | index_service_pb2.RejectedFile
    | index_service_pb2.FileError
    | index_service_pb2.RootStatus
    | index_service_pb2.Explanation
    | index_service_pb2.FileInfo
    | index_service_pb2.ExportedImage
    | index_service_pb2.ImageInfo,
) -> str:
    """The path of a message, exact."""
    return os.fsdecode(message.path_bytes or message.path.encode())


def paths_of(texts: Iterable[str], exact: Sequence[bytes]) -> tuple[str, ...]:
    """A list of paths, exact: the bytes where there are any."""
    return tuple(os.fsdecode(path) for path in exact or [text.encode() for text in texts])


def seconds(time: Timestamp) -> float:
    """Since the epoch."""
    return float(time.seconds) + float(time.nanos) / 1e9
