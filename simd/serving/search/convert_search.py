"""Between the messages of SearchService and the nouns inside."""

from __future__ import annotations

import numpy as np
from google.rpc import status_pb2

from simd.errors import InvalidRequest
from simd.featurize.models.spec import Levels
from simd.serving.admin import convert
from simd.serving.search.matcher import Match, SearchResult
from simd.serving.search.queries import Comparison, Query, prefixed_field
from simd.serving.search.subjects import GivenVector, ImageBytes, Part, ServerPath, StoredImage, Subject
from simd.v1 import search_service_pb2
from simd.verify.verdict import Verdict


def query_of(request: search_service_pb2.SearchRequest) -> Query:
    """What a search request asks for.

    Raises:
        InvalidRequest: no query is set, or an image id is malformed, or the region is no part of a picture.
    """
    box = request.region
    return Query(
        subject=subject_of(request),
        limit=request.limit,
        min_similarity=request.min_similarity if request.HasField("min_similarity") else None,
        path_prefix=convert.prefix_of(request.path_prefix, request.path_prefix_bytes),
        exact=request.exact,
        min_level=request.min_level,
        group=request.group,
        region=Part(box.x, box.y, box.width, box.height) if request.HasField("region") else None,
    )


def subject_of(request: search_service_pb2.SearchRequest | search_service_pb2.Subject) -> Subject:
    """What picture a request names.

    Raises:
        InvalidRequest: none, or a path or an image id that is malformed.
    """
    match request.WhichOneof("query"):
        case "image":
            return ImageBytes(request.image)
        case "path":
            return ServerPath(convert.check_path(request.path.encode(), "path"))
        case "path_bytes":
            return ServerPath(convert.check_path(request.path_bytes, "path"))
        case "image_id":
            return StoredImage(convert.image_id_of(request.image_id))
        case "vector":
            return GivenVector(np.array(request.vector.values, dtype=np.float32))
        case _:
            raise InvalidRequest(
                "the request has no query", field="query", remedy="set image, path, image_id or vector"
            )


def compared_of(request: search_service_pb2.CompareRequest) -> tuple[Subject, Subject]:
    """What two pictures a request names.

    Raises:
        InvalidRequest: as `subject_of`; the field begins with `first.` or `second.`.
    """
    with prefixed_field("first"):
        first = subject_of(request.first)
    with prefixed_field("second"):
        return first, subject_of(request.second)


def result_to(found: SearchResult) -> search_service_pb2.SearchResponse:
    """The answer to a search."""
    took = found.took
    return search_service_pb2.SearchResponse(
        matches=[_match_to(match, found.levels) for match in found.matches],
        searched=found.searched,
        exact=found.exact,
        took=search_service_pb2.Took(
            decode_ms=took.decode_ms,
            featurize_ms=took.featurize_ms,
            search_ms=took.search_ms,
            total_ms=took.total_ms,
        ),
        host=found.host,
        fallback=found.fallback,
    )


def _match_to(match: Match, levels: Levels | None) -> search_service_pb2.Match:
    texts, exact = convert.paths_to(match.paths[: convert.MAX_PATHS])
    return search_service_pb2.Match(
        image_id=match.hit.image_id.hex(),
        path=texts[0],
        path_bytes=convert.exact_of(match.paths[0], texts[0]),
        paths=texts,
        paths_bytes=exact,
        path_count=match.path_count,
        distance=match.hit.distance,
        similarity=match.hit.similarity,
        width=match.facts.width if match.facts else 0,
        height=match.facts.height if match.facts else 0,
        verdict=_verdict_to(match.verdict),
        level=_level_to(levels, match.hit.similarity),
        copies=match.copies,
        tier=match.tier or "",
        host=match.host,
    )


def compared_to(comparison: Comparison) -> search_service_pb2.CompareResponse:
    """The answer to a comparison."""
    return search_service_pb2.CompareResponse(
        distance=comparison.distance,
        similarity=comparison.similarity,
        same=comparison.same,
        verdict=_verdict_to(comparison.verdict),
        level=_level_to(comparison.levels, comparison.similarity),
        levels=levels_to(comparison.levels),
        tier=comparison.tier or "",
    )


def _level_to(levels: Levels | None, similarity: float) -> str:
    return "" if levels is None else levels.of(similarity) or ""


def levels_to(levels: Levels | None) -> search_service_pb2.Levels | None:
    """What the similarities of a model mean."""
    if levels is None:
        return None
    return search_service_pb2.Levels(same=levels.same, near=levels.near, similar=levels.similar)


def _verdict_to(verdict: Verdict | None) -> search_service_pb2.Verdict | None:
    if verdict is None:
        return None
    region = None
    if verdict.region is not None:
        first, second = ([search_service_pb2.Point(x=x, y=y) for x, y in corners] for corners in verdict.region)
        region = search_service_pb2.Region(first=first, second=second)
    return search_service_pb2.Verdict(
        same=verdict.same,
        share=verdict.share,
        mirrored=verdict.mirrored,
        turned=90 * verdict.quarter_turns,
        region=region,
    )


def failure_to(status: status_pb2.Status) -> search_service_pb2.Failure:
    """An error that is an answer."""
    return search_service_pb2.Failure(code=status.code, message=status.message, details=status.details)
