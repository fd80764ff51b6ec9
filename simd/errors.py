"""The errors simd raises on purpose.

::

    SimdError                 INTERNAL             exit 1
    |- ConfigError            FAILED_PRECONDITION  exit 2
    |- InvalidRequest         INVALID_ARGUMENT     exit 1
    |  |- ImageRejected       INVALID_ARGUMENT     exit 1
    |  `- NotFound            NOT_FOUND            exit 4
    |- NotReady               UNAVAILABLE          exit 3
    |- IndexUnavailable       UNAVAILABLE          exit 3
    |- ModelError             FAILED_PRECONDITION  exit 1
    `- StoreError             INTERNAL             exit 1
       |- StoreLocked         FAILED_PRECONDITION  exit 1
       |- StoreVersion        FAILED_PRECONDITION  exit 1
       |- ModelMismatch       FAILED_PRECONDITION  exit 1
       |- CorruptStore        DATA_LOSS            exit 1
       `- StoreFull           RESOURCE_EXHAUSTED   exit 1

A class carries the gRPC status it is sent as and the exit code a command ends with. A message names the thing
(path, field), the value, the limit and the remedy, because it is all that the person at the other end will see.
Anything that is not a `SimdError` is a bug: it is logged with a traceback and its text is not sent to a caller.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class SimdError(Exception):
    """Base of everything raised on purpose.

    Args:
        message: what happened, to which thing, and what to do about it.
        field: the request field or setting at fault, where there is one.
        remedy: what the caller can do, when it is worth saying apart from the message.
    """

    status: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, field: str = "", remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.field = field
        self.remedy = remedy


class ConfigError(SimdError):
    """A setting is unknown, malformed or cannot be honoured on this machine."""

    status = "FAILED_PRECONDITION"
    exit_code = 2


class InvalidRequest(SimdError):
    """A request cannot be answered as it stands."""

    status = "INVALID_ARGUMENT"


class NotFound(InvalidRequest):
    """A request names an image, file or root that is not known."""

    status = "NOT_FOUND"
    exit_code = 4


class Reason(StrEnum):
    """Why a file is not indexed; the text is what `simctl errors` prints and other programs match on."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported_format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    UNREADABLE = "unreadable"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "decoder_crashed"
    REMOVED = "removed"


class ImageRejected(InvalidRequest):
    """The bytes given are not an image that can be indexed or searched with.

    Args:
        reason: why, as a word that programs can match on.
        detail: why, for a person: what was found, the limit, the remedy.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail, field="image")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[ImageRejected], tuple[Reason, str]]:
        return (type(self), (self.reason, self.detail))


class NotReady(SimdError):
    """The daemon is starting or stopping; the same call succeeds later."""

    status = "UNAVAILABLE"
    exit_code = 3


class IndexUnavailable(SimdError):
    """The index cannot be reached now."""

    status = "UNAVAILABLE"
    exit_code = 3


class ModelError(SimdError):
    """A model cannot be found, loaded or trusted."""

    status = "FAILED_PRECONDITION"


class StoreError(SimdError):
    """The store on disk cannot be used, or an operation on it failed."""


class StoreLocked(StoreError):
    """Another process writes to this directory."""

    status = "FAILED_PRECONDITION"


class StoreVersion(StoreError):
    """The store was written in a format that this version does not read."""

    status = "FAILED_PRECONDITION"


class ModelMismatch(StoreError):
    """The store holds vectors of another model."""

    status = "FAILED_PRECONDITION"


class CorruptStore(StoreError):
    """Bytes on disk are not what was written.

    Args:
        path: the damaged file.
        offset: the byte at which the damage was seen.
        what: what was expected there.
    """

    status = "DATA_LOSS"

    def __init__(self, path: object, offset: int, what: str) -> None:
        super().__init__(
            f"{path}: damaged at byte {offset}: {what}",
            remedy="`simd check` says what is affected, `simd check --repair` saves the rest",
        )
        self.path = path
        self.offset = offset
        self.what = what


class StoreFull(StoreError):
    """No room on the disk; nothing that was acknowledged is lost."""

    status = "RESOURCE_EXHAUSTED"
