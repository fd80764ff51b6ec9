"""A replica on a Milvus server: what goes wrong there, and kinds of indexes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from simd.errors import InvalidRequest, ReplicaRefused, ReplicaUnavailable
from simd.index.engine.address import parse_replica
from simd.index.milvus import MilvusReplica, Timeouts
from tests.contract.subjects import HOST, entity
from tests.milvus.server import MilvusServer
from tests.stores import DIMENSION, FINGERPRINT, image_id, unit

pytestmark = [pytest.mark.milvus, pytest.mark.timeout(240)]

AGAIN_S = 120.0
PATIENT = Timeouts(ask_s=30.0)


def replica(
    url: str, *, dimension: int = DIMENSION, model: str = FINGERPRINT.hex(), kind: str = "flat"
) -> MilvusReplica:
    address = parse_replica(url)
    return MilvusReplica(
        address.uri,
        address.collection,
        dimension=dimension,
        fingerprint=model,
        kind=kind,
        timeouts=PATIENT,
        fresh_s=0.0,
    )


def until_answered(ask: Callable[[], object]) -> object:
    deadline = time.monotonic() + AGAIN_S
    while time.monotonic() < deadline:
        try:
            return ask()
        except ReplicaUnavailable:
            time.sleep(0.1)
    return ask()


def test_a_server_that_was_killed_is_found_again_with_all_that_it_acknowledged(own_milvus: MilvusServer) -> None:
    url = own_milvus.fresh()
    with closing(replica(url)) as before, closing(replica(url)) as made_meanwhile:
        life = before.open()
        before.claim(HOST, "one")
        before.put([entity(n) for n in range(300)])
        before.delete(HOST, [image_id(0)])
        own_milvus.kill()
        for one in (before, made_meanwhile):
            with pytest.raises(ReplicaUnavailable, match="does not answer"):
                one.count()
        own_milvus.start()
        for one in (before, made_meanwhile):
            assert until_answered(one.open) == life
            assert until_answered(one.count) == 299
        (answer,) = before.search(unit(1)[None], 1)
        assert answer.hits[0].image_id == image_id(1)
        with pytest.raises(ReplicaRefused):
            before.claim(HOST, "other")


def test_a_connection_that_was_cut_is_made_anew(milvus: MilvusServer) -> None:
    with closing(replica(milvus.fresh())) as one:
        one.open()
        one.put([entity(1)])
        milvus.cut()
        with pytest.raises(ReplicaUnavailable):
            one.put([entity(2)])
        milvus.heal()
        until_answered(lambda: one.put([entity(2)]))
        assert one.count() == 2


def test_models_dimensions_and_strangers_are_not_mixed(milvus: MilvusServer) -> None:
    url = milvus.fresh()
    with closing(replica(url)) as owner:
        owner.open()
        for other, told in (
            (replica(url, model="ab" * 32), "vectors of the model .* those of abababababab"),
            (replica(url, dimension=16), "vectors of the dimension .* those of 16"),
        ):
            with closing(other):
                for ask in (other.open, other.count, partial(other.delete, HOST, [image_id(1)])):
                    with pytest.raises(ReplicaRefused, match=told):
                        ask()
        assert owner.count() == 0


def test_an_approximate_index_proves_nothing_and_says_so_whatever_is_set(milvus: MilvusServer) -> None:
    url = milvus.fresh()
    with closing(replica(url, kind="hnsw")) as maker, closing(replica(url, kind="flat")) as other:
        assert (maker.proves, other.proves) == (False, True)
        maker.open()
        other.open()
        assert (maker.proves, other.proves) == (False, False)
        maker.put([entity(n) for n in range(200)])
        assert maker.count() == 200
        (answer,) = other.search(unit(1)[None], 5)
        assert answer.hits[0].image_id == image_id(1) and not answer.exact
        for ask in (
            partial(other.search, unit(1)[None], 5, exact=True),
            partial(other.within, unit(1)[None], 1.0, limit=5),
        ):
            with pytest.raises(InvalidRequest, match='replica_index = "flat"') as caught:
                ask()
            assert caught.value.field == "exact"
        with pytest.raises(InvalidRequest, match="at most 16,384"):
            other.search(unit(1)[None], 16_385)
