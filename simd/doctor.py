"""`simd doctor`: what is in force on this machine, and what is wrong. A line that begins with `!!` is a problem."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from simd import __version__
from simd.config import Settings
from simd.errors import SimdError
from simd.featurize.engines.choose import choose
from simd.featurize.models import KNOWN, resolve
from simd.watch.filesystems import mode_of

_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")


def examine(settings: Settings) -> list[str]:
    """Everything worth saying, one line each. Converts the model if that was never done."""
    return [*_settings(settings), *_model(settings), *_machine(settings), *_roots(settings)]


def _settings(settings: Settings) -> Iterator[str]:
    yield f"simd {__version__}"
    for key, origin in settings.source.items():
        value = getattr(settings, key)
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        yield f"   {key} = {shown}  ({origin})"


def _model(settings: Settings) -> Iterator[str]:
    spec = KNOWN.get(settings.model)
    if spec is not None:
        yield f"model {spec.name}: {spec.dimension} values, {spec.licence}, from {spec.source}"
    try:
        model = resolve(settings.model, settings.model_cache)
        yield f"   {model.directory}, fingerprint {model.fingerprint.hex()[:16]}"
        yield f"device {choose(settings.device).reason}"
    except SimdError as error:
        yield f"!! {error}"


def _machine(settings: Settings) -> Iterator[str]:
    yield f"threads {settings.threads}"
    for path in (_WATCHES, _INSTANCES):
        try:
            yield f"{path.name} = {path.read_text().strip()}"
        except OSError as error:
            yield f"!! {path}: {error.strerror}"
    for directory in (settings.state_dir, settings.model_cache):
        nearest = next(p for p in (directory, *directory.parents) if p.exists())
        if not os.access(nearest, os.W_OK):
            yield f"!! {directory} cannot be written"


def _roots(settings: Settings) -> Iterator[str]:
    if not settings.roots:
        yield "no roots are configured; `simctl add DIR` adds one"
    for root in settings.roots:
        if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
            yield f"root {root}: {mode_of(os.fsencode(root))}"
        else:
            yield f"!! root {root}: not a readable directory"
