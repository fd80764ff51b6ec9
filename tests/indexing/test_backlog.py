"""The order in which files are done, and what keeps the backlog small."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from simd.indexing.backlog import Backlog, Urgency
from simd.types import Change, ChangeKind, FileKey, Stamp


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


def test_events_come_first_then_the_newest_of_a_scan_then_its_deletions() -> None:
    backlog = Backlog()
    backlog.push(delete(b"gone"), Urgency.SCAN)
    backlog.push(upsert(b"old", 1), Urgency.SCAN)
    backlog.push(upsert(b"new", 2), Urgency.SCAN)
    backlog.push(upsert(b"event 1", 0), Urgency.EVENT)
    backlog.push(delete(b"event 2"), Urgency.EVENT)
    assert drained(backlog) == [b"event 1", b"event 2", b"new", b"old", b"gone"]


def test_a_file_has_one_entry_and_the_latest_news_wins() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a", 5), Urgency.SCAN)
    backlog.push(delete(b"a"), Urgency.EVENT)
    assert len(backlog) == 1
    change = backlog.pop()
    assert change is not None and change.kind is ChangeKind.DELETE
    assert backlog.pop() is None and len(backlog) == 0


def test_a_discarded_file_does_not_come_out() -> None:
    backlog = Backlog()
    backlog.push(upsert(b"a"), Urgency.EVENT)
    backlog.discard(FileKey(1, b"a"))
    assert len(backlog) == 0 and backlog.pop() is None


def test_a_full_backlog_holds_up_scans_but_not_events() -> None:
    backlog = Backlog(limit=2)
    for name in (b"a", b"b"):
        backlog.push(upsert(name), Urgency.SCAN)
    scan = threading.Thread(target=backlog.push, args=(upsert(b"c"), Urgency.SCAN))
    scan.start()
    backlog.push(upsert(b"event"), Urgency.EVENT)
    assert scan.is_alive() and len(backlog) == 3
    assert {backlog.pop(), backlog.pop()} != {None}
    scan.join(10)
    assert not scan.is_alive() and len(backlog) == 2


def test_closing_releases_a_scan_that_is_held_up() -> None:
    backlog = Backlog(limit=1)
    backlog.push(upsert(b"a"), Urgency.SCAN)
    answers: list[bool] = []
    scan = threading.Thread(target=lambda: answers.append(backlog.push(upsert(b"b"), Urgency.SCAN)))
    scan.start()
    backlog.close()
    scan.join(10)
    assert answers == [False] and not backlog.push(upsert(b"c"), Urgency.EVENT)


@given(
    st.lists(st.tuples(st.sampled_from("udx"), st.integers(0, 5), st.integers(0, 3), st.sampled_from(list(Urgency))))
)
def test_what_comes_out_is_what_a_dict_would_hold(
    steps: list[tuple[str, int, int, Urgency]],
) -> None:
    backlog, model = Backlog(), dict[FileKey, Change]()
    for step, number, mtime, urgency in steps:
        name = b"%d" % number
        key = FileKey(1, name)
        if step == "x":
            backlog.discard(key)
            model.pop(key, None)
        else:
            change = upsert(name, mtime) if step == "u" else delete(name)
            backlog.push(change, urgency)
            model[key] = change
        assert len(backlog) == len(model)
    out = {}
    while (change_out := backlog.pop()) is not None:
        assert change_out.key not in out
        out[change_out.key] = change_out
    assert out == model
