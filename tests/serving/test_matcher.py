"""Hits of an index that other hosts put images into as well."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from simd.serving.search.matcher import Matcher, SearchResult, Terms
from simd.types import Embedding, image_id_of
from tests.others import Others
from tests.serving.doubles import Bench, prepared, vector_of

OURS = {"red.jpg": (200, 10, 10), "x/green.jpg": (10, 200, 10), "x/blue.jpg": (10, 10, 200)}
RED = vector_of(200, 10, 10)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.put_all(*((name, b"picture %d %d %d" % colour) for name, colour in OURS.items()))
        yield bench


def shared(foreign: int) -> Others:
    """This host's images, and so many of others that are all nearer to red than the second of ours."""
    ours = [Embedding(image_id_of(b"picture %d %d %d" % colour), vector_of(*colour)) for colour in OURS.values()]
    theirs = [Embedding(image_id_of(b"foreign %d" % n), vector_of(199, 10 + n, 10)) for n in range(foreign)]
    return Others([*ours, *theirs])


def nearest(bench: Bench, searcher: Others, limit: int, prefix: bytes = b"") -> SearchResult:
    terms = Terms(limit, -2.0, prefix, exact=False)
    [found] = Matcher(bench.catalogue).nearest(searcher, [(terms, RED)], lambda: None)
    return found


def names(found: SearchResult) -> set[str]:
    return {os.path.basename(path).decode() for match in found.matches for path in match.paths}


def test_foreign_images_are_not_shown_and_are_made_up_for(bench: Bench) -> None:
    searcher = shared(foreign=8)
    found = nearest(bench, searcher, limit=3)
    assert names(found) == {"red.jpg", "green.jpg", "blue.jpg"}
    assert len(searcher.search(RED[None], 100)[0].hits) == 11, "they are still there"


def test_under_a_path_foreign_images_are_not_considered(bench: Bench) -> None:
    found = nearest(bench, shared(foreign=50), limit=2, prefix=os.fsencode(bench.root / "x"))
    assert names(found) == {"green.jpg", "blue.jpg"} and found.searched == 2


def test_where_all_that_is_near_is_foreign_the_answer_is_short(bench: Bench) -> None:
    assert names(nearest(bench, shared(foreign=50), limit=2)) == {"red.jpg"}
