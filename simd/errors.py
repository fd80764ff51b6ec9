"""The errors simd raises on purpose.

::

    SimdError                 INTERNAL             exit 1
    |- ConfigError            FAILED_PRECONDITION  exit 2
    |  `- NotNow              FAILED_PRECONDITION  exit 1
    |- InvalidRequest         INVALID_ARGUMENT     exit 1
    |  |- ImageRejected       INVALID_ARGUMENT     exit 1
    |  |- NotFound            NOT_FOUND            exit 4
    |  `- OutOfRange          OUT_OF_RANGE         exit 1
    |- Unauthenticated        UNAUTHENTICATED      exit 1
    |- PermissionDenied       PERMISSION_DENIED    exit 1
    |- NotReady               UNAVAILABLE          exit 3
    |- IndexUnavailable       UNAVAILABLE          exit 3
    |- DecoderUnavailable     UNAVAILABLE          exit 3
    |- FileChanged            UNAVAILABLE          exit 3
    |- ImageUnreadable        FAILED_PRECONDITION  exit 1
    |- TooFewLabels           FAILED_PRECONDITION  exit 1
    |- ReplicaUnavailable     UNAVAILABLE          exit 3
    |- ReplicaRefused         FAILED_PRECONDITION  exit 1
    |- NoReplica              FAILED_PRECONDITION  exit 1
    |- ImageElsewhere         FAILED_PRECONDITION  exit 1
    |- PeerUnavailable        UNAVAILABLE          exit 3
    |- AtlasUnavailable       FAILED_PRECONDITION  exit 1
    |- Overloaded             RESOURCE_EXHAUSTED   exit 1
    |- Abandoned              CANCELLED            exit 1
    |- ModelError             FAILED_PRECONDITION  exit 1
    |- DamagedFeatures        DATA_LOSS            exit 1
    `- StoreError             INTERNAL             exit 1
       |- StoreLocked         FAILED_PRECONDITION  exit 1
       |- StoreVersion        FAILED_PRECONDITION  exit 1
       |- ModelMismatch       FAILED_PRECONDITION  exit 1
       |- CorruptStore        DATA_LOSS            exit 1
       `- StoreFull           RESOURCE_EXHAUSTED   exit 1

A class carries the gRPC status it is sent as and the exit code a command ends with. A message names the thing
(path, field), the value, the limit and the remedy, because it is all that the person at the other end will see. Where
it may name the daemon's own files, the class has a text of its own for callers (`told`): the message is for the log.
Anything that is not a `SimdError` is a bug: it is logged with a traceback and its text is not sent to a caller.
"""

from __future__ import annotations

import errno
import re
from enum import StrEnum
from typing import ClassVar, Self


