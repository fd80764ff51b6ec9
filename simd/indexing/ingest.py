"""The door to indexing: what requests and filesystem hints ask of it.

A removed file stays on disk, so it is remembered in the ledger (reason `removed`) with the stamp it had: scans leave it
alone until it changes or somebody adds it again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import RejectedFile
from simd.errors import InvalidRequest, NotReady, Reason
from simd.index.base import Index
from simd.indexing.backlog import Backlog, Urgency
from simd.indexing.indexer import Indexer
from simd.indexing.roots import Roots
from simd.indexing.scans import Scans
from simd.types import (
    AddReport,
    Change,
    ChangeKind,
    FileKey,
    ImageId,
    Progress,
    Rejection,
    RemoveReport,
    RootStatus,
    ScanReport,
)
from simd.watch.hint import Hint, HintKind
from simd.watch.ignore import Ignore
from simd.watch.settle import Settler
from simd.watch.watcher import Watcher

log = logging.getLogger(__name__)

_REMOVED = Rejection(Reason.REMOVED, "taken out on request; add it again to have it back")


class Ingest:
    """Ties the loop, the scans and the watcher together. Every method may be called from any thread.

    Args:
        configured: absolute paths of the roots that the configuration names.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        index: Index,
        roots: Roots,
        indexer: Indexer,
        scans: Scans,
        backlog: Backlog,
        settler: Settler,
        ignore: Ignore,
        configured: Collection[bytes] = (),
    ) -> None:
        self._catalogue = catalogue
        self._index = index
        self._roots = roots
        self._indexer = indexer
        self._scans = scans
        self._backlog = backlog
        self._settler = settler
        self._ignore = ignore
        self._configured = frozenset(map(os.path.normpath, configured))
        self._watcher = Watcher(lambda hint: indexer.post(lambda: self._hear(hint)), ignore)

    def start(self) -> None:
        """Watch first, then scan: what changes in between is seen twice rather than never."""
        self._indexer.start()
        self._scans.start()
        for root in self._roots.all():
            self._watcher.watch(root)
            self._scans.hint(root.root_id)

    def stop(self) -> None:
        """End within the batch under way."""
        self._watcher.close()
        self._scans.stop()
        self._indexer.stop()
        self._indexer.outcomes.abandon(NotReady("the daemon is stopping"))

    def add(self, paths: Sequence[bytes]) -> AddReport:
        """Index files now, and folders from now on.

        A file must be inside a root; the call returns when it is searchable or refused. A folder outside every root
        becomes one; a folder's files are queued and counted, not waited for.

        Raises:
            InvalidRequest: a file is not inside a root, or a path is neither file nor folder.
        """
        keys, queued = [], 0
        for path in paths:
            if os.path.isdir(path):
                queued += self._add_folder(path)
            else:
                keys.append(self._key_of_file(path))
        unchanged = {key for key in keys if self._is_current(key)}
        wanted = [key for key in dict.fromkeys(keys) if key not in unchanged]
        self._indexer.run(lambda: self._forget_rejected(wanted, removed=True)).result()
        waiting = [(key, self._indexer.outcomes.expect(key)) for key in wanted]
        for key in wanted:
            self._backlog.push(Change(ChangeKind.UPSERT, key), Urgency.EVENT)
        self._indexer.wake()
        added, rejected = 0, []
        for key, future in waiting:
            outcome = future.result()
            if outcome.image_id is not None:
                added += 1
            else:
                why = outcome.rejection or Rejection(
                    Reason.UNREADABLE, "it is gone or could not be indexed now; the log says which"
                )
                rejected.append((self._roots.where(key) or key.path, why))
        return AddReport(added, len(unchanged), tuple(rejected), queued)

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId]) -> RemoveReport:
        """Take files, folders and images out of the answers; a root that was added is no longer watched.

        Raises:
            InvalidRequest: a path is a root that the configuration names.
        """
        return self._indexer.run(lambda: self._remove(paths, image_ids)).result()

    def scan(self, paths: Sequence[bytes], *, retry_rejected: bool, confirm_deletes: bool = False) -> ScanReport:
        """Compare roots, or folders in them, with the catalogue; no path means every root.

        Args:
            retry_rejected: try again what is in the ledger, but for what was taken out on request.
            confirm_deletes: what is gone is meant to be gone, even if it is most of a root.

        Raises:
            InvalidRequest: a path is not inside a root.
        """
        keys = [self._key(path) for path in paths] or [FileKey(r.root_id, b"") for r in self._roots.all()]
        if retry_rejected:
            self._indexer.run(lambda: self._forget_rejected(keys, removed=False)).result()
        futures = [self._scans.request(key.root_id, key.path, confirm_deletes=confirm_deletes) for key in keys]
        try:
            reports = [future.result() for future in futures]
        except CancelledError as error:
            raise NotReady("the daemon is stopping") from error
        return ScanReport(
            sum(r.seen for r in reports),
            sum(r.changed for r in reports),
            sum(r.deleted for r in reports),
            tuple(path for r in reports for path in r.offline),
        )

    def progress(self) -> Progress:
        """Where indexing stands."""
        # Scans give files to the loop and the loop asks for scans: what moves is seen on one side or the other.
        before = self._scans.pending
        files = self._indexer.pending
        scans = max(before, self._scans.pending)
        return Progress(
            pending=files + scans,
            paused=False,
            scanning=scans > 0,
            images_per_s=self._indexer.rate.per_second(),
        )

    def roots(self) -> list[RootStatus]:
        """The watched directories."""
        files = self._catalogue.counts().files_by_root
        found = []
        for root in self._roots.all():
            state = self._scans.state(root.root_id)
            watching = self._watcher.watching(root.root_id)
            mode, why = (watching.mode, watching.detail) if watching else ("polling", "")
            detail = "; ".join(text for text in (state.detail, why, self._indexer.trouble) if text)
            count = files.get(root.root_id, 0)
            found.append(RootStatus(root, state.online, mode, count, state.last_scan, detail))
        return found

    def _hear(self, hint: Hint) -> None:
        """News from the watcher; in the loop's thread."""
        if hint.kind is HintKind.OVERFLOW:
            self._scans.hint(hint.root_id)
        elif hint.kind is HintKind.DIRECTORY:
            if hint.moved_from:
                self._index.delete(self._catalogue.rename_under(hint.root_id, hint.moved_from, hint.path))
            self._scans.hint(hint.root_id, hint.path)
        else:
            self._settler.note(FileKey(hint.root_id, hint.path), ready=hint.kind is not HintKind.APPEARED)

    def _add_folder(self, path: bytes) -> int:
        """Watch a folder, or scan it when it is watched already. Returns how many files were queued."""
        path = os.path.abspath(path)
        if self._roots.locate(path) is None:
            self._indexer.run(lambda: self._add_root(path)).result()
        key = self._key(path)
        self._indexer.run(lambda: self._forget_rejected([key], removed=True)).result()
        return self._scans.request(key.root_id, key.path).result().changed

    def _add_root(self, path: bytes) -> None:
        """In the loop's thread. A new root takes the place of roots inside it, whose files its scan finds again."""
        before = {root.root_id: root for root in self._roots.all()}
        root = self._catalogue.add_root(path)
        self._roots.replace(self._catalogue.roots())
        for inner in before.values():
            if self._roots.get(inner.root_id) is None:
                self._watcher.unwatch(inner)
        self._index.delete(self._catalogue.orphans())
        self._watcher.watch(root)

    def _remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId]) -> RemoveReport:
        """In the loop's thread."""
        files, orphans, missing = 0, [], []
        keys: dict[FileKey, None] = {}
        for path in paths:
            key = self._roots.locate(os.path.abspath(path))
            if key is not None and not key.path:
                count, gone = self._drop_root(key.root_id)
                files += count
                orphans += gone
                continue
            found = self._files_at(path) if key is not None else []
            keys.update(dict.fromkeys(found))
            if not found:
                missing.append(path)
        for image_id in image_ids:
            places = self._catalogue.files_of([image_id]).get(image_id, [])
            found = [key for place in places if (key := self._roots.locate(place)) is not None]
            keys.update(dict.fromkeys(found))
            if not found:
                missing.append(image_id)
        rejected = []
        for key in keys:
            self._indexer.forget(key)
            known = self._catalogue.known(key)
            if known is not None:
                rejected.append(RejectedFile(key, known.stamp, _REMOVED))
        orphans += self._catalogue.record([], rejected, [])
        if orphans:
            self._index.delete(orphans)
        return RemoveReport(files + len(rejected), len(orphans), tuple(missing))

    def _drop_root(self, root_id: int) -> tuple[int, list[ImageId]]:
        """Stop watching a root that was added. Returns how many files it had, and the images left without a file."""
        root = self._roots.get(root_id)
        assert root is not None
        if root.path in self._configured:
            raise InvalidRequest(
                f"{os.fsdecode(root.path)} is a root of the configuration",
                field="paths",
                remedy="take it out there and restart the daemon",
            )
        count = self._catalogue.counts().files_by_root.get(root_id, 0)
        self._watcher.unwatch(root)
        self._roots.replace([r for r in self._roots.all() if r.root_id != root_id])
        return count, self._catalogue.drop_root(root_id)

    def _files_at(self, path: bytes) -> list[FileKey]:
        """The indexed file at a path, or those in the folder."""
        found: list[FileKey] = []
        while page := self._catalogue.files(after=found[-1] if found else None, under=path):
            found += [file.key for file in page]
        return found

    def _forget_rejected(self, keys: Sequence[FileKey], *, removed: bool) -> None:
        for key in keys:
            self._catalogue.forget_rejected(key.root_id, key.path, removed=removed)

    def _is_current(self, key: FileKey) -> bool:
        known = self._catalogue.known(key)
        return known is not None and known.image_id is not None and known.stamp == self._indexer.stat(key)

    def _key(self, path: bytes) -> FileKey:
        key = self._roots.locate(os.path.abspath(path))
        if key is None:
            raise InvalidRequest(
                f"{os.fsdecode(path)} is not inside a watched root", field="paths", remedy="add its folder first"
            )
        return key

    def _key_of_file(self, path: bytes) -> FileKey:
        if not os.path.exists(path):
            raise InvalidRequest(f"there is no file {os.fsdecode(path)}", field="paths")
        key = self._key(path)
        if self._ignore.skips_path(key.path):
            raise InvalidRequest(f"{os.fsdecode(path)} is ignored by its name", field="paths", remedy="rename it")
        return key
