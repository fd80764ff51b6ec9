"""Searches that are put to a replica with the images of several hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import ImageElsewhere, InvalidRequest, NotFound, ReplicaUnavailable
from simd.insight.pairs.pair import Tier
from simd.serving.search.batch import Batch, BatchQuery
from simd.serving.search.matcher import Match, SearchResult
from simd.serving.search.queries import Query
from simd.serving.search.subjects import ImageBytes, Part, StoredImage
from simd.serving.search.verifier import Verifier
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.types import image_id_of
from simd.v1 import (
    insight_service_pb2,
    insight_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
)
from simd.verify.verdict import Verdict
from tests.serving.doubles import Bench, prepared, serving
from tests.serving.shared import FACTS, Shared

RED, REDDISH, GREEN, BLUE = (
    b"picture 200 10 10", b"picture 190 30 30", b"picture 10 200 10", b"picture 10 10 200",
)  # fmt: skip
_MIB = 1 << 20


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


@pytest.fixture
def shared(bench: Bench) -> Shared:
    return Shared(bench)


def places(found: SearchResult) -> list[tuple[str, str]]:
    return [(match.host, os.path.basename(match.paths[0]).decode()) for match in found.matches]


def test_matches_are_of_all_hosts_and_say_of_which(shared: Shared) -> None:
    shared.put("red.jpg", RED)
    shared.publish("b", REDDISH, b"/pictures/reddish.png", b"/pictures/z.png")
    shared.publish("c", GREEN)
    found = shared.search(RED)
    assert (found.host, found.fallback, found.searched) == ("own", "", 3)
    assert places(found) == [("own", "red.jpg"), ("b", "reddish.png"), ("c", "c")]
    theirs = found.matches[1]
    assert theirs.facts == FACTS and theirs.path_count == 2
    assert found.matches[0].facts != FACTS, "of its own images the catalogue tells"


def test_what_the_catalogue_says_of_own_images_counts_and_not_what_was_published(shared: Shared) -> None:
    shared.put("red.jpg", RED)
    shared.bench.put("copy.jpg", RED)
    shared.put("gone.jpg", REDDISH)
    shared.bench.lose("gone.jpg")
    [match] = shared.search(RED).matches
    assert [os.path.basename(path) for path in match.paths] == [b"copy.jpg", b"red.jpg"]
    assert match.path_count == 2


def test_an_answer_is_not_short_because_own_images_are_gone(shared: Shared) -> None:
    names = [f"{number}.jpg" for number in range(8)]
    for number, name in enumerate(names):
        shared.put(name, b"picture 200 10 1%d" % number)
    shared.bench.lose(*names)
    shared.publish("b", GREEN)
    assert places(shared.search(RED, limit=1)) == [("b", "b")]


def test_a_prefix_is_of_the_paths_of_all_hosts_and_files_below_it_come_first(shared: Shared) -> None:
    below = os.fsencode(shared.bench.root / "x")
    shared.put("x/red.jpg", RED)
    shared.put("y/red.jpg", b"picture 199 10 10")
    shared.publish("b", REDDISH, b"/a", below + b"/theirs.png")
    shared.publish("c", GREEN, b"/elsewhere/green.png")
    found = shared.search(RED, path_prefix=below + b"//")
    assert places(found) == [("own", "red.jpg"), ("b", "theirs.png")]
    assert found.matches[1].paths == (below + b"/theirs.png", b"/a")


def test_an_own_image_that_was_moved_away_is_below_the_prefix_no_more(shared: Shared) -> None:
    shared.put("x/red.jpg", RED)
    shared.bench.put("y/red.jpg", RED)
    shared.bench.lose("x/red.jpg")
    assert places(shared.search(RED)) == [("own", "red.jpg")]
    assert places(shared.search(RED, path_prefix=os.fsencode(shared.bench.root / "x"))) == []


def test_an_image_that_several_hosts_have_is_a_match_for_each_and_exact_everywhere(shared: Shared) -> None:
    image_id = shared.put("red.jpg", RED)
    shared.publish("b", RED)
    found = shared.search(RED)
    assert {match.hit.image_id for match in found.matches} == {image_id}
    assert [match.host for match in found.matches] == ["b", "own"]
    assert [match.tier for match in found.matches] == [Tier.EXACT, Tier.EXACT]


def test_copies_told_once_count_those_of_other_hosts(shared: Shared) -> None:
    red, reddish = shared.put("red.jpg", RED), shared.put("reddish.jpg", REDDISH)
    for host in ("b", "c"):
        shared.publish(host, RED)
    shared.publish("b", REDDISH)
    shared.publish("b", GREEN)
    shared.bench.pairs.add(red, reddish)
    found = shared.search(RED, group=True)
    assert [(match.hit.image_id, match.copies) for match in found.matches] == [(red, 4), (image_id_of(GREEN), 0)]


def test_a_search_by_an_image_of_another_host_needs_no_file(shared: Shared) -> None:
    shared.put("red.jpg", RED)
    theirs = shared.publish("b", REDDISH)
    found = shared.search(theirs)
    assert places(found) == [("b", "b"), ("own", "red.jpg")]
    assert (found.matches[0].hit.distance, found.matches[0].tier) == (0, Tier.EXACT)
    assert shared.bench.decoder.decoded == 0
    with pytest.raises(NotFound, match="is indexed"):
        shared.search(image_id_of(b"nobody's"))


def test_images_of_several_hosts_can_be_compared(shared: Shared) -> None:
    own, theirs = StoredImage(shared.put("red.jpg", RED)), StoredImage(shared.publish("b", REDDISH))
    queries = shared.bench.queries()
    compared = queries.compare(own, theirs)
    assert not compared.same and 0 < compared.distance < 0.2
    shared.collection.down = "it is away"
    assert queries.compare(own, own).same, "for own images nobody else is asked"
    with pytest.raises(ReplicaUnavailable, match="it is away"):
        queries.compare(own, theirs)


def test_a_part_of_an_image_of_another_host_is_refused_and_says_where_it_is(shared: Shared) -> None:
    theirs = shared.publish("b", REDDISH)
    with pytest.raises(ImageElsewhere, match=r"is on b, .* send the picture's bytes"):
        shared.search(theirs, region=Part(0, 0, 0.5, 0.5))
    with pytest.raises(NotFound):
        shared.search(image_id_of(b"nobody's"), region=Part(0, 0, 0.5, 0.5))


def test_while_the_replica_is_down_the_own_index_answers_and_says_so_where_that_is_set(bench: Bench) -> None:
    shared = Shared(bench, proves=False, falls_back=True)
    shared.put("red.jpg", RED)
    theirs = shared.publish("b", REDDISH)
    shared.collection.down = "the engine does not answer"
    # What must be exact is searched as well, once it is known which one answers: the own index proves.
    for exact in (False, True):
        found = shared.search(RED, exact=exact)
        assert (found.fallback, found.host) == ("the engine does not answer", "")
        assert places(found) == [("", "red.jpg")] and found.exact
    with pytest.raises(ReplicaUnavailable, match="does not answer"):
        shared.search(theirs)


def batch(shared: Shared, *queries: Query) -> dict[int, SearchResult | BaseException]:
    asked = [BatchQuery(tag, query) for tag, query in enumerate(queries)]
    answers = Batch(shared.bench.queries(), FairSemaphore(_MIB)).answers(iter(asked))
    return {answer.tag: answer.outcome for answer in answers}


def test_in_a_batch_exact_is_refused_alone(bench: Bench) -> None:
    shared = Shared(bench, proves=False)
    shared.put("red.jpg", RED)
    outcomes = batch(shared, *(Query(ImageBytes(RED), exact=tag % 2 == 1) for tag in range(6)))
    assert len(outcomes) == 6
    for tag, outcome in outcomes.items():
        assert isinstance(outcome, InvalidRequest if tag % 2 else SearchResult)


def test_in_a_batch_the_failure_of_the_replica_is_the_answer_to_each_that_could_be_asked(shared: Shared) -> None:
    shared.put("red.jpg", RED)
    shared.collection.down = "it is away"
    outcomes = batch(shared, *[Query(ImageBytes(RED))] * 3)
    assert [type(outcome) for outcome in outcomes.values()] == [ReplicaUnavailable] * 3


def test_a_verdict_is_on_images_that_are_here_alone_and_others_are_ranked_as_if_undecided(
    shared: Shared, tmp_path: Path
) -> None:
    red = shared.put("red.jpg", RED)
    theirs = shared.publish("b", RED)
    reddish = shared.publish("b", REDDISH)
    judged = []

    def judge(query: bytes, other: bytes) -> Verdict:
        judged.append(other)
        return Verdict(True, 0.8, 9, False, 0, None)

    with closing(DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-1")) as store:
        store.put({red: RED})
        bench = shared.bench
        verifier = Verifier(
            how="search", store=store, catalogue=bench.catalogue, decoder=bench.decoder, files=bench.files,
            budget_s=20.0, judge=judge,
        )  # fmt: skip
        found = bench.queries(verifier=verifier).search(Query(ImageBytes(b"picture 190 30 31")))
    assert red == theirs and judged == [RED], "an image that several hosts have is compared once"
    assert [(match.host, match.hit.image_id, match.verdict is None) for match in found.matches] == [
        ("b", red, False), ("own", red, False), ("b", reddish, True),
    ]  # fmt: skip


@pytest.fixture
def served() -> Iterator[Shared]:
    with serving(ready=False) as bench:
        shared = Shared(bench, proves=False)
        shared.put("red.jpg", RED)
        shared.publish("b", REDDISH, b"/pictures/reddish.png")
        bench.server.open(bench.services)
        yield shared


def ask(shared: Shared, **request: object) -> search_service_pb2.SearchResponse:
    with grpc.insecure_channel(shared.bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        answer: search_service_pb2.SearchResponse = stub.Search(
            search_service_pb2.SearchRequest(**request),  # type: ignore[arg-type]
            timeout=10,
        )
        return answer


def test_over_the_wire_a_match_has_its_host_and_the_answer_has_the_daemons(served: Shared) -> None:
    found = ask(served, image=RED)
    assert (found.host, found.fallback) == ("own", "")
    assert [(match.host, match.path) for match in found.matches] == [
        ("own", f"{served.bench.root}/red.jpg"),
        ("b", "/pictures/reddish.png"),
    ]
    assert (found.matches[1].width, found.matches[1].height, found.matches[1].path_count) == (1600, 1200, 1)


def test_over_the_wire_a_replica_that_is_down_is_unavailable_and_says_when_to_try_again(served: Shared) -> None:
    served.collection.down = "the engine does not answer"
    with pytest.raises(grpc.RpcError) as caught:
        ask(served, image=RED)
    status = rpc_status.from_call(caught.value)
    retry = error_details_pb2.RetryInfo()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "the engine does not answer" in str(caught.value.details())
    assert any(detail.Unpack(retry) for detail in status.details) and retry.retry_delay.seconds == 5


def test_over_the_wire_exact_that_cannot_be_proved_is_refused_by_its_field(served: Shared) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(served, image=RED, exact=True)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    details = rpc_status.from_call(caught.value).details
    assert any(detail.Unpack(bad) for detail in details) and bad.field_violations[0].field == "exact"


def test_copies_and_suggestions_say_of_which_host_they_are(served: Shared) -> None:
    with grpc.insecure_channel(served.bench.listen) as channel:
        stub = insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]
        page = stub.ListDuplicateGroups(insight_service_pb2.ListDuplicateGroupsRequest(), timeout=10)
        *_, last = stub.Suggest(insight_service_pb2.SuggestRequest(), timeout=10)
    assert (page.host, last.summary.host) == ("own", "own")


def test_a_match_tells_how_many_paths_it_has_beyond_those_that_it_names(shared: Shared) -> None:
    shared.put("red.jpg", RED)
    [match] = shared.search(RED).matches
    assert Match(match.hit, match.paths, match.facts, more_paths=7).path_count == 8
