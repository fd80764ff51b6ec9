"""The loop's sign of life: it moves when it is idle, when it works and when the disk is full; stuck, it does not."""

from __future__ import annotations

import threading

from tests.indexing.bench import Bench


def test_an_idle_loop_moves_because_it_is_asked(bench: Bench) -> None:
    bench.start()
    bench.settle()
    for _ in range(3):
        bench.until(bench.ingest.is_alive)


def test_a_loop_that_waits_for_room_on_the_disk_moves(bench: Bench) -> None:
    bench.index.full = True
    bench.write("a.png", b"picture")
    bench.start()
    bench.until(lambda: bench.index.refused >= 1)
    for _ in range(2):
        bench.until(bench.ingest.is_alive)


def test_a_stuck_loop_does_not(bench: Bench) -> None:
    bench.start()
    bench.settle()
    stuck, free = threading.Event(), threading.Event()

    def hold() -> None:
        stuck.set()
        assert free.wait(60)

    bench.backbone.meanwhile = hold
    bench.write("a.png", b"a picture")
    try:
        assert stuck.wait(20)
        bench.ingest.is_alive()
        assert not any(bench.ingest.is_alive() for _ in range(100))
    finally:
        free.set()
    bench.until(bench.ingest.is_alive)
