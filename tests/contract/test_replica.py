"""One suite for every replica: what `simd.index.replica` promises beside what it promises of searchers."""

from __future__ import annotations

import numpy as np
import pytest

from simd.errors import ReplicaRefused, ReplicaUnavailable
from simd.index.filter import EVERYTHING, Filter
from simd.index.replica import Entity, Replica, version_of
from simd.types import Origin
from simd.vectors.ids import pack_ids
from tests.contract.shared import Engine, Shared
from tests.contract.subjects import entity
from tests.replicas import origin_of
from tests.stores import image_id, unit

ATTIC, CELLAR = "attic", "cellar"


def found(replica: Replica, prefix: bytes) -> list[Origin | None]:
    """Where everything is that has a file at or below a path, once all that was put has been counted."""
    (answer,) = replica.search(unit(0)[None], 100, among=Filter(prefix=prefix))
    return [hit.origin for hit in answer.hits]


def versions(*entities: Entity) -> dict[bytes, bytes]:
    return {bytes(one.image_id): version_of(one) for one in entities}


def test_a_collection_is_made_once_and_has_one_life(shared: Shared) -> None:
    other = shared.another()
    assert shared.replica.open() == other.open() == shared.replica.open()
    assert shared.replica.knows_paths and shared.replica.proves
    assert shared.replica.address == other.address and "/" in other.address


def test_what_one_host_puts_another_finds_with_where_it_is(shared: Shared) -> None:
    other = shared.another()
    one = entity(3, ATTIC, b"/photos/a.jpg", b"/photos/b/a.jpg")
    shared.replica.put([one])
    (answer,) = other.search(unit(3)[None], 5, exact=True)
    [hit] = answer.hits
    assert (hit.image_id, hit.distance, hit.origin) == (image_id(3), 0.0, origin_of(one))
    assert other.origins(image_id(3)) == [origin_of(one)]
    assert np.array_equal(other.vector(image_id(3)), unit(3))  # type: ignore[arg-type]


def test_facts_that_are_not_known_stay_unknown(shared: Shared) -> None:
    one = Entity(ATTIC, image_id(1), unit(1), b"/photos", (b"/photos/a.jpg",), None)
    shared.replica.put([one])
    (answer,) = shared.replica.search(unit(1)[None], 1, exact=True)
    assert answer.hits[0].origin == Origin(ATTIC, (b"/photos/a.jpg",), 1, None)


def test_an_image_on_two_hosts_is_two_hits_in_the_order_of_the_hosts(shared: Shared) -> None:
    shared.replica.put([entity(1, CELLAR), entity(1, ATTIC), entity(2, ATTIC)])
    (answer,) = shared.replica.search(unit(1)[None], 2, exact=True)
    assert [hit.origin and hit.origin.host for hit in answer.hits] == [ATTIC, CELLAR]
    assert [hit.distance for hit in answer.hits] == [0.0, 0.0]
    assert [origin.host for origin in shared.replica.origins(image_id(1))] == [ATTIC, CELLAR]
    assert shared.replica.count() == 3


def test_what_a_host_does_touches_no_other_host(shared: Shared) -> None:
    shared.replica.put([entity(n, host) for n in range(5) for host in (ATTIC, CELLAR)])
    shared.replica.delete(ATTIC, [image_id(0), image_id(1)])
    shared.replica.put([entity(2, ATTIC, version=1)])
    assert (shared.replica.count(ATTIC), shared.replica.count(CELLAR), shared.replica.count()) == (3, 5, 8)
    shared.replica.clear(ATTIC)
    assert (shared.replica.count(ATTIC), shared.replica.count(CELLAR)) == (0, 5)
    assert dict(shared.replica.versions(CELLAR)) == versions(*(entity(n, CELLAR) for n in range(5)))


def test_doing_something_twice_is_doing_it_once(shared: Shared) -> None:
    same = entity(1, ATTIC)
    shared.replica.put([same, entity(1, ATTIC, version=1), same])
    shared.replica.put([same])
    assert shared.replica.count() == 1
    assert dict(shared.replica.versions(ATTIC)) == versions(same)
    for _ in range(2):
        shared.replica.delete(ATTIC, [image_id(1), image_id(1), image_id(9)])
        assert shared.replica.count() == 0
    shared.replica.put([])
    shared.replica.delete(ATTIC, [])
    shared.replica.clear(ATTIC)
    shared.replica.settle()
    assert list(shared.replica.versions(ATTIC)) == []


def test_versions_are_those_of_every_entity_as_it_was_put_last(shared: Shared) -> None:
    shared.replica.put([entity(n, ATTIC) for n in range(700)] + [entity(1, CELLAR)])
    changed = [entity(n, ATTIC, b"/photos/moved.jpg") for n in range(0, 700, 100)]
    shared.replica.put(changed)
    expected = versions(*(entity(n, ATTIC) for n in range(700))) | versions(*changed)
    listed = list(shared.replica.versions(ATTIC))
    assert len(listed) == 700 and dict(listed) == expected
    assert list(shared.replica.versions("nobody")) == []


def test_what_is_not_there_is_nowhere_and_has_no_vector(shared: Shared) -> None:
    assert shared.replica.vector(image_id(5)) is None
    assert shared.replica.origins(image_id(5)) == []
    assert shared.replica.count("nobody") == 0


