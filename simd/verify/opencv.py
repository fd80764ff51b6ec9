"""OpenCV, of the extra `verify`: the only file that imports it, and it does so late."""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

from simd.errors import ConfigError


def available() -> bool:
    """Whether the extra is installed; nothing is imported for the answer."""
    return importlib.util.find_spec("cv2") is not None


@cache
def opencv() -> Any:
    """The module. It uses one thread a call: whoever calls has threads or processes of their own.

    Raises:
        ConfigError: the extra is not installed, or does not load.
    """
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            f"OpenCV cannot be imported: {error}", remedy="install the extra: pip install 'simd-images[verify]'"
        ) from error
    cv2.setNumThreads(1)
    return cv2
