"""Labels are kept by content, and remember of which copy they were said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.decisions.decisions import Decisions
from simd.decisions.labels import Labelling, Labels, file_number, of_file
from simd.decisions.schema import SCHEMA
from simd.sqlite.repair import check_file, repair_file
from simd.types import ImageId, image_id_of

RED, GREEN, BLUE = sorted(image_id_of(name) for name in (b"red", b"green", b"blue"))
NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.fixture
def labels(path: Path) -> Iterator[Labels]:
    decisions = Decisions(path, lambda: NOW)
    yield decisions.labels
    decisions.close()


def said(image_id: ImageId, *labels: str, path: bytes | None = None) -> Labelling:
    return Labelling(image_id, labels, path)


def test_labels_are_of_an_image_and_outlive_a_restart(labels: Labels, path: Path) -> None:
    labels.put([said(RED, "cat", "animal"), said(GREEN, "dog", path=b"/p/dog")])
    again = Decisions(path)
    assert again.labels.of([RED, GREEN, BLUE]) == {RED: ("animal", "cat"), GREEN: ("dog",)}
    assert again.labels.all() == again.labels.of([RED, GREEN])
    assert again.labels.counts() == {"animal": 1, "cat": 1, "dog": 1} and again.labels.count_images() == 2
    again.close()


def test_what_is_said_again_changes_nothing_and_what_is_new_is_counted(labels: Labels) -> None:
    first = labels.put([said(RED, "cat"), said(RED, "animal", path=b"/a")])
    assert (first.added, first.removed) == (2, 0)
    again = labels.put([said(RED, "cat", "tabby", path=b"/b")])
    assert (again.added, again.removed) == (1, 0)


def test_copies_that_were_labelled_differently_are_told_from_an_image_with_several_labels(labels: Labels) -> None:
    labels.put([said(RED, "cat", path=b"/a"), said(RED, "dog", path=b"/b"), said(GREEN, "cat", "dog", path=b"/c")])
    labels.put([said(BLUE, "cat", path=b"/d"), said(BLUE, "cat", path=b"/e")])
    assert labels.disputed() == [RED]
    of_red = labels.said([RED])[RED]
    assert (of_file(of_red, b"/a"), of_file(of_red, b"/b"), of_file(of_red, b"/moved")) == (
        ("cat",), ("dog",), ("cat", "dog")
    )  # fmt: skip


def test_replacing_takes_away_what_else_was_said_of_the_images_of_the_import_and_no_others(labels: Labels) -> None:
    labels.put([said(RED, "cat", path=b"/a"), said(RED, "dog", path=b"/b"), said(GREEN, "old")])
    change = labels.put([said(RED, "fox", path=b"/a"), said(RED, "dog", path=b"/a")], replace=True)
    assert (change.added, change.removed) == (1, 1)
    assert labels.of([RED, GREEN]) == {RED: ("dog", "fox"), GREEN: ("old",)} and labels.disputed() == []


def test_an_import_of_several_requests_replaces_what_was_said_before_it_and_nothing_of_itself(path: Path) -> None:
    times = iter([NOW, NOW + 1, NOW + 0.5])
    decisions = Decisions(path, lambda: next(times))
    labels = decisions.labels
    labels.put([said(RED, "old")])
    first = labels.put([said(RED, "cat", path=b"/a")], replace=True)
    # The clock was set back meanwhile.
    labels.put([said(RED, "dog", path=b"/b")], replace=True, since_ms=first.at_ms)
    assert labels.of([RED]) == {RED: ("cat", "dog")}
    decisions.close()


def test_a_dry_run_tells_what_would_change_and_changes_nothing(labels: Labels) -> None:
    labels.put([said(RED, "cat")])
    before = labels.revision
    change = labels.put([said(RED, "dog"), said(GREEN, "fox")], replace=True, dry_run=True)
    assert (change.added, change.removed) == (2, 1)
    assert labels.all() == {RED: ("cat",)} and labels.revision == before


def test_labels_are_taken_away_of_images_or_of_all_each_or_some(labels: Labels) -> None:
    def fill() -> None:
        labels.put([said(RED, "cat", "animal", path=b"/a"), said(RED, "cat", path=b"/b"), said(GREEN, "cat")])

    fill()
    assert labels.clear([RED, BLUE], ["cat", "unknown"]) == 1
    assert labels.all() == {RED: ("animal",), GREEN: ("cat",)}
    fill()
    assert labels.clear([RED]) == 2 and labels.all() == {GREEN: ("cat",)}
    fill()
    assert labels.clear(None, ["cat"]) == 2 and labels.all() == {RED: ("animal",)}
    assert labels.clear(None) == 1 and labels.all() == {} and labels.clear(None) == 0


def test_every_change_gives_another_revision(labels: Labels) -> None:
    seen = {labels.revision}
    for change in (lambda: labels.put([said(RED, "cat")]), lambda: labels.clear([RED])):
        change()
        assert labels.revision not in seen
        seen.add(labels.revision)


def test_pages_tell_every_image_once(labels: Labels) -> None:
    ids = sorted(image_id_of(b"%d" % number) for number in range(1000))
    labels.put([said(image_id, "a", "b", path=b"/%d" % n) for n, image_id in enumerate(ids)])
    found: list[ImageId] = []
    while page := labels.page(found[-1] if found else b"", 300):
        found += page
    assert found == ids


def test_labels_survive_the_repair_of_a_damaged_file(labels: Labels, path: Path) -> None:
    ids = [image_id_of(b"%d" % number) for number in range(5000)]
    labels.put([said(image_id, "cat") for image_id in ids])
    check_file(path, SCHEMA)
    saved = repair_file(path, SCHEMA)
    assert saved.rows["labels"] == 5000
    again = Decisions(path)
    assert again.labels.all() == dict.fromkeys(ids, ("cat",))
    again.close()


def test_no_file_has_the_number_of_the_content_alone() -> None:
    assert file_number(b"/a") != 0 and file_number(b"/a") == file_number(b"/a") != file_number(b"/b")


IMAGES = st.sampled_from([RED, GREEN, BLUE])
WORDS = st.sampled_from(["cat", "dog", "fox", "übel", "日本"])
SAYINGS = st.lists(
    st.builds(Labelling, IMAGES, st.frozensets(WORDS, min_size=1, max_size=3), st.sampled_from([None, b"/a", b"/b"])),
    max_size=5,
)
STEPS = st.one_of(
    st.tuples(st.just("put"), SAYINGS, st.booleans()),
    st.tuples(st.just("clear"), st.one_of(st.none(), st.lists(IMAGES)), st.lists(WORDS, max_size=2)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=8))
def test_it_is_what_a_dictionary_would_be(steps: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    decisions = Decisions(tmp_path_factory.mktemp("labels") / "decisions.sqlite", lambda: NOW)
    model: dict[ImageId, set[tuple[str, bytes | None]]] = {}
    for kind, first, second in steps:
        before = {(image_id, label) for image_id, lines in model.items() for label, _ in lines}
        if kind == "put":
            if second:
                model.update({one.image_id: set() for one in first})
            for one in first:
                model.setdefault(one.image_id, set()).update((label, one.path) for label in one.labels)
            change = decisions.labels.put(first, replace=second)
            counted = change.added, change.removed
        else:
            for image_id in model if first is None else set(first) & set(model):
                model[image_id] = {line for line in model[image_id] if second and line[0] not in second}
            counted = 0, decisions.labels.clear(first, second)
        after = {(image_id, label) for image_id, lines in model.items() for label, _ in lines}
        assert counted == (len(after - before), len(before - after))
    expected = {image_id: tuple(sorted({label for label, _ in lines})) for image_id, lines in model.items() if lines}
    assert decisions.labels.all() == expected == decisions.labels.of([RED, GREEN, BLUE])
    decisions.close()
