"""InsightService over a unix socket: labels, and what they and copies say together."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

from simd.decisions.duplicates import Decision
from simd.decisions.duplicates import Kind as DecisionKind
from simd.insight.pairs.pair import Tier
from simd.types import ImageFacts, ImageId, image_id_of
from simd.v1 import insight_service_pb2 as wire
from simd.v1 import insight_service_pb2_grpc
from tests.serving.doubles import Bench, serving


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def insight(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]


def picture(number: int) -> bytes:
    return b"picture %d %d 1" % (number // 250 + 1, number % 250 + 1)


def put(bench: Bench, *names: str | bytes, start: int = 0) -> list[ImageId]:
    """Different pictures."""
    return bench.put_all(*((name, picture(start + number)) for number, name in enumerate(names)))


def rows(bench: Bench, *said: tuple[str | bytes, str]) -> list[wire.LabelRow]:
    root = os.fsencode(bench.root)
    return [
        wire.LabelRow(path_bytes=os.path.join(root, os.fsencode(name)), labels=label.split()) for name, label in said
    ]


def label(bench: Bench, insight: Any, *said: tuple[str | bytes, str], **options: Any) -> wire.ImportLabelsResponse:
    request = wire.ImportLabelsRequest(rows=rows(bench, *said), **options)
    answer: wire.ImportLabelsResponse = insight.ImportLabels(request, timeout=10)
    return answer


def exported(insight: Any, **request: Any) -> list[wire.LabelRow]:
    found: list[wire.LabelRow] = []
    token = ""
    while True:
        page = insight.ExportLabels(wire.ExportLabelsRequest(page_token=token, **request), timeout=10)
        found += page.rows
        token = page.next_page_token
        if not token:
            return found


def refused(call: Any, request: Any) -> tuple[str, str]:
    """The status and the message of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        list(call(request, timeout=10)) if isinstance(request, wire.SplitRequest) else call(request, timeout=10)
    return caught.value.code().name, caught.value.details() or ""


def test_rows_are_matched_by_path_first_and_by_content_then(bench: Bench, insight: Any) -> None:
    known, elsewhere = put(bench, "known.jpg", "elsewhere.jpg")
    unknown = image_id_of(b"not indexed yet")
    asked = [
        wire.LabelRow(path=f"{bench.root}/known.jpg", image_id=elsewhere.hex(), labels=["by path"]),
        wire.LabelRow(path="/moved/away.jpg", image_id=elsewhere.hex(), labels=["by content"]),
        wire.LabelRow(image_id=unknown.hex(), labels=["kept for later"]),
        wire.LabelRow(path="/nowhere.jpg", labels=["lost"]),
        wire.LabelRow(path=f"{bench.root}//./known.jpg", labels=["also"]),
    ]
    answer = insight.ImportLabels(wire.ImportLabelsRequest(rows=asked), timeout=10)
    assert (answer.by_path, answer.by_content, answer.unmatched, list(answer.unmatched_rows)) == (2, 2, 1, [3])
    assert (answer.added, answer.removed) == (4, 0)
    assert bench.decisions.labels.all() == {
        known: ("also", "by path"), elsewhere: ("by content",), unknown: ("kept for later",)
    }  # fmt: skip


def test_labels_follow_a_file_to_its_new_place_and_survive_another_catalogue(bench: Bench, insight: Any) -> None:
    put(bench, "a.jpg")
    label(bench, insight, ("a.jpg", "cat"))
    bench.put("moved/b.jpg", picture(0))
    bench.lose("a.jpg")
    [row] = exported(insight)
    assert (row.path, list(row.labels)) == (f"{bench.root}/moved/b.jpg", ["cat"])
    bench.lose("moved/b.jpg")
    [row] = exported(insight)
    assert (row.path, list(row.paths), list(row.labels)) == ("", [], ["cat"])


def test_an_import_of_several_requests_replaces_as_one(bench: Bench, insight: Any) -> None:
    bench.put_all(("a.jpg", picture(0)), ("copy.jpg", picture(0)))
    label(bench, insight, ("a.jpg", "old"))
    first = label(bench, insight, ("a.jpg", "cat"), replace=True)
    label(bench, insight, ("copy.jpg", "dog"), replace=True, since_time=first.imported_time)
    assert sorted((row.path.rpartition("/")[2], *row.labels) for row in exported(insight)) == [
        ("a.jpg", "cat"), ("copy.jpg", "dog")
    ]  # fmt: skip


