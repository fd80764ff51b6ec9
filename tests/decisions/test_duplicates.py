"""What people said of copies is kept by content, as said last, and outlives a restart and a repair."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simd.decisions.decisions import Decisions
from simd.decisions.duplicates import Decision, Duplicates, Kind
from simd.decisions.schema import SCHEMA
from simd.errors import InvalidRequest
from simd.sqlite.repair import repair_file
from simd.types import ImageId, image_id_of

A, B, C, D = sorted(image_id_of(name) for name in (b"a", b"b", b"c", b"d"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.fixture
def decisions(path: Path) -> Iterator[Decisions]:
    decisions = Decisions(path, lambda: 1.5)
    yield decisions
    decisions.close()


def said(duplicates: Duplicates) -> list[tuple[Kind, tuple[ImageId, ...]]]:
    found = duplicates.all()
    assert duplicates.page(0, 1000) == found
    return [(one.kind, one.images) for one in found]


def test_decisions_are_kept_in_their_order_and_outlive_a_restart(decisions: Decisions, path: Path) -> None:
    made = [
        Decision.of(Kind.NOT_DUPLICATES, [B, A, B]),
        Decision.of(Kind.KEEP, [C]),
        Decision.of(Kind.KEEP_ALL, [A, D]),
    ]
    assert decisions.duplicates.decide(made) == 3
    decisions.close()
    again = Decisions(path)
    assert said(again.duplicates) == [(Kind.NOT_DUPLICATES, (A, B)), (Kind.KEEP, (C,)), (Kind.KEEP_ALL, (A, D))]
    assert [one.at_ms for one in again.duplicates.all()] == [1500] * 3
    again.close()


def test_pages_go_on_after_a_decision(decisions: Decisions) -> None:
    decisions.duplicates.decide([Decision.of(Kind.KEEP, [image]) for image in (A, B, C)])
    [first, second] = decisions.duplicates.page(0, 2)
    [third] = decisions.duplicates.page(second.decision_id, 2)
    assert [first.images, second.images, third.images] == [(A,), (B,), (C,)]


def test_what_was_said_already_changes_nothing(decisions: Decisions) -> None:
    duplicates = decisions.duplicates
    assert duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B, C])]) == 1
    assert duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, C])]) == 0
    assert duplicates.decide([Decision.of(Kind.KEEP_ALL, [A, C])]) == 1, "another kind"
    assert duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B, C, D])]) == 1, "more than was said"


def test_of_keepers_the_one_that_was_named_last_comes_last(decisions: Decisions) -> None:
    duplicates = decisions.duplicates
    for image, changed in ((A, 1), (B, 1), (A, 0)):
        assert duplicates.decide([Decision.of(Kind.KEEP, [image])]) == changed
    assert said(duplicates) == [(Kind.KEEP, (B,)), (Kind.KEEP, (A,))]


def test_what_was_said_is_taken_back_by_any_of_its_images(decisions: Decisions) -> None:
    duplicates = decisions.duplicates
    duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B]), Decision.of(Kind.KEEP, [C])])
    revision = duplicates.revision
    assert duplicates.decide([Decision.of(Kind.FORGET, [B, D])]) == 1
    assert duplicates.revision != revision
    assert said(duplicates) == [(Kind.KEEP, (C,))]
    assert duplicates.decide([Decision.of(Kind.FORGET, [B])]) == 0


@pytest.mark.parametrize(("kind", "images"), [(Kind.KEEP, []), (Kind.NOT_DUPLICATES, [A, A]), (Kind.FORGET, [])])
def test_a_decision_on_too_few_images_is_refused(kind: Kind, images: list[ImageId]) -> None:
    with pytest.raises(InvalidRequest, match=kind.value):
        Decision.of(kind, images)


def test_a_repair_keeps_what_can_be_read(decisions: Decisions, path: Path) -> None:
    made = [Decision.of(Kind.NOT_DUPLICATES, [A, B]), Decision.of(Kind.KEEP, [C]), Decision.of(Kind.KEEP_ALL, [A, D])]
    decisions.duplicates.decide(made)
    decisions.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        # What damage may take: a decision without its images, images without their decision, one image of two.
        connection.execute("DELETE FROM said WHERE kind = 'keep_all'")
        connection.execute("DELETE FROM said_of WHERE image_id IN (?, ?)", (B, C))
    repair_file(path, SCHEMA)
    again = Decisions(path)
    assert again.duplicates.page(0, 10) == again.duplicates.all() == []
    assert again.duplicates.decide([Decision.of(Kind.KEEP, [D])]) == 1
    assert said(again.duplicates) == [(Kind.KEEP, (D,))]
    again.close()


@st.composite
def stories(draw: st.DrawFn) -> list[Decision]:
    """Some decisions, one after the other."""
    images = st.lists(st.sampled_from([A, B, C, D]), min_size=2, max_size=4, unique=True)
    return draw(st.lists(st.builds(Decision.of, st.sampled_from(Kind), images), max_size=12))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories())
def test_decisions_are_what_a_list_of_them_would_be(decisions: Decisions, story: list[Decision]) -> None:
    duplicates = decisions.duplicates
    duplicates.decide([Decision.of(Kind.FORGET, [A, B, C, D])])
    model: list[tuple[Kind, tuple[ImageId, ...]]] = []
    for decision in story:
        one, images = (decision.kind, decision.images), set(decision.images)
        changed = duplicates.decide([decision])
        if decision.kind is Kind.FORGET:
            left = [(kind, members) for kind, members in model if images.isdisjoint(members)]
            assert changed == (left != model)
            model = left
        elif any(kind is decision.kind and images <= set(members) for kind, members in model):
            assert changed == 0
            covering = [m for m in model if m[0] is decision.kind and images <= set(m[1])]
            if decision.kind is Kind.KEEP and covering[-1] == one:
                model.remove(one)
                model.append(one)
        else:
            assert changed == 1
            model.append(one)
    assert said(duplicates) == model
