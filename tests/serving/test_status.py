"""Every error has its status, its reason and its details."""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2

from simd.errors import (
    CorruptStore,
    ImageRejected,
    IndexUnavailable,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    Reason,
    SimdError,
    StoreFull,
    reason_of,
)
from simd.serving.transport.status import code_of, status_of


def every_error(base: type[SimdError] = SimdError) -> Iterator[type[SimdError]]:
    yield base
    for child in base.__subclasses__():
        yield from every_error(child)


@pytest.mark.parametrize("error", list(every_error()), ids=lambda error: error.__name__)
def test_every_error_maps_to_a_status_that_is_not_ok_and_to_a_reason(error: type[SimdError]) -> None:
    assert code_of(error) not in (grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN)
    assert re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", reason_of(error))


def test_reasons_are_distinct() -> None:
    reasons = [reason_of(error) for error in set(every_error())]
    assert len(set(reasons)) == len(reasons)


def test_a_subclass_that_says_nothing_inherits_its_status() -> None:
    class Quota(StoreFull):
        """Not in the tree of the daemon."""

    assert code_of(Quota) is grpc.StatusCode.RESOURCE_EXHAUSTED


def details_of(error: SimdError) -> dict[str, object]:
    found: dict[str, object] = {}
    for detail in status_of(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    return found


SECRET = "/home/somebody/state/index/manifest.json"
REQUESTS_FAULT = {
    "Abandoned", "InvalidRequest", "ImageRejected", "NotFound", "Unauthenticated", "PermissionDenied", "Overloaded",
    "NotReady", "FileChanged", "ImageUnreadable", "OutOfRange", "TooFewLabels", "AtlasUnavailable",
    "ReplicaUnavailable", "ReplicaRefused", "NoReplica", "ImageElsewhere", "PeerUnavailable",
}  # fmt: skip
"""Their messages are about the request, or say nothing of the daemon's files."""


def example(kind: type[SimdError]) -> SimdError:
    if kind is CorruptStore:
        return CorruptStore(SECRET, 7, "bad checksum")
    if kind is ImageRejected:
        return ImageRejected(Reason.CORRUPT, SECRET)
    return kind(f"{SECRET} went wrong", field="somewhere", remedy=f"look at {SECRET}")


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_a_caller_is_told_nothing_of_the_daemons_own_files(kind: type[SimdError]) -> None:
    status = status_of(example(kind), "12ab")
    tells = SECRET.encode() in status.SerializeToString()
    if kind.__module__ == "simd.errors":
        assert tells == (kind.__name__ in REQUESTS_FAULT)
    assert tells == (not kind.told)
    if not tells:
        assert "12ab" in status.message and details_of(example(kind))["ErrorInfo"]


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_has_its_details(kind: type[SimdError]) -> None:
    error = example(kind)
    details = details_of(error)
    assert details["ErrorInfo"].reason == reason_of(kind)  # type: ignore[attr-defined]
    assert ("BadRequest" in details) == isinstance(error, InvalidRequest)
    again = code_of(kind) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert ("RetryInfo" in details) == again


def test_an_invalid_request_names_the_field() -> None:
    error = InvalidRequest("limit 2000 is not in 1..1000", field="limit", remedy="ask for less")
    status = status_of(error)
    assert (status.code, status.message) == (3, "limit 2000 is not in 1..1000; ask for less")
    info, bad = details_of(error)["ErrorInfo"], details_of(error)["BadRequest"]
    assert (info.reason, info.domain, info.metadata["remedy"]) == ("INVALID_REQUEST", "simd", "ask for less")  # type: ignore[attr-defined]
    assert [violation.field for violation in bad.field_violations] == ["limit"]  # type: ignore[attr-defined]


def test_a_rejected_image_tells_why_as_a_word() -> None:
    info = details_of(ImageRejected(Reason.TRUNCATED, "the file ends early"))["ErrorInfo"]
    assert (info.reason, info.metadata["rejection"]) == ("IMAGE_REJECTED", "truncated")  # type: ignore[attr-defined]


def test_not_found_names_the_field_too() -> None:
    assert "BadRequest" in details_of(NotFound("no image", field="image_id"))


def test_what_is_unavailable_says_when_to_try_again() -> None:
    for error, seconds in (
        (NotReady("starting"), 1),
        (IndexUnavailable("away"), 1),
        (Overloaded("too many"), 1),
        (StoreFull("no room"), 30),
    ):
        assert details_of(error)["RetryInfo"].retry_delay.seconds == seconds  # type: ignore[attr-defined]
    assert "RetryInfo" not in details_of(CorruptStore("a", 0, "b"))


def test_a_message_too_long_for_a_header_is_cut_in_its_middle() -> None:
    error = InvalidRequest("the path /" + "é" * 4096, field="path", remedy="the remedy")
    status = status_of(error)
    assert status.message.startswith("the path /éé") and status.message.endswith("é; the remedy")
    assert len(status.message.encode()) <= 1024
    assert status.ByteSize() < 3000


def test_a_message_with_a_stray_byte_can_be_sent() -> None:
    assert status_of(InvalidRequest("the path /a\udcff")).message == "the path /a\ufffd"
