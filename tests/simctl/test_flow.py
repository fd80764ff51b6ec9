"""Pause, resume and progress as the command shows them."""

from __future__ import annotations

import argparse
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import simctl
from simctl.commands.pause import seconds_of
from simctl.commands.wait import Bar
from simctl.reports import Status

from simd.types import PauseState, Root, RootStatus
from tests.serving.doubles import Bench, environment, serving
from tests.simctl.test_cli import document, on_a_terminal
from tests.simctl.test_cli import simctl as run


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def status(**more: object) -> Status:
    with serving() as bench, simctl.Client(bench.listen) as client:
        real = client.status()
    fields = {name: getattr(real, name) for name in Status.__dataclass_fields__}
    return Status(**{**fields, **more})


def test_pause_and_resume_say_what_they_did(bench: Bench) -> None:
    done = run(bench.listen, "pause")
    assert (done.returncode, done.stdout) == (0, b"indexing is paused until `simctl resume`; searches go on\n")
    assert document(run(bench.listen, "pause", "--for", "1h30m", "--json")) == {
        "paused": True,
        "paused_until": 1.7e9 + 5400.0,
    }
    assert bench.ingest.calls == [("pause", None), ("pause", 5400.0)]
    told = document(run(bench.listen, "status", "--json"))
    assert (told["paused"], told["paused_until"]) == (True, 1.7e9 + 5400.0)
    assert b"indexing is paused until 2023-11-14" in run(bench.listen, "status", TZ="UTC").stdout
    assert run(bench.listen, "resume").stdout == b"indexing goes on\n"
    assert document(run(bench.listen, "resume", "--json")) == {"was_paused": False}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("1d", 86400)],
)
def test_durations_are_said_as_people_say_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "1x", "h", "5 m", "1h30", "inf", "nan"])
def test_a_duration_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds_of(text)


def test_wait_on_a_paused_daemon_says_so_at_once_rather_than_for_ever(bench: Bench) -> None:
    bench.ingest.pending, bench.ingest.paused = [7], PauseState(True)
    done = run(bench.listen, "wait")
    assert done.returncode == 1
    assert b"not settled: 7 pending; indexing is paused until `simctl resume`" in done.stderr


def test_wait_with_a_time_limit_waits_for_somebody_to_resume(bench: Bench) -> None:
    bench.ingest.pending, bench.ingest.paused = [7], PauseState(True)
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "wait", "--timeout", "60"],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"indexing is paused until `simctl resume`; 7 pending\n"
    bench.ingest.resume()
    bench.ingest.pending = [0]
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b"settled: 0 images in 0 files\n")


def test_wait_on_a_paused_daemon_with_nothing_to_do_is_settled(bench: Bench) -> None:
    bench.ingest.paused = PauseState(True)
    assert run(bench.listen, "wait").returncode == 0


OFFLINE = RootStatus(Root(2, b"/mnt/usb"), False, "polling", 9, None, "cannot be reached: No such file or directory")


@pytest.mark.parametrize(
    ("roots", "why"),
    [
        ([], "no folder is watched; `simctl add DIR` adds one"),
        ([OFFLINE], "no watched folder can be read: /mnt/usb cannot be reached: No such file or directory"),
    ],
)
def test_wait_where_nothing_can_be_indexed_says_why_and_is_not_settled(
    bench: Bench, roots: list[RootStatus], why: str
) -> None:
    bench.ingest.roots_ = roots
    done = run(bench.listen, "wait", "--json")
    assert (done.returncode, document(done)["settled"]) == (1, False)
    assert done.stderr.decode() == f"simctl: not settled: {why}\n"
    watched = run(bench.listen, "status", "--watch", "--timeout", "0.7")
    assert watched.stdout.decode().endswith(f"  {why}\n")


def test_wait_with_a_time_limit_waits_for_a_folder_that_can_be_read(bench: Bench) -> None:
    roots, bench.ingest.roots_ = bench.ingest.roots_, [OFFLINE]
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "wait", "--timeout", "60"],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"no watched folder can be read: /mnt/usb cannot be reached")
    bench.ingest.roots_ = roots
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, b"settled: 0 images in 0 files\n")


def test_wait_that_is_settled_names_the_folders_that_could_not_be_read(bench: Bench) -> None:
    bench.ingest.roots_.append(OFFLINE)
    done = run(bench.listen, "wait")
    assert (done.returncode, done.stdout) == (0, b"settled: 0 images in 0 files\n")
    assert done.stderr == b"offline: /mnt/usb cannot be reached: No such file or directory\n"


@pytest.mark.parametrize("columns", [*range(1, 30), 40, 60, 80])
def test_the_bar_takes_no_more_columns_than_there_are(columns: int) -> None:
    shown = Bar().text(status(pending=900_000, eta_s=4000.0, scanning=True), columns)
    assert len(shown) <= columns or shown == "0 %"


