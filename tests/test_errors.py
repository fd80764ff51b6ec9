"""Every error can be sent, ends a command with a documented code, and is explained to the people who meet it."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd import errors
from simd.errors import (
    CorruptStore,
    DecoderUnavailable,
    ImageRejected,
    Reason,
    SimdError,
    StoreFull,
    for_callers,
    unreadable,
)

PAGE = (Path(__file__).parent.parent / "docs" / "errors.md").read_text()


def tree(base: type[SimdError]) -> Iterator[type[SimdError]]:
    """An error class and all that derive from it."""
    yield base
    for derived in base.__subclasses__():
        yield from tree(derived)


@pytest.mark.parametrize("error", [e for e in tree(SimdError) if e.__module__ == "simd.errors"])
def test_every_error_is_drawn_in_the_tree_and_documented_with_its_status_and_exit_code(
    error: type[SimdError],
) -> None:
    assert errors.__doc__ is not None
    line = next(line for line in errors.__doc__.splitlines() if line.strip(" |-`").split(" ")[0] == error.__name__)
    assert line.split()[-3:] == [error.status, "exit", str(error.exit_code)]
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{error.__name__}` |"))
    assert f"| {error.status} | {error.exit_code} |" in row


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_documented(reason: Reason) -> None:
    assert f"| `{reason}` |" in PAGE


def test_a_message_carries_its_remedy() -> None:
    error = SimdError("the disk is full", field="state_dir", remedy="free some space")
    assert str(error) == "the disk is full; free some space"
    assert error.field == "state_dir"


def test_a_rejection_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageRejected(Reason.TRUNCATED, "it ends after 10 bytes")))
    assert isinstance(error, ImageRejected)
    assert (error.reason, error.detail) == (Reason.TRUNCATED, "it ends after 10 bytes")


def test_damage_is_named_with_file_and_offset() -> None:
    assert "/store/x.log: damaged at byte 42: bad checksum" in str(CorruptStore("/store/x.log", 42, "bad checksum"))


def test_what_callers_read_names_no_file_of_the_daemon_and_no_bug() -> None:
    secret = "/state/secret"
    for error in (CorruptStore(secret, 1, "x"), StoreFull(f"no room to write {secret}"), ValueError(secret)):
        assert for_callers(error) and secret not in for_callers(error)
    assert for_callers(SimdError("x")) == SimdError.told
    assert "cut in the middle" in for_callers(ImageRejected(Reason.CORRUPT, "cut in the middle"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_file_that_cannot_be_opened_for_want_of_something_is_not_to_blame(number: int) -> None:
    error = unreadable(OSError(number, os.strerror(number)), "cannot open /a.jpg")
    assert isinstance(error, DecoderUnavailable) and os.strerror(number) in str(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_file_that_cannot_be_read_is_rejected(number: int) -> None:
    error = unreadable(OSError(number, os.strerror(number)))
    assert isinstance(error, ImageRejected) and error.reason is Reason.UNREADABLE


def test_what_is_raised_again_is_the_same_without_what_it_passed() -> None:
    for error in (
        CorruptStore(Path("/x"), 3, "it is bad", remedy="mend it"),
        StoreFull("no room", field="store", remedy="make some"),
    ):
        with pytest.raises(type(error)) as raised:
            raise error
        again = raised.value.again()
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)
        assert again.__traceback__ is None and error.__traceback__ is not None
