"""What two pictures are to each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from simd.cancelled import Cancelled
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import Abandoned
from simd.insight.pairs.pair import Tier
from simd.serving.search.queries import Queries
from simd.serving.search.subjects import GivenVector, ImageBytes, ServerPath, StoredImage, Subject
from simd.serving.search.verifier import Verifier
from simd.types import ImageFacts, image_id_of
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from simd.verify.verdict import Verdict
from tests.serving.doubles import Bench, TextDecoder, prepared, serving, vector_of
from tests.serving.waiting import until

RED, RED_TOO, REDDISH, ORANGE, GREEN = (
    b"picture 200 10 10", b"picture 200 10 10 elsewhere", b"picture 200 10 11", b"picture 200 120 10",
    b"picture 10 200 10",
)  # fmt: skip
"""The second has the pixels of the first, as the decoder double reads it."""


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.calibrate()
        yield bench


def tier(queries: Queries, first: Subject | bytes, second: Subject | bytes) -> Tier | None:
    one, other = (ImageBytes(one) if isinstance(one, bytes) else one for one in (first, second))
    return queries.compare(one, other).tier


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (RED, Tier.EXACT),
        (RED_TOO, Tier.PIXELS),
        (REDDISH, Tier.SIMILAR),
        (ORANGE, Tier.SIMILAR),
        (GREEN, Tier.DIFFERENT),
    ],
)
def test_the_strongest_word_that_is_true_is_told(bench: Bench, other: bytes, expected: Tier) -> None:
    assert tier(bench.queries(), RED, other) == tier(bench.queries(), other, RED) == expected


@pytest.mark.parametrize("how", ["bytes", "path", "image_id"])
def test_however_the_pictures_are_named(bench: Bench, how: str) -> None:
    image_id = bench.put("red.jpg", RED)
    ways: dict[str, Subject] = {
        "bytes": ImageBytes(RED),
        "path": ServerPath(os.fsencode(bench.root / "red.jpg")),
        "image_id": StoredImage(image_id),
    }
    red = ways[how]
    assert tier(bench.queries(), red, RED) == Tier.EXACT
    assert tier(bench.queries(), red, RED_TOO) == Tier.PIXELS
    assert tier(bench.queries(), GREEN, red) == Tier.DIFFERENT


@pytest.mark.parametrize("same", [True, False])
def test_a_verdict_makes_them_near_and_no_less_than_the_same_pixels(bench: Bench, tmp_path: Path, same: bool) -> None:
    store = DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    verifier = Verifier(
        how="pairs",
        store=store,
        catalogue=bench.catalogue,
        decoder=bench.decoder,
        files=bench.files,
        judge=lambda query, other: Verdict(same, 0.9, 9, False, 0, None),
    )
    queries = bench.queries(verifier=verifier)
    assert tier(queries, RED, GREEN) == (Tier.NEAR if same else Tier.DIFFERENT)
    assert tier(queries, RED, REDDISH) == (Tier.NEAR if same else Tier.SIMILAR)
    assert tier(queries, RED, RED_TOO) == Tier.PIXELS
    assert tier(queries, RED, RED) == Tier.EXACT
    store.close()


def test_a_vector_is_no_picture(bench: Bench) -> None:
    assert tier(bench.queries(), RED, GivenVector(vector_of(200, 10, 10))) is None
    assert tier(bench.queries(), GivenVector(vector_of(200, 10, 10)), RED) is None


def test_without_calibration_what_is_not_the_same_picture_has_no_word() -> None:
    with prepared() as bench:
        assert tier(bench.queries(), RED, RED) == Tier.EXACT
        assert tier(bench.queries(), RED, RED_TOO) == Tier.PIXELS
        assert tier(bench.queries(), RED, REDDISH) is None


def test_pixels_are_looked_at_only_where_they_can_be_the_same(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.put("green.jpg", GREEN)
    bench.put("wide.jpg", RED_TOO, facts=ImageFacts(1280, 480, "TEXT"))
    assert tier(bench.queries(), RED, GREEN) == Tier.DIFFERENT, "they do not look alike"
    assert tier(bench.queries(), RED, RED_TOO) == Tier.SIMILAR, "they are not of one size"
    assert bench.decoder.decoded == 0


def test_an_image_whose_files_cannot_be_read_is_known_by_what_is_known(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    (bench.root / "red.jpg").unlink()
    assert tier(bench.queries(), StoredImage(image_id), RED_TOO) == Tier.SIMILAR
    assert tier(bench.queries(), StoredImage(image_id), RED) == Tier.EXACT
    (bench.root / "red.jpg").write_bytes(REDDISH)
    assert tier(bench.queries(), StoredImage(image_id), REDDISH) == Tier.SIMILAR, "it is another image by now"


def test_a_catalogue_that_cannot_be_read_spoils_no_comparison(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    queries = bench.queries()
    bench.catalogue.close()
    assert tier(queries, RED, RED_TOO) == Tier.PIXELS


def test_a_caller_that_leaves_ends_it() -> None:
    hold = threading.Event()
    with prepared(decoder=TextDecoder(hold)) as bench:
        bench.put("red.jpg", RED)
        bench.put("too.jpg", RED_TOO)
        left, ended = Cancelled(), threading.Event()
        queries = bench.queries()

        def compare() -> None:
            with pytest.raises(Abandoned):
                queries.compare(StoredImage(image_id_of(RED)), StoredImage(image_id_of(RED_TOO)), left)
            ended.set()

        caller = threading.Thread(target=compare, daemon=True)
        caller.start()
        until(bench.decoder.started.is_set, "a decoding to begin")
        left.set()
        assert ended.wait(20)
        hold.set()
        caller.join()


def test_it_is_told_over_the_wire() -> None:
    with serving() as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.calibrate()
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        for other, expected in ((RED, "exact"), (RED_TOO, "pixels"), (ORANGE, "similar"), (GREEN, "different")):
            pair = [search_service_pb2.Subject(image=data) for data in (RED, other)]
            answer = stub.Compare(search_service_pb2.CompareRequest(first=pair[0], second=pair[1]), timeout=10)
            assert answer.tier == expected
