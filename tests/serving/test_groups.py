"""Groups of copies, folders and decisions over a real socket."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simd.insight.pairs.pair import Tier
from simd.types import ImageFacts, ImageId
from simd.v1 import index_service_pb2, index_service_pb2_grpc, insight_service_pb2_grpc
from simd.v1 import insight_service_pb2 as wire
from tests.serving.doubles import Bench, serving
from tests.serving.test_maintenance import code_and_field
from tests.serving.waiting import until

RED, GREEN, BLUE = b"picture 200 10 10", b"picture 10 200 10", b"picture 10 10 200"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def insight(bench: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield insight_service_pb2_grpc.InsightServiceStub(channel)  # type: ignore[no-untyped-call]


def page(insight: Any, *, options: dict[str, Any] | None = None, **request: Any) -> wire.ListDuplicateGroupsResponse:
    message = wire.ListDuplicateGroupsRequest(options=wire.DuplicateOptions(**(options or {})), **request)
    answer: wire.ListDuplicateGroupsResponse = insight.ListDuplicateGroups(message, timeout=10)
    return answer


def many_copies(bench: Bench, groups: int = 7) -> None:
    """Groups of different sizes: one of number n has n + 2 files."""
    bench.put_all(*((f"{n}/{copy}.jpg", b"picture %d 1 1" % n) for n in range(groups) for copy in range(n + 2)))


def test_a_group_tells_all_that_is_known_of_its_files(bench: Bench, insight: Any) -> None:
    keeper = bench.put("keeper.jpg", RED)
    near = bench.put(b"caf\xe9.jpg", GREEN)
    bench.put("copy.jpg", RED)
    bench.pairs.add(keeper, near, Tier.NEAR, similarity=0.5, share=0.75, mirrored=True, turned=90)
    answer = page(insight, options={"keep": ["path:*keeper*"]})
    [group] = answer.groups
    assert (answer.total_size, answer.next_page_token, answer.reclaimable_bytes) == (1, "", 34)
    assert (group.group_id, group.tier, group.member_count) == (keeper.hex(), "near", 2)
    assert (group.worst_similarity, group.reclaimable_bytes, group.goes_count) == (0.5, 34, 2)
    assert group.reason == group.keeper.why == "its path matches *keeper*"
    exact, edited = group.members
    assert (exact.tier, exact.similarity, exact.distance, exact.goes) == ("exact", 1, 0, True)
    assert edited.path_bytes == os.fsencode(bench.root) + b"/caf\xe9.jpg" and edited.image_id == near.hex()
    assert (edited.similarity, edited.distance, edited.share) == (0.5, 1, 0.75)
    assert (edited.mirrored, edited.turned, edited.tier) == (True, 90, "near")
    assert (edited.width, edited.height, edited.format, edited.size) == (640, 480, "TEXT", 17)
    assert edited.modified_time.seconds == 1_700_000_000
    assert edited.why == "the same picture as the keeper, edited"


def test_what_was_left_out_and_what_is_pending_is_told(bench: Bench, insight: Any) -> None:
    bench.pairs.reasons, bench.pairs.pending = {"flat": 3, "not_verified": 2}, 7
    answer = page(insight)
    assert (dict(answer.left_out), answer.pending, len(answer.groups)) == ({"flat": 3, "not_verified": 2}, 7, 0)


def test_pages_have_every_group_once_those_that_free_most_first(bench: Bench, insight: Any) -> None:
    many_copies(bench)
    told, token = [], ""
    for _ in range(4):
        answer = page(insight, page_size=2, member_limit=3, page_token=token)
        told += [(group.member_count, len(group.members)) for group in answer.groups]
        token = answer.next_page_token
    assert told == [(count, min(count, 3)) for count in range(7, 0, -1)] and not token


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_group_that_does_not_change_is_told_once_while_others_come_and_go(
    bench: Bench, insight: Any, data: st.DataObject
) -> None:
    bench.lose(*(os.path.relpath(file.path, os.fsencode(bench.root)) for file in bench.catalogue.files(limit=1000)))
    sizes = data.draw(st.lists(st.integers(2, 5), min_size=4, max_size=8))
    present = {n: size for n, size in enumerate(sizes) if n % 2 or data.draw(st.booleans())}
    for n, size in present.items():
        bench.put_all(*((f"{n}-{copy}", b"picture %d 2 2" % n) for copy in range(size)))
    stable = {n for n in present if n % 2}
    told, token = [], ""
    for _ in itertools.count():
        answer = page(insight, page_size=data.draw(st.integers(1, 3)), page_token=token)
        told += [int(os.path.basename(group.keeper.path).partition("-")[0]) for group in answer.groups]
        token = answer.next_page_token
        if not token:
            break
        for n in range(0, len(sizes), 2):
            if data.draw(st.booleans()):
                names = [f"{n}-{copy}" for copy in range(sizes[n])]
                bench.lose(*names) if present.pop(n, 0) else bench.put_all(
                    *((name, b"picture %d 2 2" % n) for name in names)
                )
    assert sorted(n for n in told if n % 2) == sorted(stable)


def test_a_group_is_told_with_all_its_members_page_by_page(bench: Bench, insight: Any) -> None:
    bench.put_all(*((f"{number:03}.jpg", RED) for number in range(250)))
    near = [bench.put(f"near/{number}.jpg", b"picture 7 7 %d" % number) for number in range(5)]
    [group] = page(insight, options={"tiers": ["exact"]}).groups
    for number, image in enumerate(near):
        bench.pairs.add(ImageId(bytes.fromhex(group.group_id)), image, Tier.NEAR, similarity=0.9 - 0.1 * (number // 2))
    told: list[str] = []
    request = wire.GetGroupRequest(path=f"{bench.root}/123.jpg", page_size=60)
    while True:
        answer = insight.GetGroup(request, timeout=10)
        told += [member.path for member in answer.group.members]
        assert (answer.group.member_count, answer.group.keeper.path) == (254, f"{bench.root}/000.jpg")
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    near_paths = [f"{bench.root}/near/{number}.jpg" for number in range(5)]
    assert told == [f"{bench.root}/{number:03}.jpg" for number in range(1, 250)] + near_paths
    by_image = insight.GetGroup(wire.GetGroupRequest(image_id=near[0].hex()), timeout=10)
    assert by_image.group.group_id == group.group_id


def test_members_of_another_keeper_are_another_list(bench: Bench, insight: Any) -> None:
    bench.put_all(*((f"b/{number}.jpg", RED) for number in range(4)))
    request = wire.GetGroupRequest(path=f"{bench.root}/b/2.jpg", page_size=1)
    request.page_token = insight.GetGroup(request, timeout=10).next_page_token
    bench.put("a/first.jpg", RED)
    with pytest.raises(grpc.RpcError) as caught:
        insight.GetGroup(request, timeout=10)
    assert code_and_field(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"within": ["relative"]}, "options.within"),
        ({"against_bytes": [b"/a\0b"]}, "options.against"),
        ({"reference": ["/" + "x" * 5000]}, "options.reference"),
        ({"tiers": ["exact", "different"]}, "options.tiers"),
        ({"keep": ["biggest"]}, "keep"),
        ({"min_similarity": 1.5}, "options.min_similarity"),
        ({"max_similarity": float("nan")}, "options.max_similarity"),
    ],
)
def test_options_that_cannot_be_are_refused(bench: Bench, insight: Any, options: dict[str, Any], field: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        page(insight, options=options)
    assert code_and_field(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, field)


def test_tokens_are_of_one_list_and_its_options(bench: Bench, insight: Any) -> None:
    many_copies(bench)
    token = page(insight, page_size=2).next_page_token
    for options, wrong in (({"tiers": ["exact"]}, token), ({}, token[:-4]), ({}, "nonsense"), ({}, token + "AAAA")):
        with pytest.raises(grpc.RpcError) as caught:
            page(insight, options=options, page_token=wrong)
        assert code_and_field(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "image_id"),
        ({"image_id": "ab" * 16, "path": "/a"}, grpc.StatusCode.INVALID_ARGUMENT, "image_id"),
        ({"image_id": "ab" * 16}, grpc.StatusCode.NOT_FOUND, "image_id"),
        ({"path": "/nowhere"}, grpc.StatusCode.NOT_FOUND, "path"),
        ({"path": "relative"}, grpc.StatusCode.INVALID_ARGUMENT, "path"),
    ],
)
def test_a_group_that_is_not_there(
    bench: Bench, insight: Any, request_: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    bench.put("alone.jpg", RED)
    with pytest.raises(grpc.RpcError) as caught:
        insight.GetGroup(wire.GetGroupRequest(**request_), timeout=10)
    assert code_and_field(caught.value) == (code, field)


def test_folders_are_told_with_the_share_that_is_in_another(bench: Bench, insight: Any) -> None:
    for name, data in (("1", RED), ("2", GREEN)):
        bench.put(f"all/{name}", data)
        bench.put(b"caf\xe9/" + name.encode(), data)
    bench.put("all/3", BLUE)
    first, second = insight.ListFolderOverlaps(wire.ListFolderOverlapsRequest(), timeout=10).overlaps
    assert (first.folder_bytes, first.other, first.files, first.shared) == (
        os.fsencode(bench.root) + b"/caf\xe9",
        f"{bench.root}/all",
        2,
        2,
    )
    assert (second.folder, second.files, second.shared) == (f"{bench.root}/all", 3, 2)
    assert len(insight.ListFolderOverlaps(wire.ListFolderOverlapsRequest(limit=1), timeout=10).overlaps) == 1
    assert len(insight.ListFolderOverlaps(wire.ListFolderOverlapsRequest(min_share=1), timeout=10).overlaps) == 1
    with pytest.raises(grpc.RpcError) as caught:
        insight.ListFolderOverlaps(wire.ListFolderOverlapsRequest(min_share=2), timeout=10)
    assert code_and_field(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, "min_share")


def decide(insight: Any, *decisions: wire.Decision) -> int:
    answer = insight.DecideDuplicates(wire.DecideDuplicatesRequest(decisions=decisions), timeout=10)
    return int(answer.changed)


def test_what_was_said_is_listed_as_it_can_be_said_again(bench: Bench, insight: Any) -> None:
    red, green = bench.put("red.jpg", RED), bench.put(b"caf\xe9.jpg", GREEN)
    bench.pairs.add(red, green)
    said = wire.Decision(
        kind="not_duplicates", paths=[f"{bench.root}/red.jpg"], paths_bytes=[os.fsencode(bench.root) + b"/caf\xe9.jpg"]
    )
    unknown = wire.Decision(kind="keep", image_ids=["ab" * 16])
    assert len(page(insight).groups) == 1
    assert decide(insight, said, unknown) == 2
    assert not page(insight).groups
    listed: list[wire.Decision] = []
    request = wire.ListDecisionsRequest(page_size=1)
    while True:
        answer = insight.ListDecisions(request, timeout=10)
        listed += answer.decisions
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert [(one.kind, list(one.image_ids)) for one in listed] == [
        ("not_duplicates", sorted([red.hex(), green.hex()])),
        ("keep", ["ab" * 16]),
    ]
    assert all(one.decided_time.seconds for one in listed)
    assert decide(insight, *listed) == 0
    assert decide(insight, wire.Decision(kind="forget", image_ids=[red.hex()])) == 1
    assert decide(insight, *listed) == 1 and not page(insight).groups


@pytest.mark.parametrize(
    ("decision", "code", "field"),
    [
        ({"kind": "keep"}, grpc.StatusCode.INVALID_ARGUMENT, "decisions"),
        ({"kind": "maybe", "image_ids": ["ab" * 16]}, grpc.StatusCode.INVALID_ARGUMENT, "decisions.kind"),
        ({"kind": "keep", "image_ids": ["ab"]}, grpc.StatusCode.INVALID_ARGUMENT, "decisions.image_ids"),
        ({"kind": "keep", "paths": ["/nowhere"]}, grpc.StatusCode.NOT_FOUND, "decisions.paths"),
        ({"kind": "not_duplicates", "image_ids": ["ab" * 16] * 2}, grpc.StatusCode.INVALID_ARGUMENT, "decisions"),
    ],
)
def test_a_decision_that_cannot_be_changes_nothing(
    bench: Bench, insight: Any, decision: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    good = wire.Decision(kind="keep_all", image_ids=["cd" * 16])
    with pytest.raises(grpc.RpcError) as caught:
        decide(insight, good, wire.Decision(**decision))
    assert code_and_field(caught.value) == (code, field)
    assert not insight.ListDecisions(wire.ListDecisionsRequest(), timeout=10).decisions


def test_no_decision_at_all_is_refused(bench: Bench, insight: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        decide(insight)
    assert code_and_field(caught.value) == (grpc.StatusCode.INVALID_ARGUMENT, "decisions")


def test_companions_and_labels_are_told(bench: Bench, insight: Any) -> None:
    for folder in "ab":
        bench.put(f"{folder}/1.jpg", RED)
        bench.put_all((f"{folder}/1.nef".encode(), GREEN), facts=ImageFacts(100, 100, "RAW", None))
    [group] = page(insight).groups
    assert list(group.keeper.companions) == [f"{bench.root}/a/1.nef"]
    assert list(group.members[0].companions) == [f"{bench.root}/b/1.nef"] and group.reclaimable_bytes == 34
    answer = insight.GetGroup(wire.GetGroupRequest(path=f"{bench.root}/b/1.nef"), timeout=10)
    assert answer.group.group_id == group.group_id


def test_groups_that_take_long_to_find_hold_up_no_look_at_the_daemon(bench: Bench, insight: Any) -> None:
    bench.pairs.hold = threading.Event()
    with grpc.insecure_channel(bench.listen) as channel:
        asked = [insight.ListDuplicateGroups.future(wire.ListDuplicateGroupsRequest(), timeout=30) for _ in range(8)]
        until(lambda: bench.pairs.waiting > 0, "a call that finds groups")
        index_service_pb2_grpc.IndexServiceStub(channel).Status(  # type: ignore[no-untyped-call]
            index_service_pb2.StatusRequest(), timeout=10
        )
        bench.pairs.hold.set()
        assert [len(one.result().groups) for one in asked] == [0] * 8
