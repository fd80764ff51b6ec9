"""The order in which files are done, and what keeps the backlog small."""

from __future__ import annotations

import threading
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from simd.indexing.loop.backlog import Backlog, Priority
from simd.types import Change, ChangeKind, FileKey, Stamp

SCAN = Priority.SCAN


def upsert(name: bytes, mtime_ns: int = 0) -> Change:
    """A file that is new or changed."""
    return Change(ChangeKind.UPSERT, FileKey(1, name), Stamp(10, mtime_ns, 1))


def delete(name: bytes) -> Change:
    """A file that is gone."""
    return Change(ChangeKind.DELETE, FileKey(1, name))


def drained(backlog: Backlog) -> list[bytes]:
    """The names in the order they come out."""
    names = []
    while (change := backlog.pop()) is not None:
        names.append(change.key.path)
    return names


def test_requests_come_first_then_events_then_the_newest_of_a_scan_then_its_deletions() -> None:
    backlog = Backlog()
    backlog.push(delete(b"gone"), Priority.SCAN)
    backlog.push(upsert(b"old", 1), Priority.SCAN)
    backlog.push(upsert(b"new", 2), Priority.SCAN)
    backlog.push(upsert(b"event 1", 0), Priority.EVENT)
    backlog.push(delete(b"event 2"), Priority.EVENT)
    backlog.push(upsert(b"asked for"), Priority.REQUEST)
    assert drained(backlog) == [b"asked for", b"event 1", b"event 2", b"new", b"old", b"gone"]


def test_a_file_that_somebody_waits_for_does_not_lose_its_turn_when_a_scan_finds_it_too() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a"), Priority.EVENT)
    backlog.push(upsert(b"asked for"), Priority.REQUEST)
    for name in (b"asked for", b"b"):
        backlog.push(upsert(name), Priority.SCAN)
    assert drained(backlog) == [b"asked for", b"a", b"b"]


def test_a_file_has_one_entry_and_the_latest_news_wins() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a", 5), Priority.SCAN)
    backlog.push(delete(b"a"), Priority.EVENT)
    assert len(backlog) == 1
    change = backlog.pop()
    assert change is not None and change.kind is ChangeKind.DELETE
    assert backlog.pop() is None and len(backlog) == 0


def test_a_discarded_file_does_not_come_out() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a"), Priority.EVENT)
    backlog.discard(FileKey(1, b"a"))
    assert len(backlog) == 0 and backlog.pop() is None


def test_a_full_backlog_holds_up_scans_but_not_events() -> None:
    backlog = Backlog(scan_bytes=1000)
    for name in (b"a", b"b"):
        backlog.push(upsert(name), Priority.SCAN)
    scan = threading.Thread(target=backlog.push, args=(upsert(b"c"), Priority.SCAN))
    scan.start()
    backlog.push(upsert(b"event"), Priority.EVENT)
    assert scan.is_alive() and len(backlog) == 3
    assert {backlog.pop(), backlog.pop()} != {None}
    scan.join(10)
    assert not scan.is_alive() and len(backlog) == 2


def test_closing_releases_a_scan_that_is_held_up() -> None:
    backlog = Backlog(scan_bytes=1)
    backlog.push(upsert(b"a"), Priority.SCAN)
    answers: list[bool] = []
    scan = threading.Thread(target=lambda: answers.append(backlog.push(upsert(b"b"), Priority.SCAN)))
    scan.start()
    backlog.close()
    scan.join(10)
    assert answers == [False] and not backlog.push(upsert(b"c"), Priority.EVENT)


def test_events_without_end_take_no_more_memory_than_their_limit_and_become_a_scan() -> None:
    backlog = Backlog(event_bytes=100_000)
    backlog.push(Change(ChangeKind.UPSERT, FileKey(2, b"of another root")), Priority.EVENT)
    backlog.push(upsert(b"by a scan"), Priority.SCAN)
    backlog.push(upsert(b"asked for"), Priority.REQUEST)
    most = 0
    for number in range(10_000):
        backlog.push(upsert(b"%d" % number), Priority.EVENT)
        most = max(most, len(backlog))
    assert most < 200
    assert backlog.take_scans() == [1] and backlog.take_scans() == []
    assert drained(backlog) == [b"asked for", b"of another root", b"by a scan"]
    backlog.push(upsert(b"later"), Priority.EVENT)
    assert drained(backlog) == [b"later"]


def test_a_file_that_changes_again_and_again_takes_no_more_memory_than_one() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a"), Priority.EVENT)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20_000):
            backlog.push(upsert(b"a"), Priority.EVENT)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1_000_000
    assert drained(backlog) == [b"a"]


def test_the_limits_are_what_the_entries_take_in_memory() -> None:
    tracemalloc.start()
    try:
        backlog = Backlog(scan_bytes=4_000_000)
        backlog.pause(True)
        for number in range(20_000):
            key = FileKey(1, b"a folder with a name/and another one/picture %08d.jpeg" % number)
            backlog.push(Change(ChangeKind.UPSERT, key, Stamp(10**6 + number, 10**18 + number, 10**6 + number)), SCAN)
            if len(backlog) < number:
                break
        else:
            raise AssertionError("there was no limit")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2_000_000 < most < 6_000_000


def test_while_paused_only_requests_and_deletions_come_out_and_a_scan_is_not_held_up() -> None:
    backlog = Backlog(scan_bytes=1500)
    backlog.pause(True)
    backlog.push(delete(b"gone"), Priority.EVENT)
    backlog.push(upsert(b"event"), Priority.EVENT)
    backlog.push(upsert(b"asked for"), Priority.REQUEST)
    for number in range(10):
        backlog.push(upsert(b"%d" % number), Priority.SCAN)
    backlog.push(delete(b"gone too"), Priority.SCAN)
    assert drained(backlog) == [b"asked for", b"gone", b"gone too"]
    assert backlog.take_scans() == []
    backlog.pause(False)
    assert drained(backlog)[0] == b"event"
    assert backlog.take_scans() == [1], "what found no room is found by another scan"


def test_a_pause_releases_a_scan_that_is_held_up() -> None:
    backlog = Backlog(scan_bytes=1)
    backlog.push(upsert(b"a"), Priority.SCAN)
    scan = threading.Thread(target=backlog.push, args=(upsert(b"b"), Priority.SCAN))
    scan.start()
    backlog.pause(True)
    scan.join(10)
    assert not scan.is_alive()


@given(
    st.lists(st.tuples(st.sampled_from("udx"), st.integers(0, 5), st.integers(0, 3), st.sampled_from(list(Priority))))
)
def test_what_comes_out_is_what_a_dict_would_hold(
    steps: list[tuple[str, int, int, Priority]],
) -> None:
    backlog, model = Backlog(), dict[FileKey, Change]()
    for step, number, mtime, priority in steps:
        name = b"%d" % number
        key = FileKey(1, name)
        if step == "x":
            backlog.discard(key)
            model.pop(key, None)
        else:
            change = upsert(name, mtime) if step == "u" else delete(name)
            backlog.push(change, priority)
            model[key] = change
        assert len(backlog) == len(model)
    out = {}
    while (change_out := backlog.pop()) is not None:
        assert change_out.key not in out
        out[change_out.key] = change_out
    assert out == model