def test_an_export_tells_every_image_once_in_pages_and_only_what_is_asked_for(bench: Bench, insight: Any) -> None:
    names = [f"{'in' if number % 3 else 'out'}/{number}.jpg" for number in range(250)]
    ids = put(bench, *names)
    label(bench, insight, *((name, "cat") for name in names))
    everything = exported(insight, page_size=40)
    assert [row.image_id for row in everything] == sorted(image_id.hex() for image_id in ids)
    inside = exported(insight, page_size=7, path_prefix=f"{bench.root}/in")
    assert sorted(row.path for row in inside) == sorted(f"{bench.root}/{name}" for name in names if name[0] == "i")
    assert exported(insight, path_prefix=f"{bench.root}/i") == []


def test_labels_are_counted_and_taken_away(bench: Bench, insight: Any) -> None:
    put(bench, "x/a.jpg", "x/b.jpg", "y/c.jpg")
    label(bench, insight, ("x/a.jpg", "cat red"), ("x/b.jpg", "cat"), ("y/c.jpg", "cat"))
    counts = insight.CountLabels(wire.CountLabelsRequest(), timeout=10)
    assert [(one.label, one.images) for one in counts.labels] == [("cat", 3), ("red", 1)] and counts.images == 3
    some = wire.ClearLabelsRequest(path_prefix=f"{bench.root}/x", labels=["cat"])
    assert insight.ClearLabels(some, timeout=10).removed == 2
    assert (
        insight.ClearLabels(wire.ClearLabelsRequest(image_ids=[image_id_of(picture(2)).hex()]), timeout=10).removed == 1
    )
    assert insight.ClearLabels(wire.ClearLabelsRequest(all=True), timeout=10).removed == 1


BAD_ROWS = [
    ({}, "neither a path nor an image"),
    ({"path": "/a"}, "no label"),
    ({"path": "/a", "labels": [""]}, "is no label"),
    ({"path": "/a", "labels": ["a\nb"]}, "is no label"),
    ({"path": "/a", "labels": ["ü" * 501]}, "is no label"),
    ({"path": "a", "labels": ["cat"]}, "not absolute"),
    ({"image_id": "12", "labels": ["cat"]}, "not an image id"),
]


@pytest.mark.parametrize(("row", "text"), BAD_ROWS, ids=[text for _, text in BAD_ROWS])
def test_a_row_that_cannot_be_is_named_and_nothing_is_imported(
    bench: Bench, insight: Any, row: dict[str, Any], text: str
) -> None:
    put(bench, "a.jpg")
    asked = [*rows(bench, ("a.jpg", "cat")), wire.LabelRow(**row)]
    code, message = refused(insight.ImportLabels, wire.ImportLabelsRequest(rows=asked))
    assert code == "INVALID_ARGUMENT" and text in message
    assert bench.decisions.labels.all() == {}


def contradictions(insight: Any, page_size: int = 100, **request: Any) -> list[wire.Contradiction]:
    found: list[wire.Contradiction] = []
    token, total = "", None
    while True:
        asked = wire.ListContradictionsRequest(page_size=page_size, page_token=token, **request)
        page = insight.ListContradictions(asked, timeout=20)
        found += page.contradictions
        total = page.total_size if total is None else total
        assert page.total_size == total
        token = page.next_page_token
        if not token:
            return found


def told(found: Sequence[wire.Contradiction]) -> list[tuple[str, dict[str, list[str]]]]:
    """The kind of each, and its files' labels."""
    return [
        (one.kind, {file.path.rpartition("/")[2]: list(file.labels) for file in (one.group.keeper, *one.group.members)})
        for one in found
    ]


def test_copies_with_different_labels_and_without_are_listed_and_those_labelled_alike_are_not(
    bench: Bench, insight: Any
) -> None:
    ids = put(bench, "a", "b", "c", "d", "e", "f", "alone", "other")
    for one, other in ((0, 1), (2, 3), (4, 5)):
        bench.pairs.add(ids[one], ids[other], Tier.PIXELS if one else Tier.NEAR, 0.93, 0.5)
    bench.pairs.add(ids[6], ids[7], Tier.SIMILAR)
    label(
        bench,
        insight,
        ("a", "cat"),
        ("b", "dog"),
        ("c", "cat"),
        ("e", "fox"),
        ("f", "fox"),
        ("alone", "x"),
        ("other", "y"),
    )
    found = contradictions(insight)
    assert told(found) == [("differing", {"a": ["cat"], "b": ["dog"]}), ("missing", {"c": ["cat"], "d": []})]
    group = found[0].group
    assert (group.tier, group.member_count, list(group.labels)) == ("near", 1, ["cat", "dog"])
    assert group.members[0].similarity == pytest.approx(0.93) and group.worst_similarity == group.members[0].similarity
    assert told(contradictions(insight, differing_only=True)) == told(found[:1])