def test_a_narrow_bar_tells_what_matters_most() -> None:
    bar = Bar()
    bar.text(status(pending=10_000), 79)
    reading = status(pending=5_000, files_decided=5_000, eta_s=400.0)
    assert [bar.text(reading, columns) for columns in (99, 79, 60, 39, 19, 9)] == [
        "[############............]  5,000 of 10,000 files, 12.5/s, about 6 min 40 s left",
        "[######......]  5,000 of 10,000 files, 12.5/s, about 6 min 40 s left",
        "[######......]  5,000 of 10,000 files, about 6 min 40 s left",
        "[######......]  5,000 of 10,000 files",
        "5,000 of 10,000",
        "50 %",
    ]


@pytest.mark.parametrize("columns", [20, 40])
def test_progress_wraps_on_no_terminal(bench: Bench, columns: int) -> None:
    bench.ingest.pending = [123_456, 0, 0]
    written = on_a_terminal(bench.listen, "wait", columns=columns, NO_COLOR="1")
    nobody = on_a_terminal(f"unix:{bench.directory}/{'n' * 40}", "wait", "--timeout", "0.5", columns=columns)
    drawn = [part.split(b"\r")[0] for part in (written + nobody).split(b"\x1b[K")]
    progress = [line for line in drawn if b"settled" not in line and b"simctl:" not in line]
    assert any(b"123,456" in line for line in progress) and any(line.startswith(b"no daemon") for line in progress)
    assert all(len(line) < columns for line in progress)


def test_f14_the_bar_tells_done_total_rate_and_what_is_left() -> None:
    bar = Bar()
    assert bar.text(status(pending=100, files_decided=1000), 79) == "[........................]  0 of 100 files, 12.5/s"
    later = status(pending=50, files_decided=1050, eta_s=4.0)
    assert bar.text(later, 79) == "[############............]  50 of 100 files, 12.5/s, about 4 s left"
    scanning = status(pending=50, files_decided=1100, eta_s=4.0, scanning=True)
    assert bar.text(scanning, 79) == "[################........]  100 of 150+ files, 12.5/s, at least 4 s left"
    restarted = status(pending=50, files_decided=0, images_per_s=0.0)
    assert bar.text(restarted, 79) == "[........................]  0 of 50 files"


def test_f14_status_shows_rate_and_eta(bench: Bench) -> None:
    bench.ingest.pending, bench.ingest.decided = [2500], 10
    assert b"2,500 pending, 12.5 images/s, about 3 min 20 s left" in run(bench.listen, "status").stdout
    told = document(run(bench.listen, "status", "--json"))
    assert (told["eta_s"], told["files_decided"]) == (200.0, 10)
    bench.ingest.pending = [0]
    assert document(run(bench.listen, "status", "--json"))["eta_s"] is None


def test_status_watch_prints_a_json_document_for_every_change(bench: Bench) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "status", "--watch", "--json"],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["pending"] == 0
    bench.ingest.pending = [5]
    assert json.loads(process.stdout.readline())["pending"] == 5
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"")


def test_status_watch_ends_with_the_daemon_or_with_its_time(bench: Bench) -> None:
    done = run(bench.listen, "status", "--watch", "--timeout", "0.7")
    assert done.returncode == 0 and done.stdout.endswith(b"nothing is pending\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "status", "--watch"],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    bench.server.stop(0.2)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3 and b"the daemon is stopping" in errors


def test_status_watch_redraws_a_terminal_and_leaves_it_as_it_was(bench: Bench) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "status", "--watch"],
        env=environment({"SIMD_ADDRESS": bench.listen, "TERM": "xterm", "NO_COLOR": "1"}),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    written = b""
    while b"pending  0" not in written:
        written += os.read(ours, 4096)
    bench.ingest.pending = [5]
    while b"5 pending" not in written:
        written += os.read(ours, 4096)
    assert written.count(b"\x1b[H") == 2
    process.send_signal(signal.SIGINT)
    while b"\x1b[?7h" not in written:
        written += os.read(ours, 4096)
    assert process.wait(30) == 130
    os.close(ours)


def test_the_library_pauses_resumes_and_watches(bench: Bench) -> None:
    with simctl.Client(bench.listen, timeout=30.0) as client:
        assert client.pause() is None
        assert client.pause(2.5) == 1.7e9 + 2.5
        assert client.status().paused_until == 1.7e9 + 2.5
        readings = client.watch_status()
        assert next(readings).paused
        assert client.resume() and not client.resume()
        assert not next(readings).paused
        readings.close()
        assert [reading.paused for reading in client.watch_status(timeout=0.7)] == [False]
