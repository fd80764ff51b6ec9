"""The calls of InsightService about labels, and what labels and copies say together.

What a call needs is imported by that call, because a search should cost little more than importing gRPC does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from simctl.connection import Connection, Path, absolute

if TYPE_CHECKING:
    from simctl.labels import labelled
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
        progress: Callable[[int], object] | None = None,
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
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        by_path = by_content = added = removed = done = 0
        unmatched: list[int] = []
        left = (_row_to(row) for row in rows)
        for batch in _batches(left):
            request = wire.ImportLabelsRequest(rows=batch, replace=replace, dry_run=dry_run)
            if since is not None:
                request.since_time.FromMilliseconds(round(since * 1000))
            answer = self._call(self._insight_stub().ImportLabels, request, timeout)
            if since is None:
                since = answer.imported_time.ToMilliseconds() / 1000
            by_path, by_content = by_path + answer.by_path, by_content + answer.by_content
            added, removed = added + answer.added, removed + answer.removed
            unmatched += [done + number for number in answer.unmatched_rows]
            done += len(batch)
            if progress is not None:
                progress(done)
        return labelled.LabelImport(by_path, by_content, tuple(unmatched), added, removed, since or 0.0)

    def export_labels(
        self, path_prefix: Path | None = None, *, timeout: float | None = None
    ) -> Iterator[labelled.LabelledImage]:
        """Every labelled image, in the order of the ids; one whose files were labelled differently comes once for each
        way.

        Args:
            path_prefix: only images with a file under this path.
            timeout: seconds for each page.
        """
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        prefix = b"" if path_prefix is None else absolute(path_prefix)
        request = wire.ExportLabelsRequest(page_size=1000, path_prefix_bytes=prefix)
        for page in self._pages(self._insight_stub().ExportLabels, request, timeout):
            yield from map(labelled.labelled_image, page.rows)

    def count_labels(self, *, timeout: float | None = None) -> labelled.LabelCounts:
        """Every label, and how many images carry it."""
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        answer = self._call(self._insight_stub().CountLabels, wire.CountLabelsRequest(), timeout, reads=True)
        return labelled.LabelCounts({one.label: one.images for one in answer.labels}, answer.images)

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

    def contradictions(
        self,
        *,
        within: Iterable[Path] = (),
        between: bool = False,
        against: Iterable[Path] = (),
        across_folders: bool = False,
        tiers: Iterable[str] = (),
        differing_only: bool = False,
        member_limit: int = 20,
        timeout: float | None = None,
    ) -> Iterator[labelled.Contradiction]:
        """Pictures whose files are not labelled alike, those that differ first.

        Args:
            within: only files under these paths.
            between: only pictures with files under more than one of `within`.
            against: only pictures with a file under one of these and one elsewhere.
            across_folders: without the files in the folder of the largest.
            tiers: only copies of these tiers; none means exact, pixels and near.
            differing_only: without those that only lack labels.
            member_limit: how many files of each are told at most, 1 to 1000.
            timeout: seconds for each page.
        """
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        options = wire.DuplicateOptions(
            within_bytes=map(absolute, within),
            between=between,
            against_bytes=map(absolute, against),
            across_folders=across_folders,
            tiers=tiers,
        )
        request = wire.ListContradictionsRequest(
            options=options, differing_only=differing_only, member_limit=member_limit, page_size=100
        )
        for page in self._pages(self._insight_stub().ListContradictions, request, timeout):
            yield from map(labelled.contradiction, page.contradictions)

    def leaks(self, left: Path, right: Path, *, timeout: float | None = None) -> Iterator[labelled.Leak]:
        """Pairs of files that are the same picture, one on each side; read page by page, `timeout` for each."""
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        request = wire.ListLeaksRequest(left_bytes=absolute(left), right_bytes=absolute(right), page_size=1000)
        for page in self._pages(self._insight_stub().ListLeaks, request, timeout):
            yield from map(labelled.leak, page.leaks)

    def split(
        self,
        shares: Mapping[str, float],
        *,
        within: Iterable[Path] = (),
        labelled_only: bool = False,
        seed: int = 0,
        keepers_only: bool = False,
        timeout: float | None = None,
    ) -> labelled.Split:
        """Divide files so that no picture is on two sides, and each label by the shares.

        Args:
            shares: of each side, by its name; they are divided by their sum.
            within: only files under these paths; none means all.
            labelled_only: only files whose image is labelled.
            seed: another one divides otherwise.
            keepers_only: only one file of each picture.
            timeout: seconds.
        """
        from simctl.labels import labelled
        from simd.v1 import insight_service_pb2 as wire

        request = wire.SplitRequest(
            shares=[wire.Share(name=name, share=share) for name, share in shares.items()],
            within_bytes=map(absolute, within),
            labelled_only=labelled_only,
            seed=seed,
            keepers_only=keepers_only,
        )
        return labelled.split(self._stream(self._insight_stub().Split, request, timeout))


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