def test_copies_of_one_file_that_were_labelled_differently_are_a_contradiction(bench: Bench, insight: Any) -> None:
    bench.put_all(*((name, picture(0)) for name in ("a", "b", "c")), ("many", picture(1)), ("copy", picture(1)))
    label(bench, insight, ("a", "cat"), ("b", "dog"), ("many", "cat dog"))
    assert told(contradictions(insight)) == [("differing", {"a": ["cat"], "c": ["cat", "dog"], "b": ["dog"]})]
    label(bench, insight, ("a", "cat"), replace=True)
    assert contradictions(insight) == []


def test_what_is_the_same_picture_as_a_third_is_listed_with_it(bench: Bench, insight: Any) -> None:
    a, b, c = put(bench, "a", "b", "c")
    bench.pairs.add(a, b, Tier.NEAR, 0.9)
    bench.pairs.add(b, c, Tier.PIXELS, 0.99)
    label(bench, insight, ("a", "cat"), ("c", "dog"))
    [found] = contradictions(insight)
    members = {file.path.rpartition("/")[2]: (file.tier, round(file.similarity, 2)) for file in found.group.members}
    assert members == {"b": ("near", 0.9), "c": ("pixels", 0.99)}


def test_the_keeper_is_the_largest_and_no_way_to_label_is_cut(bench: Bench, insight: Any) -> None:
    bench.put("large", picture(0), ImageFacts(2000, 1000, "JPEG"))
    names = [f"{number:03}" for number in range(200)]
    ids = put(bench, *names, start=1)
    for image_id in ids:
        bench.pairs.add(image_id_of(picture(0)), image_id)
    label(bench, insight, *((name, "dog" if name == "150" else "cat") for name in names))
    [found] = contradictions(insight, member_limit=5)
    assert found.group.keeper.path.endswith("/large") and found.group.member_count == 200
    assert [list(file.labels) for file in found.group.members] == [["cat"]] * 4 + [["dog"]]


def test_contradictions_are_told_of_the_files_that_are_asked_for(bench: Bench, insight: Any) -> None:
    a, b, c = put(bench, "x/a", "y/b", "x/c")
    bench.pairs.add(a, b)
    bench.pairs.add(b, c)
    label(bench, insight, ("x/a", "cat"), ("y/b", "dog"), ("x/c", "cat"))
    x, y = f"{bench.root}/x", f"{bench.root}/y"
    assert contradictions(insight, options=wire.DuplicateOptions(within=[x])) == []
    assert len(contradictions(insight, options=wire.DuplicateOptions(within=[x, y], between=True))) == 1
    assert contradictions(insight, options=wire.DuplicateOptions(within=[x], between=True)) == []
    assert len(contradictions(insight, options=wire.DuplicateOptions(against=[y]))) == 1
    assert contradictions(insight, options=wire.DuplicateOptions(against=[f"{bench.root}/z"])) == []
    assert contradictions(insight, options=wire.DuplicateOptions(tiers=["pixels"])) == []
    request = wire.ListContradictionsRequest(options=wire.DuplicateOptions(tiers=["alike"]))
    assert refused(insight.ListContradictions, request)[0] == "INVALID_ARGUMENT"


def test_contradictions_between_roots_are_none_where_there_is_one_root(bench: Bench, insight: Any) -> None:
    cat, dog = put(bench, "cat", "dog")
    bench.pairs.add(cat, dog)
    label(bench, insight, ("cat", "cat"), ("dog", "dog"))
    assert len(contradictions(insight)) == 1
    assert contradictions(insight, options=wire.DuplicateOptions(between=True)) == []


def test_contradictions_come_in_pages_that_stay_in_step(bench: Bench, insight: Any) -> None:
    names = [f"{number:03}" for number in range(60)]
    ids = put(bench, *names)
    for at in range(0, 60, 2):
        bench.pairs.add(ids[at], ids[at + 1])
    label(bench, insight, *((name, "cat" if number % 4 else "dog") for number, name in enumerate(names)))
    everything = [one.group.group_id for one in contradictions(insight)]
    assert len(set(everything)) == 15
    first = insight.ListContradictions(wire.ListContradictionsRequest(page_size=4), timeout=10)
    gone = first.contradictions[0].group
    label(
        bench, insight, *((file.path.rpartition("/")[2], "both") for file in (gone.keeper, *gone.members)), replace=True
    )
    rest = wire.ListContradictionsRequest(page_size=1000, page_token=first.next_page_token)
    pages = [*first.contradictions, *insight.ListContradictions(rest, timeout=10).contradictions]
    assert [one.group.group_id for one in pages] == everything
    other = wire.ListContradictionsRequest(differing_only=True, page_token=first.next_page_token)
    assert refused(insight.ListContradictions, other)[0] == "INVALID_ARGUMENT"