class SimdError(Exception):
    """Base of everything raised on purpose.

    Args:
        message: what happened, to which thing, and what to do about it.
        field: the request field or setting at fault, where there is one.
        remedy: what the caller can do, when it is worth saying apart from the message.
    """

    status: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1
    retry_after_s: ClassVar[float | None] = None
    """After so many seconds the same call may succeed; None if trying again does not help."""
    told: ClassVar[str] = "the daemon could not do this"
    """What a caller is told in place of the message; "" where the message is about the request and may be sent."""

    def __init__(self, message: str, *, field: str = "", remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.field = field
        self.remedy = remedy

    def again(self) -> Self:
        """The same, to raise once more. An error that was raised holds the frames that it passed."""
        fresh = type(self).__new__(type(self), *self.args)
        fresh.__dict__.update(self.__dict__)
        return fresh


class ConfigError(SimdError):
    """A setting is unknown, malformed or cannot be honoured on this machine."""

    status = "FAILED_PRECONDITION"
    told = "a setting of the daemon cannot be honoured"
    exit_code = 2


class NotNow(ConfigError):
    """A setting is right and this machine cannot honour it as it is now: to start again later may help."""

    exit_code = 1


class InvalidRequest(SimdError):
    """A request cannot be answered as it stands."""

    status = "INVALID_ARGUMENT"
    told = ""


class NotFound(InvalidRequest):
    """A request names an image, file or root that is not known."""

    status = "NOT_FOUND"
    exit_code = 4


class OutOfRange(InvalidRequest):
    """A request names a place beyond the end of what it asks for."""

    status = "OUT_OF_RANGE"


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
    KILLED = "decoder_killed"
    FAILED = "internal_error"
    POSTPONED = "postponed"
    REMOVED = "removed"

    @property
    def is_passing(self) -> bool:
        """Whether it is no fault of the file's content, so that a scan tries again although the file stands still."""
        return self in (Reason.UNREADABLE, Reason.KILLED, Reason.FAILED)


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


class Unauthenticated(SimdError):
    """The daemon asks for a token, and this call has none that it knows."""

    status = "UNAUTHENTICATED"
    told = ""


class PermissionDenied(SimdError):
    """The caller's role is not enough for this call."""

    status = "PERMISSION_DENIED"
    told = ""


class NotReady(SimdError):
    """The daemon is starting or stopping; the same call succeeds later."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 1.0
    told = ""


class IndexUnavailable(SimdError):
    """The index cannot be reached now."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 1.0
    told = "the index cannot be reached now"


class DecoderUnavailable(SimdError):
    """No decode worker can be started, or no file be opened, now; the same picture may be decoded later."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 1.0
    told = "no picture can be decoded now, because the daemon may start no process for it, or open no more files"


class FileChanged(SimdError):
    """A file was written to while it was read: what was read is nobody's picture. Try again when it has settled."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 1.0
    told = ""


class ImageUnreadable(SimdError):
    """The files of an indexed image cannot be read now, or hold something else by now; the next scan finds out."""

    status = "FAILED_PRECONDITION"
    told = ""


class TooFewLabels(SimdError):
    """Nothing can be suggested by labels before there are some."""

    status = "FAILED_PRECONDITION"
    told = ""


class AtlasUnavailable(SimdError):
    """There is no map: it is turned off, cannot be made here, or is not made yet."""

    status = "FAILED_PRECONDITION"
    told = ""


class ReplicaUnavailable(SimdError):
    """The engine of the replica cannot be reached, or does not answer in time."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 5.0
    told = ""


class ReplicaRefused(SimdError):
    """The replica is not this daemon's to use: it is of another model or version, or another has the host's name."""

    status = "FAILED_PRECONDITION"
    told = ""


class NoReplica(SimdError):
    """Something is asked of a replica, and none is configured."""

    status = "FAILED_PRECONDITION"
    told = ""


class ImageElsewhere(SimdError):
    """An image is on another host, whose daemon is not configured as a peer."""

    status = "FAILED_PRECONDITION"
    told = ""


class PeerUnavailable(SimdError):
    """The daemon of the host that has an image cannot be asked for it now."""

    status = "UNAVAILABLE"
    exit_code = 3
    retry_after_s = 5.0
    told = ""


class Overloaded(SimdError):
    """More is asked of the daemon at once than it takes on; the same call succeeds later."""

    status = "RESOURCE_EXHAUSTED"
    retry_after_s = 1.0
    told = ""


class Abandoned(SimdError):
    """Nobody waits for the answer any more: the caller left, or its deadline is over."""

    status = "CANCELLED"
    told = ""


class ModelError(SimdError):
    """A model cannot be found, loaded or trusted."""

    status = "FAILED_PRECONDITION"
    told = "the model cannot be used"


class DamagedFeatures(SimdError):
    """Bytes are no local features of this version: they were damaged, or never were any. Extract them anew."""

    status = "DATA_LOSS"
    told = "what was kept of a picture to compare it is damaged"


class StoreError(SimdError):
    """The store on disk cannot be used, or an operation on it failed."""

    told = "the store cannot be used"


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
        remedy: what to do about it.
    """

    status = "DATA_LOSS"
    told = "the store is damaged; `simd check` says what is affected"

    def __init__(
        self,
        path: object,
        offset: int,
        what: str,
        *,
        remedy: str = "`simd check` says what is affected, `simd check --repair` saves the rest",
    ) -> None:
        super().__init__(f"{path}: damaged at byte {offset}: {what}", remedy=remedy)
        self.path = path
        self.offset = offset
        self.what = what


class StoreFull(StoreError):
    """No room on the disk; nothing that was acknowledged is lost."""

    status = "RESOURCE_EXHAUSTED"
    retry_after_s = 30.0
    told = "there is no room on the daemon's disk"


def reason_of(error: type[SimdError]) -> str:
    """A class's name as programs match on it: `NotReady` -> NOT_READY."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).upper()


def for_callers(error: Exception) -> str:
    """What may be told of an error to whoever may call: nothing of the daemon's own files, and no bug's text."""
    if not isinstance(error, SimdError):
        return "an error that only the daemon's log tells"
    return error.told or str(error)


_OUT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)


def unreadable(error: OSError, what: str = "the file cannot be read") -> ImageRejected | DecoderUnavailable:
    """Why a file cannot be opened or read: by its own fault, or because the daemon is out of something."""
    text = f"{what}: {error.strerror or error}"
    return DecoderUnavailable(text) if error.errno in _OUT_OF else ImageRejected(Reason.UNREADABLE, text)
