"""The labels of the daemon, as a clean-up needs them. The daemon is connected to when the first label is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from simctl.client import Client
from simctl.labels.labelled import LabelRow


class DaemonLabels:
    """Labels of images; see `simctl.cleanup.labels.Labels`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def lacking(self, image_id: str, labels: Sequence[str]) -> list[str]:
        """Which of these labels an image does not have."""
        return [label for label in labels if self._imported(image_id, [label], dry_run=True)]

    def add(self, image_id: str, labels: Sequence[str]) -> None:
        """Give an image labels."""
        self._imported(image_id, labels, dry_run=False)

    def remove(self, image_id: str, labels: Sequence[str]) -> None:
        """Take labels away from an image."""
        self._client.clear_labels(image_ids=[image_id], labels=labels)

    def _imported(self, image_id: str, labels: Sequence[str], *, dry_run: bool) -> int:
        """How many of the labels are new to the image."""
        row = LabelRow(labels=tuple(labels), image_id=image_id)
        return self._client.import_labels([row], dry_run=dry_run).added