def leaks(bench: Bench, insight: Any, left: str = "train", right: str = "val", page_size: int = 100) -> list[wire.Leak]:
    found: list[wire.Leak] = []
    token = ""
    while True:
        request = wire.ListLeaksRequest(
            left=f"{bench.root}/{left}", right=f"{bench.root}/{right}", page_size=page_size, page_token=token
        )
        page = insight.ListLeaks(request, timeout=20)
        found += page.leaks
        token = page.next_page_token
        if not token:
            assert len(found) == page.total_size
            return found


def names(found: Sequence[wire.Leak]) -> list[tuple[str, str, str]]:
    return [(one.left.path[-3:], one.right.path[-3:], one.right.tier) for one in found]


def test_leaks_are_the_same_picture_on_both_sides_and_nothing_else(bench: Bench, insight: Any) -> None:
    a, b, c, d, e, f = put(bench, "train/t/a", "val/v/b", "train/t/c", "val/v/d", "train/t/e", "test/f")
    bench.put("val/v/a", picture(0))
    bench.pairs.add(a, b, Tier.NEAR, 0.9, 0.5, mirrored=True, turned=90)
    bench.pairs.add(c, d, Tier.SIMILAR)
    bench.pairs.add(d, e, Tier.PIXELS, 0.999)
    bench.pairs.add(a, c)
    bench.pairs.add(c, f)
    found = leaks(bench, insight)
    assert names(found) == [
        ("t/a", "v/a", "exact"), ("t/a", "v/b", "near"), ("t/c", "v/a", "near"), ("t/e", "v/d", "pixels")
    ]  # fmt: skip
    near = found[1].right
    assert (round(near.similarity, 2), near.share, near.mirrored, near.turned) == (0.9, 0.5, True, 90)
    assert [(left, right) for right, left, _ in names(leaks(bench, insight, "val", "train"))] == [
        ("t/a", "v/a"), ("t/c", "v/a"), ("t/a", "v/b"), ("t/e", "v/d")
    ]  # fmt: skip
    assert leaks(bench, insight, "val", "test") == []


def test_leaks_of_many_copies_come_in_pages(bench: Bench, insight: Any) -> None:
    bench.put_all(*((f"{side}/{number:02}", picture(0)) for side in ("train", "val") for number in range(30)))
    found = leaks(bench, insight, page_size=77)
    places = [(one.left.path, one.right.path) for one in found]
    assert len(places) == 900 and places == sorted(set(places))


def test_one_side_in_the_other_is_refused(bench: Bench, insight: Any) -> None:
    for left, right in (("", "/train"), ("/train/a", "/train"), ("/x", "/x/")):
        request = wire.ListLeaksRequest(left=f"{bench.root}{left}", right=f"{bench.root}{right}")
        code, message = refused(insight.ListLeaks, request)
        assert code == "INVALID_ARGUMENT" and "files are on both sides" in message
    assert refused(insight.ListLeaks, wire.ListLeaksRequest(left="/a"))[0] == "INVALID_ARGUMENT"


def split(insight: Any, shares: dict[str, float], **request: Any) -> tuple[dict[str, str], list[wire.ShareCount]]:
    """The share of each path, in the order in which they came, and the counts."""
    asked = wire.SplitRequest(shares=[wire.Share(name=name, share=share) for name, share in shares.items()], **request)
    messages = list(insight.Split(asked, timeout=30))
    assert not any(message.counts for message in messages[:-1])
    files = [file for message in messages for file in message.files]
    return {file.path: file.share for file in files}, list(messages[-1].counts)


THREE = {"train": 0.8, "val": 0.1, "test": 0.1}


