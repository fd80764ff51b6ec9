"""Models made once and kept: each in a directory of its own, whole or not there at all.

A model is made in a temporary directory, by a child process where TensorFlow is needed, and renamed into place. A
crash, or another process that makes the same one, leaves a whole model or none; a damaged one is made again.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from simd.durable import Disk
from simd.errors import ModelError
from simd.featurize.models.description import describe, load
from simd.featurize.models.spec import Model, ModelSpec
from simd.featurize.workers import process

_ABANDONED_AFTER_S = 3600.0

_log = logging.getLogger(__name__)


class ModelCache:
    """The directory of the models that were made.

    Args:
        directory: created when something is put into it.
        disk: what writes to it.
    """

    def __init__(self, directory: Path, disk: Disk) -> None:
        self.directory = directory
        self._disk = disk

    def get(self, name: str, make: Callable[[Path], ModelSpec]) -> Model:
        """The model of this name, made if it is not there or is damaged.

        Args:
            name: of its directory.
            make: writes the model's files into a directory that does not exist yet, and says what they are.

        Raises:
            ModelError: it cannot be made or written.
            StoreError: the cache cannot be created.
        """
        target = self.directory / name
        if target.exists():
            try:
                return load(target)
            except ModelError as error:
                _log.warning("%s; converting it again", error)
        self._disk.make_dir(self.directory)
        self._sweep()
        _log.info("converting a model into %s", target)
        try:
            self._put(target, make)
        except OSError as error:
            raise ModelError(f"the model cannot be written into {self.directory}: {error.strerror or error}") from error
        self._disk.sync_dir(self.directory)
        return load(target)

    def _put(self, target: Path, make: Callable[[Path], ModelSpec]) -> None:
        with tempfile.TemporaryDirectory(dir=self.directory, prefix=".new-") as scratch:
            fresh = Path(scratch) / "model"
            describe(make(fresh), fresh)
            with suppress(FileNotFoundError):
                os.rename(target, Path(scratch) / "old")
            try:
                os.rename(fresh, target)
            except OSError as error:
                # Another process was faster; what it put there is loaded, and verified, like any other.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def _sweep(self) -> None:
        """Remove what conversions that were killed left behind."""
        for left in self.directory.glob(".new-*"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)


def run_export(*arguments: str, extra: Mapping[str, str] | None = None, timeout_s: float = 600.0) -> None:
    """Run `simd.featurize.models.export` in a child process: TensorFlow's memory goes when it ends.

    Raises:
        ModelError: it failed; the message is the last that it said.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    try:
        done = subprocess.run(
            process.command("simd.featurize.models.export", *arguments),
            env=process.environment({**quiet, **(extra or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"it did not end within {timeout_s:.0f} s") from error
    except OSError as error:
        raise ModelError(f"its process cannot be started: {error.strerror or error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        how = f" ({process.status_text(done.returncode)})" if done.returncode < 0 else ""
        raise ModelError(said[-1] + how)
