"""Between the wire's messages and suggestions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simd.catalogue.rows import SearchableImage
from simd.errors import InvalidRequest
from simd.insight.labels.scope import below
from simd.insight.suggest.suggestion import Nearest, Question, Strategy, Suggested, Suggestion
from simd.serving.admin.convert import MAX_ITEMS, exact_of, image_id_of, prefix_of, text_of
from simd.types import ImageId
from simd.v1 import insight_service_pb2 as wire

_DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000


def question_of(request: wire.SuggestRequest) -> Question:
    """What is asked.

    Raises:
        InvalidRequest: an unknown strategy, too large a limit, too many images to skip, or one or a path that cannot
            be.
    """
    strategies = [strategy.value for strategy in Strategy]
    if request.strategy and request.strategy not in strategies:
        raise InvalidRequest(
            f"the strategy {request.strategy[:80]!r} is none",
            field="strategy",
            remedy=f"there are {', '.join(strategies)}",
        )
    if request.limit > MAX_LIMIT:
        raise InvalidRequest(
            f"limit {request.limit} is more than {MAX_LIMIT}",
            field="limit",
            remedy="label some of these first, and ask again",
        )
    if len(request.skip_ids) > MAX_ITEMS:
        raise InvalidRequest(
            f"skip_ids has {len(request.skip_ids)} items, at most {MAX_ITEMS} are taken",
            field="skip_ids",
            remedy="leave out those that are labelled by now; they are not suggested anyway",
        )
    return Question(
        limit=request.limit or _DEFAULT_LIMIT,
        strategy=Strategy(request.strategy or Strategy.COVERAGE),
        under=prefix_of(request.path_prefix, request.path_prefix_bytes),
        skip=tuple(image_id_of(text, field="skip_ids") for text in request.skip_ids),
    )


def suggestion_to(
    suggestion: Suggestion,
    under: bytes,
    images: Mapping[ImageId, SearchableImage],
    labels: Mapping[ImageId, Sequence[str]],
) -> wire.Suggestion:
    """An image worth labelling.

    Args:
        suggestion: it is among `images`.
        under: the path below which a file is told first; b"" is all.
        images: what is known of it and of the labelled image that is nearest, if that has a file.
        labels: of the labelled image.
    """
    image = images[suggestion.image_id]
    paths = image.paths
    path = next((path for path in paths if below(path, (under,))), paths[0]) if under else paths[0]
    text = text_of(path)
    return wire.Suggestion(
        image_id=suggestion.image_id.hex(),
        path=text,
        path_bytes=exact_of(path, text),
        covers=suggestion.covers,
        coverage=suggestion.coverage,
        nearest_labelled=_nearest_to(suggestion.nearest, images, labels) if suggestion.nearest else None,
        reason=suggestion.reason,
        value=suggestion.value,
        width=image.facts.width if image.facts else 0,
        height=image.facts.height if image.facts else 0,
    )


def summary_to(found: Suggested, suggested: int, host: str) -> wire.SuggestSummary:
    """What suggestions were taken from, how many there are, and of which host, if others may have images as well."""
    return wire.SuggestSummary(
        images=found.images,
        labelled=found.labelled,
        same_as_labelled=found.same_as_labelled,
        coverage=found.coverage,
        estimated=found.estimated,
        suggested=suggested,
        host=host,
    )


def _nearest_to(
    nearest: Nearest, images: Mapping[ImageId, SearchableImage], labels: Mapping[ImageId, Sequence[str]]
) -> wire.NearestLabelled:
    image = images.get(nearest.image_id)
    path = image.paths[0] if image else b""
    text = text_of(path)
    return wire.NearestLabelled(
        image_id=nearest.image_id.hex(),
        path=text,
        path_bytes=exact_of(path, text),
        distance=nearest.distance,
        labels=labels.get(nearest.image_id, ()),
    )
