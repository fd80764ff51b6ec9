"""`simd check`: read every index in use and the databases, and mend what is damaged. No model is needed for it.

The process acts as the owner of the state directory from then on (`ownership.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simd.app import ownership
from simd.app.openmodel import store_options
from simd.app.statedir import Indexes
from simd.app.unit import holds_state
from simd.catalogue.schema import SCHEMA as CATALOGUE
from simd.config import Settings
from simd.decisions.schema import FILE as DECISIONS
from simd.decisions.schema import SCHEMA as DECISIONS_SCHEMA
from simd.derived.kinds import FEATURES, ICONS
from simd.durable import DirectoryLock
from simd.errors import ConfigError, CorruptStore, StoreError, StoreLocked, StoreVersion
from simd.index.repair import finish_repair, repair_store, set_aside
from simd.insight.atlas.store import FILE as ATLAS
from simd.insight.atlas.store import SCHEMA as ATLAS_SCHEMA
from simd.insight.pairs.store import FILE as PAIRS
from simd.insight.pairs.store import SCHEMA as PAIRS_SCHEMA
from simd.replica.store import FILE as REPLICA
from simd.replica.store import SCHEMA as REPLICA_SCHEMA
from simd.sqlite.repair import check_file, repair_file
from simd.sqlite.schema import Schema
from simd.storage.check import check_directory
from simd.storage.identity import identity_of
from simd.storage.recovery import is_unmade

DATABASES = {
    "catalogue.sqlite": CATALOGUE,
    DECISIONS: DECISIONS_SCHEMA,
    FEATURES.file: FEATURES.schema,
    ICONS.file: ICONS.schema,
    PAIRS: PAIRS_SCHEMA,
    ATLAS: ATLAS_SCHEMA,
    REPLICA: REPLICA_SCHEMA,
}
"""Beside the indexes in the state directory."""


def check(settings: Settings, *, repair: bool = False) -> list[str]:
    """Read the indexes in use, during a model switch both, and the databases; every problem found, one sentence each.

    Args:
        repair: put in the place of what is damaged what is sound of it. What is lost is embedded again by the next
            start, and nothing else is. What another version wrote is left alone.

    Raises:
        StoreLocked: the daemon is running.
        StoreError: the state directory cannot be written.
        ConfigError: there is no state in it.
    """
    directory = settings.state_dir
    _require_state(directory)
    problems = list(_owners(directory, repair))
    ownership.act_as_owner(directory)
    try:
        lock = DirectoryLock(directory)
    except StoreLocked:
        raise
    except StoreError:
        if problems:
            return problems
        raise
    try:
        indexes = Indexes(directory)
        problems += _mark(indexes, repair)
        for index in indexes.in_use():
            problems += _index(index, settings, repair)
        for name, schema in DATABASES.items():
            problems += _database(directory / name, schema, repair)
        return problems
    finally:
        lock.release()


def _require_state(directory: Path) -> None:
    try:
        os.scandir(directory).close()
        if holds_state(directory):
            return
        what = f"no daemon has kept anything in {directory} yet"
    except FileNotFoundError:
        what = f"there is no state directory {directory}"
    except OSError as error:
        what = f"the state directory {directory} cannot be read: {error.strerror}"
    raise ConfigError(what, field="state_dir", remedy="say with --state-dir where the daemon keeps its state; that of "
                                                      "a service is for root to check")  # fmt: skip


def _owners(directory: Path, repair: bool) -> Iterator[str]:
    """Files that the daemon cannot write, as they are not its own."""
    found = ownership.foreign_files(directory)
    if not found:
        return
    what = f"{len(found)} files of {directory} are not their directory's owner's, such as {found[0]}: "
    if not repair:
        yield what + "the daemon cannot write them; `simd check --repair`, as root, gives them back"
        return
    try:
        ownership.restore_owner(directory)
    except OSError as error:
        yield what + f"they cannot be given back ({error.strerror}); do it as root"
    else:
        yield what + "they were given back"


def _mark(indexes: Indexes, repair: bool) -> list[str]:
    try:
        indexes.mark()
    except CorruptStore as error:
        if not repair:
            return [str(error)]
        aside = indexes.forget_mark()
        return [f"{error.path}: damaged; it is {aside.name} now, and the configured model's index answers"]
    except StoreError as error:
        return [str(error)]
    return []


def _index(directory: Path, settings: Settings, repair: bool) -> list[str]:
    finish_repair(directory)
    if not directory.exists() or is_unmade(directory):
        return []
    problems = check_directory(directory)
    if not problems or not repair:
        return problems
    try:
        identity = identity_of(directory)
        if identity is None:
            return [*problems, f"{directory}: nothing can be saved of it; it is {set_aside(directory).name} now"]
        saved = repair_store(directory, *identity, options=store_options(settings))
    except StoreVersion as error:
        return [*problems, f"nothing is repaired in {directory}: {error}"]
    return [*problems, f"repaired: {saved.images} images saved", *saved.losses]


def _database(path: Path, schema: Schema, repair: bool) -> list[str]:
    if not path.exists():
        return []
    try:
        check_file(path, schema)
    except CorruptStore as error:
        if not repair:
            return [str(error)]
        saved = repair_file(path, schema)
        kept = " and ".join(f"{count} {noun}" for noun, count in saved.rows.items())
        new = f"a new one has {kept} of it" if kept else f"there is an empty one: {schema.without}"
        return [f"{path}: damaged; it is {saved.aside.name} now, and {new}"]
    except StoreError as error:
        return [str(error)]
    return []
