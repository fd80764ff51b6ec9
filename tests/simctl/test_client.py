"""The client as a library."""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
import simctl
from simctl.address import resolve
from simctl.output import duration, printable, size
from simctl.reports import serving_status

from simd import config
from tests.serving.doubles import Bench, TextDecoder, serving, vector_of

RED = b"picture 200 10 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def client(bench: Bench) -> Iterator[simctl.Client]:
    with simctl.Client(bench.listen) as client:
        yield client


def test_search_takes_an_image_a_path_an_id_or_a_vector(bench: Bench, client: simctl.Client) -> None:
    image_id = bench.put("red.jpg", RED)
    path = str(bench.root / "red.jpg")
    for found in (
        client.search(image=RED),
        client.search(path=path),
        client.search(path=Path(path)),
        client.search(path=os.fsencode(path)),
        client.search(image_id=image_id.hex()),
        client.search(vector=[float(value) for value in vector_of(200, 10, 10)]),
        client.search(vector=array("f", vector_of(200, 10, 10))),
        client.search(vector=cast(Any, vector_of(200, 10, 10))),
    ):
        assert [match.path for match in found.matches] == [path]


def test_search_takes_a_region(bench: Bench, client: simctl.Client) -> None:
    bench.put("red.jpg", RED)
    bench.put("green.jpg", b"picture 10 200 10")
    both = RED + b" beside 10 200 10"
    for region, name in ((None, "red.jpg"), ((0, 0, 0.5, 1), "red.jpg"), ((0.5, 0, 0.5, 1), "green.jpg")):
        alone = client.search(image=both, region=region, limit=1)
        [answer] = client.batch_search([simctl.Subject(image=both)], region=region, limit=1)
        assert isinstance(answer.outcome, simctl.SearchResult)
        for found in (alone, answer.outcome):
            assert [Path(match.path).name for match in found.matches] == [name]
    with pytest.raises(simctl.SimctlError) as caught:
        client.search(image=both, region=(0.5, 0, 0.6, 1))
    assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", "region")


def test_search_takes_exactly_one_query(client: simctl.Client) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        client.search()
    with pytest.raises(TypeError, match="exactly one"):
        client.search(image=b"", image_id="00" * 16)


def test_a_path_that_came_back_can_be_opened_and_sent_again(bench: Bench, client: simctl.Client) -> None:
    bench.put(b"caf\xe9.jpg", RED)
    (match,) = client.search(image=RED).matches
    assert Path(match.path).read_bytes() == RED
    assert client.search(path=match.path).matches == (match,)


def test_an_error_carries_what_programs_need(client: simctl.Client) -> None:
    with pytest.raises(simctl.SimctlError) as caught:
        client.search(image=b"no image")
    error = caught.value
    assert (error.code, error.reason, error.field) == ("INVALID_ARGUMENT", "IMAGE_REJECTED", "image")
    assert error.details == {"rejection": "not_an_image"}
    with pytest.raises(simctl.SimctlError) as caught:
        client.search(image=RED, limit=1001)
    assert (caught.value.reason, caught.value.field) == ("INVALID_REQUEST", "limit")


def test_an_unexpected_failure_is_told_with_its_number(client: simctl.Client) -> None:
    with pytest.raises(simctl.SimctlError, match="its log has more under") as caught:
        client.search(image=b"explode")
    assert caught.value.reason == "INTERNAL" and caught.value.details["incident"] in str(caught.value)


def test_a_daemon_that_is_not_there_is_unreachable() -> None:
    with simctl.Client("unix:/nowhere/simd.sock") as client, pytest.raises(simctl.DaemonUnreachable) as caught:
        client.status()
    assert (caught.value.code, caught.value.reason, caught.value.exit_code) == ("UNAVAILABLE", "", 3)


def test_a_daemon_that_starts_is_unreachable_with_a_reason() -> None:
    with (
        serving(ready=False) as bench,
        simctl.Client(bench.listen) as client,
        pytest.raises(simctl.DaemonUnreachable) as caught,
    ):
        client.search(image=RED)
    assert caught.value.reason == "NOT_READY"


