"""In place of a damaged store, one of everything in it that is sound.

    DIR.repairing   the new store, while it is filled
    DIR.repaired    the new store, complete
    DIR.damaged-N   the damaged one, for a person to remove

Crash note: until it is named DIR.repaired the new store does not count; from then on it is complete. A crash after the
damaged one was set aside leaves nothing at DIR, where opening would make an empty store: whoever opens or checks one
calls `finish_repair` first, which puts DIR.repaired there.
"""

from __future__ import annotations

import logging
from itertools import count
from pathlib import Path

from simd.durable import DirectoryLock, Disk
from simd.storage.identity import identity_of
from simd.storage.salvage import Salvaged, salvage
from simd.storage.store import Store, StoreOptions

log = logging.getLogger(__name__)

FAILPOINTS = ("repair.saved", "repair.complete", "repair.set_aside", "repair.installed")
"""Between the effects of a repair on the directory of stores."""

REPAIRING, REPAIRED = ".repairing", ".repaired"


def repair_store(
    directory: Path,
    dimension: int,
    fingerprint: bytes,
    *,
    disk: Disk | None = None,
    options: StoreOptions | None = None,
) -> Salvaged:
    """Put a store of everything that is sound in the place of a damaged one, which is kept beside it.

    Nobody may have it open. Until the end nothing is changed, so a failure or a crash costs nothing but time.

    Raises:
        StoreLocked: it is open.
        StoreVersion: another version wrote a part of it.
        StoreFull: no room for the new store.
    """
    disk = disk or Disk()
    fresh, complete = _beside(directory, REPAIRING), _beside(directory, REPAIRED)
    lock = DirectoryLock(directory)
    try:
        identity_of(directory)
        disk.remove(fresh)
        if complete.exists():
            # Of an earlier repair; by its name it must be complete as long as it is there.
            disk.rename(complete, fresh)
            disk.remove(fresh)
        store = Store(fresh, dimension, fingerprint, disk=disk, options=options)
        try:
            salvaged = salvage(directory, store)
        finally:
            store.close()
        disk.failpoint("repair.saved")
        disk.rename(fresh, complete)
        disk.failpoint("repair.complete")
        set_aside(directory, disk)
        disk.failpoint("repair.set_aside")
        disk.rename(complete, directory)
        disk.failpoint("repair.installed")
    finally:
        lock.release()
    return salvaged


def set_aside(directory: Path, disk: Disk | None = None) -> Path:
    """Give a damaged store another name, which is returned; nobody may have it open."""
    disk = disk or Disk()
    asides = (_beside(directory, f".damaged-{n}") for n in count(1))
    aside = next(path for path in asides if not path.exists())
    disk.rename(directory, aside)
    return aside


def finish_repair(directory: Path, disk: Disk | None = None) -> None:
    """Put the repaired store in its place if a crash kept it from there. Nobody may have it open."""
    disk, complete = disk or Disk(), _beside(directory, REPAIRED)
    if not directory.exists() and complete.exists():
        disk.rename(complete, directory)
        log.warning("%s: the repair that a crash had cut short is complete", directory)


def _beside(directory: Path, suffix: str) -> Path:
    return directory.with_name(directory.name + suffix)
