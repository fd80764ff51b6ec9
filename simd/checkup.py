"""`simd check`: read every index in use, and mend what is damaged."""

from __future__ import annotations

from simd.config import Settings
from simd.durable import DirectoryLock
from simd.errors import ModelError
from simd.featurize import models
from simd.index.repair import finish_repair, repair_store
from simd.openmodel import store_options
from simd.statedir import Indexes, prepare
from simd.storage.check import check_directory


def check(settings: Settings, *, repair: bool = False) -> list[str]:
    """Read the whole index, during a model switch both; every problem found, one sentence each.

    Args:
        repair: put an index of everything that is sound in its place if there are problems. What is lost is embedded
            again by the next start, and nothing else is.

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
        return problems
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