def test_no_picture_is_on_two_sides_and_each_label_is_divided(bench: Bench, insight: Any) -> None:
    files = [f"{number % 7}/{number:04}.jpg" for number in range(1200)]
    ids = put(bench, *files)
    bench.put_all(*((f"copies/{number}", picture(number)) for number in range(100)))
    for at in range(0, 400, 4):
        bench.pairs.add(ids[at], ids[at + 1])
        bench.pairs.add(ids[at + 1], ids[at + 2], Tier.PIXELS)
    label(bench, insight, *((name, f"label{number % 3}") for number, name in enumerate(files) if number % 5))
    sides, counts = split(insight, THREE)
    assert list(sides) == sorted(sides) and len(sides) == 1300
    pictures = defaultdict(set)
    for number, name in enumerate(files):
        group = number - number % 4 if number < 400 and number % 4 < 3 else number
        pictures[group].add(sides[f"{bench.root}/{name}"])
    for number in range(100):
        assert sides[f"{bench.root}/copies/{number}"] == sides[f"{bench.root}/{files[number]}"]
    assert all(len(of_one) == 1 for of_one in pictures.values())
    totals = Counter({one.label: 0 for one in counts})
    for one in counts:
        totals[one.label] += one.files
    assert set(totals) == {"", "label0", "label1", "label2"} and totals.total() == 1300
    for one in counts:
        assert one.wanted == pytest.approx(totals[one.label] * THREE[one.share])
        assert abs(one.files - one.wanted) <= max(1, 0.01 * totals[one.label]), one


def test_a_split_depends_on_the_seed_and_not_on_the_order_in_which_files_came(bench: Bench, insight: Any) -> None:
    files = [f"{number:03}" for number in range(100)]
    put(bench, *files)
    first, _ = split(insight, THREE)
    assert split(insight, THREE)[0] == first != split(insight, THREE, seed=1)[0]
    with serving() as other, grpc.insecure_channel(other.listen) as channel:
        for number in reversed(range(100)):
            other.put(files[number], picture(number))
        stub = insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]
        again, _ = split(stub, {name: 10 * share for name, share in THREE.items()})
        assert [os.path.basename(path) for path in again] == files and list(again.values()) == list(first.values())


def test_only_the_files_that_are_asked_for_are_divided(bench: Bench, insight: Any) -> None:
    ids = put(bench, "x/a", "x/b", "y/c", "y/d")
    bench.put("y/e", picture(4), ImageFacts(2000, 1000, "JPEG"))
    bench.pairs.add(ids[0], image_id_of(picture(4)))
    bench.put("x/copy", picture(1))
    label(bench, insight, ("x/a", "cat"), ("y/d", "cat"))
    two = {"train": 0.5, "val": 0.5}

    def divided(**request: Any) -> list[str]:
        return [path.removeprefix(f"{bench.root}/") for path in split(insight, two, **request)[0]]

    assert divided(within=[f"{bench.root}/x", f"{bench.root}/x/a"]) == ["x/a", "x/b", "x/copy"]
    assert divided(labelled_only=True) == ["x/a", "y/d"]
    assert divided(keepers_only=True) == ["x/b", "y/c", "y/d", "y/e"]
    assert divided(keepers_only=True, labelled_only=True) == ["x/a", "y/d"]
    assert divided(within=["/nowhere"]) == []


def test_what_people_said_to_be_no_duplicates_may_be_parted(bench: Bench, insight: Any) -> None:
    a, b = put(bench, "train/a", "val/b")
    bench.pairs.add(a, b)
    label(bench, insight, ("train/a", "cat"))
    two = {"x": 1.0, "y": 1.0}
    assert len(leaks(bench, insight)) == len(contradictions(insight)) == len(set(split(insight, two)[0].values())) == 1
    bench.decisions.duplicates.decide([Decision.of(DecisionKind.NOT_DUPLICATES, (a, b))])
    assert leaks(bench, insight) == contradictions(insight) == []
    assert len(set(split(insight, two)[0].values())) == 2
    assert len(contradictions(insight, options=wire.DuplicateOptions(include_decided=True))) == 1


@pytest.mark.parametrize(
    "shares", [{}, {"a": 1}, {"a": 1, "b": 0}, {"a": 1, "b": -1}, {"a": 1, "b": float("nan")}, {"a": 1, "": 1},
               {"a": 1e308, "b": 1.7e308}]
)  # fmt: skip
def test_shares_that_cannot_be_are_refused(insight: Any, shares: dict[str, float]) -> None:
    asked = wire.SplitRequest(shares=[wire.Share(name=name, share=share) for name, share in shares.items()])
    assert refused(insight.Split, asked)[0] == "INVALID_ARGUMENT"
    twice = wire.SplitRequest(shares=[wire.Share(name="a", share=1), wire.Share(name="a", share=1)])
    assert refused(insight.Split, twice)[0] == "INVALID_ARGUMENT"
