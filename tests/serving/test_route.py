"""Where searches are put, and what becomes of them while the replica fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simd.errors import InvalidRequest, ReplicaRefused, ReplicaUnavailable
from simd.index.replica import Replica
from simd.serving.search.breaker import Breaker
from simd.serving.search.route import Route, Target
from simd.serving.search.served import Served
from tests.replicas import Collection, MemoryReplica
from tests.serving.doubles import DIMENSION, Bench, prepared

REST_S = 3.0


class Clock:
    """Stands still but for a test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Engine:
    """What is asked of a replica, and how often."""

    def __init__(self) -> None:
        self.error: ReplicaUnavailable | ReplicaRefused | None = None
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "answer"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


def route_to(replica: Replica | None, *, falls_back: bool = False, clock: Clock | None = None) -> Route:
    return Route(lambda _: replica, host="a", falls_back=falls_back, rest_s=REST_S, clock=clock or Clock())


def search(route: Route, served: Served, *, exact: bool = False) -> Target:
    """The target that a search is answered by; the replica is asked something."""

    def ask(target: Target) -> Target:
        if target.replica is not None:
            target.replica.count()
        return target

    return route.ask(route.choose(served, exact=exact), ask)


def test_without_a_replica_the_own_index_is_searched(bench: Bench) -> None:
    served = bench.served()
    target = search(Route(), served, exact=True)
    assert target == Target(served) and target.searcher is bench.index
    assert Route().vector(served, bench.put("red.jpg", b"picture 200 10 10")) is None


def test_the_replica_is_searched_where_that_is_set(bench: Bench) -> None:
    replica = MemoryReplica(Collection(DIMENSION))
    target = search(route_to(replica), bench.served(), exact=True)
    assert target.searcher is replica and target.fallback == ""


@pytest.mark.parametrize("trouble", ["down", "refused"])
def test_a_replica_that_fails_is_an_error_or_the_own_index_takes_its_place(bench: Bench, trouble: str) -> None:
    collection = Collection(DIMENSION)
    setattr(collection, trouble, "it is no good")
    replica, served = MemoryReplica(collection), bench.served()
    with pytest.raises((ReplicaUnavailable, ReplicaRefused), match="it is no good"):
        search(route_to(replica), served)
    assert search(route_to(replica, falls_back=True), served) == Target(served, fallback="it is no good")


def test_a_model_without_a_replica_is_one_that_cannot_be_reached(bench: Bench) -> None:
    with pytest.raises(ReplicaUnavailable, match="no replica of the model tiny"):
        search(route_to(None), bench.served())
    assert "no replica of the model tiny" in search(route_to(None, falls_back=True), bench.served()).fallback


def test_exact_is_refused_where_nothing_is_proved_and_answered_by_the_own_index_meanwhile(bench: Bench) -> None:
    collection, served = Collection(DIMENSION), bench.served()
    route = route_to(MemoryReplica(collection, proves=False), falls_back=True)
    with pytest.raises(InvalidRequest, match='replica_index = "flat"') as caught:
        route.choose(served, exact=True)
    assert caught.value.field == "exact"
    collection.down = "it is away"
    assert search(route, served).fallback == "it is away"
    collection.down = ""
    assert search(route, served, exact=True) == Target(served, fallback="it is away")


def test_a_search_that_began_before_the_failure_does_not_wait_for_another_one(bench: Bench) -> None:
    collection, served = Collection(DIMENSION), bench.served()
    route = route_to(MemoryReplica(collection), falls_back=True)
    begun = route.choose(served, exact=False)
    collection.down = "it is away"
    search(route, served)
    collection.down = "it is asked again"
    assert route.ask(begun, lambda target: target).fallback == "it is away"


def test_the_vector_of_an_image_is_asked_of_the_replica_and_nothing_takes_its_place(bench: Bench) -> None:
    collection, served = Collection(DIMENSION), bench.served()
    image_id = bench.put("red.jpg", b"picture 200 10 10")
    route = route_to(MemoryReplica(collection), falls_back=True)
    assert route.vector(served, image_id) is None and route.hosts_of(served, image_id) == ()
    collection.down = "it is away"
    with pytest.raises(ReplicaUnavailable, match="it is away"):
        route.vector(served, image_id)


@pytest.mark.parametrize("error", [ReplicaUnavailable("it is away"), ReplicaRefused("it is another model's")])
def test_what_failed_is_not_asked_again_for_a_while(error: ReplicaUnavailable | ReplicaRefused) -> None:
    clock, engine = Clock(), Engine()
    breaker = Breaker(REST_S, clock)
    engine.error = error
    for _ in range(5):
        with pytest.raises(type(error), match=str(error)):
            breaker.call(engine)
    assert engine.asked == 1
    clock.now += REST_S
    engine.error = None
    assert breaker.call(engine) == "answer" and breaker.call(engine) == "answer"


def test_one_call_tries_while_the_others_go_on_as_before() -> None:
    clock, engine = Clock(), Engine()
    breaker = Breaker(REST_S, clock)
    engine.error = ReplicaUnavailable("it is away")
    with pytest.raises(ReplicaUnavailable):
        breaker.call(engine)
    clock.now += REST_S
    breaker.check()

    def trying() -> str:
        with pytest.raises(ReplicaUnavailable, match="it is away"):
            breaker.call(engine)
        with pytest.raises(ReplicaUnavailable, match="it is away"):
            breaker.check()
        return "it is back"

    assert breaker.call(trying) == "it is back"
    breaker.check()
    assert engine.asked == 1


def test_whoever_waits_as_long_as_the_error_says_finds_it_tried_anew() -> None:
    clock, engine = Clock(), Engine()
    breaker = Breaker(clock=clock)
    engine.error = ReplicaUnavailable("it is away")
    with pytest.raises(ReplicaUnavailable) as caught:
        breaker.call(engine)
    assert caught.value.retry_after_s is not None
    clock.now += caught.value.retry_after_s
    breaker.check()
