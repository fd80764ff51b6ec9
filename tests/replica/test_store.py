"""What publishing knows after a restart, in one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.catalogue.feed import Position
from simd.errors import CorruptStore
from simd.replica.store import Orders, ReplicaStore
from tests.catalogue.test_damaged import damage
from tests.stores import image_id

POSITION = Position(b"an epoch", 7)
IMAGES = sorted(image_id(number) for number in range(5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replica.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[ReplicaStore]:
    store = ReplicaStore(path, "owner")
    store.begin("rules")
    yield store
    store.close()


def again(store: ReplicaStore, path: Path) -> ReplicaStore:
    store.close()
    return ReplicaStore(path, "another owner")


def test_a_new_file_has_orders_to_publish_and_no_position(store: ReplicaStore) -> None:
    assert store.orders == Orders("owner")
    assert store.position is None and store.count_waiting() == 0
    assert store.since is None and store.audited is None


def test_everything_is_there_after_a_restart(store: ReplicaStore, path: Path) -> None:
    store.began(0, "lake")
    assert store.follow(0, POSITION, IMAGES, IMAGES[:2])
    store.set_since(3.5)
    store.set_audited(4.5)
    store = again(store, path)
    assert store.orders == Orders("owner", "lake")
    assert store.position == POSITION and list(store.waiting()) == [IMAGES[:2]]
    assert (store.since, store.audited) == (3.5, 4.5)
    store.close()


def test_other_rules_begin_anew_and_the_same_ones_go_on(store: ReplicaStore, path: Path) -> None:
    store.follow(0, POSITION, IMAGES, IMAGES)
    store.begin("rules")
    assert store.position == POSITION and store.count_waiting() == 5
    store.begin("other rules")
    store = again(store, path)
    assert store.position is None and store.count_waiting() == 0
    store.close()


def test_those_of_a_page_that_have_a_vector_wait_no_more(store: ReplicaStore) -> None:
    store.follow(0, POSITION, IMAGES[:3], IMAGES[:3])
    store.follow(0, POSITION, IMAGES[1:], IMAGES[4:])
    assert list(store.waiting()) == [[IMAGES[0], IMAGES[4]]]
    store.keep_waiting(IMAGES, [])
    assert list(store.waiting()) == []


@pytest.mark.parametrize("order", ["rebuild", "drop"])
def test_an_order_forgets_the_position_and_outlives_what_is_under_way(store: ReplicaStore, order: str) -> None:
    store.follow(0, POSITION, IMAGES, IMAGES)
    getattr(store, order)()
    assert store.position is None and store.count_waiting() == 0 and store.orders.number == 1
    assert not store.follow(0, POSITION, IMAGES, []), "the page was of the orders before"
    store.began(0, "lake")
    store.cleared(0)
    assert store.position is None and store.orders.host == "" and not store.orders.cleared


def test_orders_are_kept_and_the_last_one_counts(store: ReplicaStore, path: Path) -> None:
    assert store.drop() == Orders("owner", number=1, dropped=True)
    store.cleared(1)
    store = again(store, path)
    assert store.orders == Orders("owner", number=1, dropped=True, cleared=True)
    store.rebuild()
    store = again(store, path)
    assert store.orders == Orders("owner", number=2, anew=True)
    store.begin("rules")
    store.follow(2, POSITION, IMAGES, [])
    store = again(store, path)
    assert store.orders == Orders("owner", number=2), "from the first page on, a crash goes on where it was"
    store.close()


def test_of_a_file_that_is_damaged_while_it_is_open_the_orders_are_kept(store: ReplicaStore, path: Path) -> None:
    store.began(0, "lake")
    store.drop()
    known = store.orders
    store.close()
    store = ReplicaStore(path, "another owner")
    damage(path)
    with pytest.raises(CorruptStore):
        store.keep_waiting(IMAGES, IMAGES)
    assert store.mend() and store.orders == known
    store.keep_waiting(IMAGES, IMAGES)
    store = again(store, path)
    assert store.orders == known and store.count_waiting() == 5 and not store.mend()
    store.close()


def test_of_a_file_that_is_damaged_beyond_reading_the_owner_is_the_one_given(store: ReplicaStore, path: Path) -> None:
    store.drop()
    store.close()
    damage(path)
    store = ReplicaStore(path, "owner")
    assert store.orders == Orders("owner") and store.position is None
    assert path.with_name("replica.sqlite.damaged-1").exists()
    store.close()


def test_orders_that_can_still_be_read_are_saved(store: ReplicaStore, path: Path) -> None:
    store.keep_waiting([], [image_id(number) for number in range(2000)])
    known = dataclasses.replace(store.drop(), host="")
    store.keep_waiting([], [image_id(number) for number in range(2000)])
    store.close()
    data = path.read_bytes()
    # The last page is one of those that wait.
    path.write_bytes(data[:-4096] + b"\xff" * 4096)
    store = ReplicaStore(path, "another owner")
    assert store.orders == known and store.count_waiting() == 0
    store.close()