def test_a_daemon_that_stops_in_the_middle_of_a_call_is_unreachable() -> None:
    hold = threading.Event()
    with (
        serving(decoder=TextDecoder(hold)) as bench,
        simctl.Client(bench.listen) as client,
        ThreadPoolExecutor(1) as callers,
    ):
        search = callers.submit(client.search, image=RED)
        assert bench.decoder.started.wait(10)
        bench.server.stop(0.1)
        error = search.exception(10)
        hold.set()
    assert isinstance(error, simctl.DaemonUnreachable) and "stopped before it answered" in str(error)


def test_what_comes_at_the_moment_in_which_a_daemon_stops_finds_none() -> None:
    hold = threading.Event()
    with (
        serving(decoder=TextDecoder(hold)) as bench,
        simctl.Client(bench.listen) as client,
        ThreadPoolExecutor(2) as callers,
    ):
        search = callers.submit(client.search, image=RED)
        assert bench.decoder.started.wait(10)
        stopping = callers.submit(bench.server.stop, 10)
        with pytest.raises(simctl.DaemonUnreachable):
            while True:
                client.status()
        hold.set()
        search.result(10)
        stopping.result(10)


def test_wait_tells_every_reading(bench: Bench, client: simctl.Client) -> None:
    bench.ingest.pending = [2, 0, 0]
    readings: list[int] = []
    status = client.wait(20, lambda reading: readings.append(-1 if reading is None else reading.pending))
    assert status.settled and readings == [2, 0, 0]


def test_the_address_is_the_argument_then_the_environment_then_the_default() -> None:
    environ = {"SIMD_ADDRESS": "localhost:1", "XDG_RUNTIME_DIR": "/run/user/1"}
    assert resolve("unix:/x", environ) == "unix:/x"
    assert resolve(None, environ) == "localhost:1"
    assert resolve(None, {"XDG_RUNTIME_DIR": "/run/user/1"}) == "unix:/run/user/1/simd/simd.sock"


def test_the_hosts_service_is_asked_where_there_is_no_daemon_of_ones_own(tmp_path: Path) -> None:
    hosts, own = tmp_path / "hosts.sock", tmp_path / "simd" / "simd.sock"
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert resolve(None, environ, str(hosts)) == f"unix:{own}"
    hosts.touch()
    assert resolve(None, environ, str(hosts)) == f"unix:{hosts}"
    assert resolve(None, {**environ, "SIMD_ADDRESS": "localhost:1"}, str(hosts)) == "localhost:1"
    own.parent.mkdir()
    own.touch()
    assert resolve(None, environ, str(hosts)) == f"unix:{own}"


@pytest.mark.parametrize("environ", [{"XDG_RUNTIME_DIR": "/run/user/1"}, {}])
def test_the_default_address_is_the_one_the_daemon_listens_on(environ: dict[str, str], tmp_path: Path) -> None:
    empty = tmp_path / "simd.toml"
    empty.touch()
    assert resolve(None, environ) == config.load(file=empty, environ=environ).listen


@pytest.mark.parametrize("address", ["unix:", "here", "host:", "host:port", ":80", "host:70000"])
def test_a_malformed_address_is_a_usage_error(address: str) -> None:
    with pytest.raises(simctl.SimctlError, match="neither unix:PATH nor HOST:PORT") as caught:
        resolve(address, {})
    assert caught.value.exit_code == 2


def test_health_responses_are_read_by_hand() -> None:
    assert [serving_status(raw) for raw in (b"", b"\x08\x01", b"\x08\x02", b"\x08\x63", b"junk")] == [
        "UNKNOWN",
        "SERVING",
        "NOT_SERVING",
        "UNKNOWN",
        "UNKNOWN",
    ]


def test_numbers_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (3, 61, 3660, 90000)] == ["3 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]
    assert [size(n) for n in (5, 1500, 2_500_000, 3e12)] == ["5 B", "1.5 kB", "2.5 MB", "3.0 TB"]


def test_names_cannot_steer_a_terminal() -> None:
    assert printable("写真 a.jpg") == "写真 a.jpg"
    assert printable("a\nb\x1b[2J\u202eexe\udcff") == r"a\nb\x1b[2J\u202eexe\xff"
