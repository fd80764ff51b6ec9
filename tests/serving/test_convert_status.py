"""The status on the wire: every field of the message has its part, and no value makes a conversion fail."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from google.protobuf import json_format

from simd.catalogue.rows import Counts
from simd.featurize.engines.base import DeviceChoice
from simd.featurize.models.spec import Levels
from simd.index.base import IndexStats
from simd.jobs.jobs import JobStatus
from simd.replica.state import Phase, ReplicaState
from simd.serving.admin.convert_status import status_to, until_to
from simd.serving.admin.overview import DaemonStatus
from simd.serving.search.served import ModelInfo
from simd.types import PauseState, Progress, Root, RootStatus, SwitchStatus
from simd.v1.index_service_pb2 import StatusResponse

PROGRESS = Progress(
    pending=7, pause=PauseState(True, 1_700_000_000.5), scanning=True, images_per_s=2.0, eta_s=3.5, decided=9
)
STATUS = DaemonStatus(
    ready=True,
    detail="detail",
    version="1.2.3",
    uptime_s=90.25,
    problems=("one", "two"),
    damage={},
    progress=PROGRESS,
    counts=Counts(3, 4, {1: 4}, {"corrupt": 2, "removed": 5}),
    index=IndexStats("local", 4, 5, 1, 4096, {"segments": 1}),
    roots=(RootStatus(Root(1, b"/caf\xe9"), True, "events", 4, 1.5, "fine"),),
    model=ModelInfo("tiny", 4, "ab", "MIT", Levels(0.75, 0.5, 0.25)),
    device=DeviceChoice("cpu", "numpy", "nothing else"),
    switch=SwitchStatus("old", "new", 1, 2, 3, "waits"),
    jobs=(JobStatus("verify", 1, 2, "bytes", 1.0),),
    thread_failures={"scans": 2},
    replica=ReplicaState("memory:1/photos", "here", Phase.BEHIND, "some wait", 3, 1.5, 4, 9, searched=True),
)


def test_every_field_of_the_message_has_its_part_of_the_status() -> None:
    message = status_to(STATUS)
    assert json_format.MessageToDict(message, preserving_proto_field_name=True) == {
        "ready": True,
        "detail": "detail",
        "images": "5",
        "files": "4",
        "pending": "7",
        "failed": "2",
        "failed_by_reason": {"corrupt": "2", "removed": "5"},
        "paused": True,
        "scanning": True,
        "images_per_s": 2.0,
        "roots": [
            {
                "path": "/caf\N{REPLACEMENT CHARACTER}",
                "path_bytes": "L2NhZuk=",
                "online": True,
                "watching": "events",
                "files": "4",
                "last_scan_time": "1970-01-01T00:00:01.500Z",
                "detail": "fine",
            }
        ],
        "model": {
            "name": "tiny",
            "dimension": 4,
            "fingerprint": "ab",
            "licence": "MIT",
            "levels": {"same": 0.75, "near": 0.5, "similar": 0.25},
        },
        "device": {"device": "cpu", "engine": "numpy", "reason": "nothing else"},
        "index": {"kind": "local", "vectors": "5", "dead": "1", "disk_bytes": "4096", "details": {"segments": "1"}},
        "version": "1.2.3",
        "uptime_s": 90.25,
        "uptime": "90.250s",
        "model_switch": {
            "from_model": "old",
            "to_model": "new",
            "done": "1",
            "total": "2",
            "unreachable": "3",
            "detail": "waits",
        },
        "eta_s": 3.5,
        "time_left": "3.500s",
        "paused_until_time": "2023-11-14T22:13:20.500Z",
        "files_decided": "9",
        "problems": ["one", "two"],
        "thread_failures": {"scans": "2"},
        "jobs": [{"name": "verify", "done": "1", "total": "2", "unit": "bytes", "start_time": "1970-01-01T00:00:01Z"}],
        "replica": {
            "address": "memory:1/photos",
            "host": "here",
            "state": "behind",
            "detail": "some wait",
            "outbox": "3",
            "outbox_age": "1.500s",
            "images": "4",
            "images_of_all": "9",
            "searched": True,
        },
    }
    assert len(message.ListFields()) == len(StatusResponse.DESCRIPTOR.fields)


def test_what_is_not_known_is_left_unset() -> None:
    message = status_to(DaemonStatus(ready=False, detail="starting", version="1", uptime_s=0.5))
    assert {field.name for field, _ in message.ListFields()} == {"detail", "version", "uptime_s", "uptime"}


def test_an_unknown_end_is_left_unset() -> None:
    message = status_to(replace(STATUS, progress=Progress(7, PauseState(True), scanning=False, images_per_s=0.0)))
    assert not message.HasField("time_left") and not message.HasField("paused_until_time")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(math.inf, 253402300799), (1e300, 253402300799), (-math.inf, -62135596800)]
)
def test_a_time_beyond_all_calendars_becomes_the_nearest_one(seconds: float, expected: int) -> None:
    until = until_to(PauseState(True, seconds))
    assert until is not None and until.seconds == pytest.approx(expected, abs=1)


def test_names_that_are_not_utf_8_can_be_sent() -> None:
    name = "caf\udce9"
    status = replace(
        STATUS,
        detail=name,
        problems=(name,),
        model=ModelInfo(name, 4, "ab", "MIT"),
        switch=SwitchStatus(name, name, 1, 2, 3, name),
    )
    message = status_to(status)
    assert message.model.name == message.problems[0] == message.model_switch.to_model == "caf\N{REPLACEMENT CHARACTER}"
