"""Many callers at once: as many as there are threads, or as often as a clock says, whether answers come or not."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from simctl import Client, Subject
from simctl.errors import SimctlError

from benchmarks.daemon import usage

_CALLERS = 192
"""Threads that call when the clock says so; more than the daemon holds, so that it has to refuse."""


@dataclass(slots=True)
class Outcome:
    """What became of calls: milliseconds of those that were answered, counts by what the others were told."""

    answered_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_s: float = 0.0
    callers_cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.answered_ms) / self.seconds

    @property
    def lost(self) -> int:
        """Calls that got neither an answer nor a reason and a time to try again."""
        return sum(self.told.values()) - self.told["OVERLOADED"]

    def quantile_ms(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return float(np.quantile(self.answered_ms, share)) if self.answered_ms else float("nan")


def together(address: str, pid: int, pictures: Sequence[bytes], callers: int, seconds: float) -> Outcome:
    """Each caller has a connection of its own and asks again as soon as it was answered."""
    outcome, numbers = Outcome(), count()
    end = time.perf_counter() + seconds

    def call() -> None:
        with Client(address, timeout=60.0) as client:
            while time.perf_counter() < end:
                _call(client, pictures[next(numbers) % len(pictures)], outcome)

    return _measured(outcome, pid, lambda: _in_threads(call, callers))


def in_one_stream(address: str, pid: int, pictures: Sequence[bytes], seconds: float) -> Outcome:
    """One caller who asks for as many at once as a stream takes; milliseconds are those between two answers."""
    outcome = Outcome()
    end = time.perf_counter() + seconds

    def subjects() -> Iterator[Subject]:
        for number in count():
            if time.perf_counter() >= end:
                return
            yield Subject(image=pictures[number % len(pictures)])

    def ask() -> None:
        with Client(address, timeout=60.0 + seconds) as client:
            began = time.perf_counter()
            for answer in client.batch_search(subjects()):
                if isinstance(answer.outcome, SimctlError):
                    outcome.told[str(answer.outcome)] += 1
                else:
                    outcome.answered_ms.append((time.perf_counter() - began) * 1e3)
                began = time.perf_counter()

    return _measured(outcome, pid, ask)


def by_the_clock(
    address: str, pid: int, pictures: Sequence[bytes], per_s: float, seconds: float, watch: Callable[[], None]
) -> Outcome:
    """So many calls a second, whether the ones before were answered or not; `watch` is called once a second."""
    outcome = Outcome()
    with ThreadPoolExecutor(_CALLERS) as pool, Client(address, timeout=60.0) as client:

        def offer() -> None:
            start, watched = time.perf_counter(), 0.0
            for number in range(round(per_s * seconds)):
                due = start + number / per_s
                time.sleep(max(0.0, due - time.perf_counter()))
                pool.submit(_call, client, pictures[number % len(pictures)], outcome)
                if due - watched > 1.0:
                    watched = due
                    watch()
            pool.shutdown(wait=True)

        return _measured(outcome, pid, offer)


def _measured(outcome: Outcome, pid: int, act: Callable[[], None]) -> Outcome:
    used, own, began = usage(pid).cpu_s, time.process_time(), time.perf_counter()
    act()
    outcome.seconds = time.perf_counter() - began
    outcome.cpu_s = usage(pid).cpu_s - used
    outcome.callers_cpu_s = time.process_time() - own
    return outcome


def _in_threads(call: Callable[[], None], number: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _call(client: Client, picture: bytes, outcome: Outcome) -> None:
    began = time.perf_counter()
    try:
        client.search(image=picture)
    except SimctlError as error:
        outcome.refused_ms.append((time.perf_counter() - began) * 1e3)
        is_told = error.reason and error.retry_after_s is not None
        outcome.told[error.reason if is_told else f"{error.code} {error}"] += 1
    else:
        outcome.answered_ms.append((time.perf_counter() - began) * 1e3)
