"""`simd check`: read every index in use and the catalogue, and mend the indexes that are damaged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from simd.catalogue.catalogue import Catalogue
from simd.config import Settings
from simd.durable import DirectoryLock
from simd.errors import ModelError, StoreError
from simd.featurize import models
from simd.index.repair import finish_repair, repair_store
from simd.openmodel import store_options
from simd.statedir import Indexes, prepare
from simd.storage.check import check_directory


def check(settings: Settings, *, repair: bool = False) -> list[str]:
    """Read the whole index, during a model switch both, and the catalogue; every problem found, one sentence each.

    Args:
        repair: put an index of everything that is sound in its place if there are problems. What is lost is embedded
            again by the next start, and nothing else is. A catalogue is not repaired: it can be made anew.

    Raises:
        StoreLocked: the daemon is running.
    """
    prepare(settings.state_dir)
    lock = DirectoryLock(settings.state_dir)
    try:
        indexes = Indexes(settings.state_dir)
        mark = indexes.mark()
        problems: list[str] = []
        found: dict[bytes, models.Model] = {}
        for setting in (settings.model, mark.model if mark else settings.model):
            try:
                model = models.resolve(setting, settings.model_cache)
                found[model.fingerprint] = model
            except ModelError as error:
                problems.append(str(error))
        for model in found.values():
            problems += _check(settings, indexes, model, repair)
        return problems + _check_catalogue(settings.state_dir / "catalogue.sqlite")
    finally:
        lock.release()


def _check(settings: Settings, indexes: Indexes, model: models.Model, repair: bool) -> list[str]:
    directory = indexes.directory(model.fingerprint.hex())
    finish_repair(directory)
    problems = check_directory(directory) if directory.exists() else []
    if problems and repair:
        options = store_options(settings)
        saved = repair_store(directory, model.spec.dimension, model.fingerprint, options=options)
        problems += [f"repaired: {saved.images} images saved", *saved.losses]
    return problems


def _check_catalogue(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        with closing(Catalogue.open(path)) as catalogue:
            catalogue.check()
    except StoreError as error:
        return [str(error)]
    return []
