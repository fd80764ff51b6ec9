"""What a clean-up would do, group by group."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that belongs to a picture and goes with it.

    Args:
        path: absolute.
        size: in bytes.
        mtime_ns: the time of its last change, in nanoseconds.
        digest: BLAKE2b-128 of its bytes, 32 hex digits.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture's file.

    Args:
        path: absolute.
        image_id: BLAKE2b-128 of its bytes, 32 hex digits.
        size: in bytes.
        mtime_ns: the time of its last change, in nanoseconds.
        tier: what it is to the keeper; empty for the keeper.
        similarity: to the keeper, -1 to 1; None for the keeper.
        why: why it stays or goes, for a person.
        companions: what goes with it; of what stays, its sidecars.
    """

    path: str
    image_id: str
    size: int
    mtime_ns: int
    tier: str = ""
    similarity: float | None = None
    why: str = ""
    companions: tuple[Companion, ...] = ()


@dataclass(frozen=True, slots=True)
class CarriedLabels:
    """Labels that the image `to` gets before pictures go."""

    labels: tuple[str, ...]
    to: str


@dataclass(frozen=True, slots=True)
class CarriedSidecar:
    """A sidecar that is copied beside the keeper before its picture goes.

    Args:
        source: the sidecar.
        to: its copy, whose name is free.
        against: the keeper's own sidecar that has other bytes and stays as it is; empty if there is none.
    """

    source: str
    to: str
    against: str = ""


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group of files that are the same picture.

    Args:
        group_id: the image_id of its keeper.
        tier: the weakest of its members.
        reason: why the keeper stays, for a person.
        stays: the keeper first.
        goes: what is cleaned up.
        labels: what is carried over to images.
        sidecars: what is carried over to folders.
    """

    group_id: str
    tier: str
    reason: str
    stays: tuple[Entry, ...]
    goes: tuple[Entry, ...]
    labels: tuple[CarriedLabels, ...] = ()
    sidecars: tuple[CarriedSidecar, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a clean-up; `created` is when it was written, as text."""

    created: str
    groups: tuple[PlannedGroup, ...]
