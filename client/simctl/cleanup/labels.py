"""The labels that a clean-up carries over: the part of the daemon that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Labels(Protocol):
    """Labels of images. Every call raises `SimctlError`, and `DaemonUnreachable` when no daemon answers."""

    def lacking(self, image_id: str, labels: Sequence[str]) -> list[str]:
        """Which of these labels an image does not have."""
        ...

    def add(self, image_id: str, labels: Sequence[str]) -> None:
        """Give an image labels; it keeps those that it has."""
        ...

    def remove(self, image_id: str, labels: Sequence[str]) -> None:
        """Take labels away from an image; those that it does not have are passed over."""
        ...
