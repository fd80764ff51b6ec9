"""The calls of InsightService about labels, and what labels and copies say together.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from simctl.connection import Connection, Path, absolute

if TYPE_CHECKING:
    from simctl import labelled
    from simd.v1 import insight_service_pb2

_MOST_ROWS = 10_000
_MOST_BYTES = 256 << 10
"""Of labels and paths in a request: any daemon takes it."""


class Labelling(Connection):
    """Labels, contradictions, leaks and splits."""

    def import_labels(
        self,
        rows: Iterable[labelled.LabelRow],
        *,
        replace: bool = False,
        dry_run: bool = False,
        since: float | None = None,
        progress: Callable[[int], object] = int,
        timeout: float | None = None,
    ) -> labelled.LabelImport:
        """Label images: by path where one is known there, and else by `image_id`.

        Args:
            rows: which, and how.
            replace: take away what labels these images have otherwise.
            dry_run: change nothing, and only tell what would become of it.
            since: that of the import which this one is a part of, so that `replace` leaves what the other part said.
            progress: called with the number of rows that are done.
            timeout: seconds for each request; there are as many as the rows need.
        """
        from simctl import labelled
        from simd.v1 import insight_service_pb2 as wire

        by_path = by_content = added = removed = done = 0
        unmatched: list[int] = []
        left = (_row_to(row) for row in rows)
        for batch in _batches(left):
            request = wire.ImportLabelsRequest(rows=batch, replace=replace, dry_run=dry_run)
            answer = self._call(self._insight_stub().ImportLabels, request, timeout)
            by_path, by_content = by_path + answer.by_path, by_content + answer.by_content
            added, removed = added + answer.added, removed + answer.removed
            unmatched += [done + number for number in answer.unmatched_rows]
            done += len(batch)
            progress(done)
        return labelled.LabelImport(by_path, by_content, tuple(unmatched), added, removed, since or 0.0)

    def clear_labels(
        self,
        *,
        path_prefix: Path | None = None,
        image_ids: Iterable[str] = (),
        everything: bool = False,
        labels: Iterable[str] = (),
        timeout: float | None = None,
    ) -> int:
        """Take labels away; how many, counted once for each image.

        Args:
            path_prefix: those of the images with a file under this path; or
            image_ids: those of these images; or
            everything: all that there are.
            labels: only these; none means every one.
            timeout: seconds.
        """
        from simd.v1 import insight_service_pb2 as wire

        request = wire.ClearLabelsRequest(
            path_prefix_bytes=b"" if path_prefix is None else absolute(path_prefix),
            image_ids=image_ids,
            all=everything,
            labels=labels,
        )
        return int(self._call(self._insight_stub().ClearLabels, request, timeout).removed)


def _row_to(row: labelled.LabelRow) -> insight_service_pb2.LabelRow:
    from simd.v1 import insight_service_pb2 as wire

    path = os.fsencode(row.path)
    return wire.LabelRow(path_bytes=absolute(path) if path else b"", image_id=row.image_id, labels=row.labels)


def _batches(rows: Iterator[insight_service_pb2.LabelRow]) -> Iterator[list[Any]]:
    """Rows, as many together as a request takes."""
    while batch := list(islice(rows, 1)):
        size = batch[0].ByteSize()
        for row in islice(rows, _MOST_ROWS - 1):
            batch.append(row)
            size += row.ByteSize()
            if size > _MOST_BYTES:
                break
        yield batch