ODD = [
    b"/photos/a_b/1.jpg",
    b"/photos/axb/1.jpg",
    b"/photos/100%/1.jpg",
    b"/photos/1000/1.jpg",
    b'/photos/it\'s "quoted" \\ and \\\\/1.jpg',
    b"/photos/new\nline\t/1.jpg",
    "/photos/Überraschung/é.jpg".encode(),
    "/photos/Überraschung/e\u0301.jpg".encode(),
    b"/photos/\xff\xfe latin \xe9/\x80.jpg",
    b"/photos/\xef\xbf\xbd\xef\xbf\xbd latin \xef\xbf\xbd/1.jpg",
    "/photos/🦊/1.jpg".encode(),
    b"/photos/a_b.jpg",
    b"/photosets/1.jpg",
]


def test_a_prefix_is_a_folder_or_a_file_whatever_its_name(shared: Shared) -> None:
    every = [entity(number, ATTIC, path) for number, path in enumerate(ODD)]
    shared.replica.put(every)
    assert shared.replica.count() == len(ODD)
    for one in every:
        [path] = one.paths
        assert found(shared.replica, path) == [origin_of(one)]
        folder = path.rpartition(b"/")[0]
        under = {other.paths for other in every if other.paths[0].startswith(folder + b"/")}
        assert {origin and origin.paths for origin in found(shared.replica, folder)} == under
    assert len(found(shared.replica, b"/photos")) == len(ODD) - 1
    assert len(found(shared.replica, b"/")) == len(ODD)
    assert found(shared.replica, b"/photo") == found(shared.replica, b"/photos/a") == []


def test_an_image_is_under_each_folder_that_one_of_its_files_is_under(shared: Shared) -> None:
    one = entity(1, ATTIC, b"/a/x.jpg", b"/b/c/x.jpg")
    shared.replica.put([one, entity(2, ATTIC, b"/b/y.jpg")])
    assert shared.replica.count() == 2
    assert found(shared.replica, b"/a") == found(shared.replica, b"/b/c") == [origin_of(one)]
    (answer,) = shared.replica.search(unit(1)[None], 5, among=Filter(prefix=b"/b"), exact=True)
    assert (len(answer.hits), answer.searched) == (2, 2)
    (answer,) = shared.replica.within(unit(1)[None], 2.5, among=Filter(prefix=b"/b/c"), limit=5)
    assert (len(answer.hits), answer.searched) == (1, 1)


def test_a_name_belongs_to_whoever_claimed_it_until_it_is_given_up_or_taken_over(shared: Shared) -> None:
    shared.replica.claim(ATTIC, "one")
    shared.replica.claim(ATTIC, "one")
    shared.replica.claim(CELLAR, "other")
    with pytest.raises(ReplicaRefused, match="publishes as attic"):
        shared.another().claim(ATTIC, "other")
    shared.replica.claim(ATTIC, "other", take_over=True)
    with pytest.raises(ReplicaRefused):
        shared.replica.claim(ATTIC, "one")
    shared.replica.clear(ATTIC)
    shared.replica.claim(ATTIC, "one")
    with pytest.raises(ReplicaRefused):
        shared.replica.claim(CELLAR, "one")


def test_who_has_a_name_is_neither_found_nor_counted(shared: Shared) -> None:
    shared.replica.claim(ATTIC, "one")
    shared.replica.put([entity(1, CELLAR)])
    for among in (EVERYTHING, Filter(not_in=pack_ids([image_id(2)])), Filter(prefix=b"/")):
        (answer,) = shared.replica.search(unit(1)[None], 100, among=among, exact=True)
        assert ([hit.image_id for hit in answer.hits], answer.searched, answer.exact) == ([image_id(1)], 1, True)
    assert shared.replica.within(unit(1)[None], float("inf"), limit=9) == [answer]
    assert (shared.replica.count(), shared.replica.count(ATTIC)) == (1, 0)
    assert list(shared.replica.versions(ATTIC)) == []


def test_a_collection_that_was_dropped_is_made_anew_with_another_life(engine: Engine) -> None:
    shared = engine.fresh()
    before = shared.replica.open()
    shared.replica.claim(ATTIC, "one")
    shared.replica.put([entity(1, ATTIC)])
    shared.drop()
    after = shared.replica.open()
    assert after != before
    assert shared.replica.count() == 0 and list(shared.replica.versions(ATTIC)) == []
    shared.replica.claim(ATTIC, "other")
    shared.replica.put([entity(2, ATTIC)])
    (answer,) = shared.replica.search(unit(2)[None], 5, exact=True)
    assert [hit.image_id for hit in answer.hits] == [image_id(2)]


def test_while_there_is_no_collection_an_engine_is_unavailable(engine: Engine) -> None:
    shared = engine.fresh()
    replica = shared.replica
    shared.drop()
    if engine.forgets:
        for ask in (
            replica.count,
            lambda: replica.put([entity(1)]),
            lambda: replica.search(unit(1)[None], 1),
            lambda: list(replica.versions(ATTIC)),
            lambda: replica.claim(ATTIC, "one"),
        ):
            with pytest.raises(ReplicaUnavailable, match="not there"):
                ask()
    replica.open()
    assert replica.count() == 0
