"""Pairs are kept by the ids of both, and whatever happens to the file costs no more than finding them again."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.catalogue.feed import Position
from simd.errors import StoreError, StoreVersion
from simd.insight.pairs.pair import TIERS, Pair, Pairs, Tier
from simd.insight.pairs.store import SCHEMA, PairStore
from simd.sqlite.repair import check_file
from simd.types import ImageId, image_id_of
from tests.catalogue.test_damaged import damage
from tests.derived.test_store import change

A, B, C, D = sorted(image_id_of(name) for name in (b"a", b"b", b"c", b"d"))
HERE = Position(b"one life", 7)
NEAR = Pair(A, B, Tier.NEAR, 0.75, 0.5, True, 270)
ALIKE = Pair(B, C, Tier.SIMILAR, 0.5)
OTHER = Pair(A, C, Tier.DIFFERENT, 0.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pairs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[PairStore]:
    store = PairStore(path)
    store.begin("rules")
    yield store
    store.close()


def unpacked(pairs: Pairs) -> set[Pair]:
    ids = [ImageId(row.tobytes()) for row in pairs.ids]
    columns = (pairs.first, pairs.second, pairs.tier, pairs.similarity, pairs.share, pairs.mirrored, pairs.turned)
    return {
        Pair(ids[first], ids[second], TIERS[tier], similarity, share, mirrored, turned)
        for first, second, tier, similarity, share, mirrored, turned in zip(*(c.tolist() for c in columns), strict=True)
    }


def position(store: PairStore) -> Position | None:
    return store.followed


def test_what_was_put_is_there_after_a_restart(store: PairStore, path: Path) -> None:
    store.put([NEAR, ALIKE, OTHER], {A: "", B: "", D: "flat"})
    store.close()
    with closing(PairStore(path)) as again:
        again.begin("rules")
        assert unpacked(again.pairs()) == {NEAR, ALIKE}, "those that are different are nobody's copies"
        assert set(again.of(A)) == {NEAR, OTHER} and set(again.of(B)) == {NEAR, ALIKE} and again.of(D) == []
        assert again.left_out() == {"flat": 1}
        assert again.not_looked_at([D, C, B]) == [C] and again.counts() == (3, 0)


def test_a_later_judgement_counts(store: PairStore) -> None:
    store.put([OTHER], {A: "no_features"})
    better = Pair(A, C, Tier.PIXELS, 1.0, 1.0)
    store.put([better], {A: ""})
    assert store.of(A) == [better] and store.left_out() == {}


def test_every_change_of_the_pairs_is_a_revision(store: PairStore) -> None:
    seen = [store.revision]
    store.put([NEAR])
    seen.append(store.revision)
    store.drop([A])
    seen.append(store.revision)
    store.put([ALIKE])
    seen.append(store.revision)
    store.begin("")
    seen.append(store.revision)
    assert len(set(seen)) == 5
    store.put([], {D: ""})
    store.follow(HERE, [D])
    store.begin("")
    assert store.revision == seen[-1], "nothing has changed of the pairs"


def test_other_rules_find_nothing_and_look_through_everything(store: PairStore, path: Path) -> None:
    store.put([NEAR], {A: "", B: "flat"})
    store.follow(HERE)
    store.begin("rules")
    assert position(store) == HERE and store.of(A) == [NEAR]
    store.begin("others")
    assert store.followed is None and store.of(A) == [] and store.left_out() == {} and store.not_looked_at([A]) == [A]
    assert len(store.pairs().ids) == len(store.pairs().tier) == 0


def test_the_position_is_kept_with_what_is_dropped(store: PairStore, path: Path) -> None:
    store.put([NEAR, ALIKE], {A: "", B: "", C: ""})
    store.follow(HERE, [A])
    store.close()
    with closing(PairStore(path)) as again:
        again.begin("rules")
        assert position(again) == HERE and unpacked(again.pairs()) == {ALIKE} and again.not_looked_at([A, B]) == [A]


def test_images_are_looked_at_later_or_again_when_they_are_back(store: PairStore) -> None:
    store.put([NEAR], {A: "", B: ""}, [C, D])
    assert store.counts() == (2, 2) and list(store.image_ids(later=True)) == [[C, D]]
    assert store.not_looked_at([A, B, C, D]) == [C, D]
    store.put([], {C: "tiny"})
    store.follow(HERE, away=[B, D])
    assert store.counts() == (2, 0) and store.not_looked_at([A, B, C, D]) == [B, D]
    assert store.of(B) == [NEAR] and [one for page in store.image_ids() for one in page] == [A, B, C, D]


def test_digests_are_kept_with_their_image(store: PairStore) -> None:
    store.put_digests({A: b"digest", B: b""})
    store.put_digests({A: b"another"})
    assert store.digests([A, B, C]) == {A: b"another", B: b""}
    store.drop([A])
    assert store.digests([A, B]) == {B: b""}


@pytest.mark.parametrize("what", ["data = x'00'", "first = x'01'", "second = first", "data = zeroblob(16)"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_pair_is_dropped_and_said_and_the_others_stay(
    store: PairStore, path: Path, caplog: pytest.LogCaptureFixture, what: str, packed: bool
) -> None:
    store.put([NEAR, ALIKE], {A: "", B: ""})
    store.follow(HERE)
    change(path, f"UPDATE pairs SET {what} WHERE first = x'{A.hex()}'")
    with caplog.at_level(logging.WARNING):
        found = unpacked(store.pairs()) if packed else set(store.of_any([A, B]))
    assert found == {ALIKE}
    if packed or "first" not in what.split(" = ")[0]:
        assert "1 pairs are damaged" in caplog.text
        assert list(store.image_ids(later=True)) == [[A, B]], "what is missing now is to be found"


@pytest.mark.parametrize("opened", [False, True])
def test_a_damaged_file_is_made_anew(path: Path, opened: bool, caplog: pytest.LogCaptureFixture) -> None:
    many = [image_id_of(b"%d" % number) for number in range(2000)]
    with closing(PairStore(path)) as store:
        store.begin("rules")
        store.put([Pair(min(two), max(two), Tier.NEAR, 0.9) for two in itertools.pairwise(many)])
        store.follow(HERE)
    if opened:
        damage(path)
    else:
        path.write_bytes(b"SQLite format 4")
    store = PairStore(path)
    before = store.revision
    if opened:
        with pytest.raises(StoreError):
            store.pairs()
        assert store.damaged
        store.mend()
        assert store.revision != before
    assert not store.damaged and store.followed is None and store.of(many[0]) == []
    assert "found again" in caplog.text
    store.begin("rules")
    store.put([NEAR])
    store.close()
    check_file(path, SCHEMA)


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE theirs (a)")
    with pytest.raises(StoreVersion):
        PairStore(path)


def test_more_images_than_one_statement_takes_are_asked_for_at_once(store: PairStore) -> None:
    many = sorted(image_id_of(b"%d" % number) for number in range(1200))
    pairs = {Pair(first, second, Tier.NEAR, 0.5) for first, second in itertools.pairwise(many)}
    store.put(pairs, dict.fromkeys(many, ""))
    assert set(store.of_any(many)) == pairs == unpacked(store.pairs())
    assert store.not_looked_at([A, *many]) == [A]
    pages = list(store.image_ids())
    assert [image_id for page in pages for image_id in page] == many and len(pages) == 3


IDS = sorted(image_id_of(b"%d" % number) for number in range(6))
BOTH = st.lists(st.sampled_from(IDS), min_size=2, max_size=2, unique=True).map(sorted)
PAIR = st.builds(
    lambda both, *said: Pair(both[0], both[1], *said),
    BOTH,
    st.sampled_from(TIERS[1:]),
    st.floats(-1, 1, width=32),
    st.floats(0, 1, width=32),
    st.booleans(),
    st.sampled_from([0, 90, 180, 270]),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(PAIR, max_size=5) | st.sampled_from(IDS), max_size=8))
def test_it_is_a_dictionary_by_both_ids(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Pair] | bytes]
) -> None:
    known: dict[tuple[ImageId, ImageId], Pair] = {}
    with closing(PairStore(tmp_path_factory.mktemp("pairs") / "pairs.sqlite")) as store:
        for step in steps:
            if isinstance(step, bytes):
                store.drop([ImageId(step)])
                known = {both: pair for both, pair in known.items() if step not in both}
            else:
                store.put(step)
                known |= {(pair.first, pair.second): pair for pair in step}
        assert unpacked(store.pairs()) == {pair for pair in known.values() if pair.tier != Tier.DIFFERENT}
        for image_id in IDS:
            assert set(store.of(image_id)) == {pair for both, pair in known.items() if image_id in both}
        assert np.array_equal(store.pairs().first < store.pairs().second, np.ones(len(store.pairs().tier), np.bool_))
