"""Signals are heard whichever thread the kernel gives them to, and an end that takes too long is made by force."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import logging, sys, time
    from simd.app.signals import ending_within
    logging.basicConfig(format="%(message)s")
    with ending_within(float(sys.argv[1])):
        time.sleep(float(sys.argv[2]))
    print("ended by itself")
"""


@pytest.mark.parametrize(("within", "takes", "status"), [("60", "0", 0), ("0.05", "60", 1)])
def test_an_end_that_takes_too_long_is_made_by_force_and_tells_where_it_stood(
    within: str, takes: str, status: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), within, takes],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == status
    if status:
        assert "made by force; what was acknowledged is safe" in done.stderr and "most recent call first" in done.stderr
    else:
        assert done.stdout == "ended by itself\n" and done.stderr == ""


LISTENING = """
    import signal, threading
    from simd.app.signals import Signals
    def spin():
        while True: pass
    signals = Signals()
    signals.started()
    for _ in range(4):
        threading.Thread(target=spin, daemon=True).start()
    print("listening", flush=True)
    while signals.next() == signal.SIGHUP:
        pass
    print("heard", flush=True)
"""


def test_a_signal_that_comes_right_after_another_is_heard() -> None:
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(LISTENING)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "listening\n"
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(20) == 0
            finally:
                process.kill()
