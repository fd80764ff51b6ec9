"""The door to indexing: what requests and filesystem hints ask of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future

from simd.cancelled import NEVER, Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.decisions.decisions import Decisions
from simd.errors import InvalidRequest, NotReady, Reason
from simd.indexing.explain import Explainer
from simd.indexing.loop.agenda import Agenda
from simd.indexing.loop.commands import results_of
from simd.indexing.loop.inbox import Inbox
from simd.indexing.loop.indexer import Indexer
from simd.indexing.loop.outcomes import Outcome
from simd.indexing.pause import Pause
from simd.indexing.removal import Removal
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.look import looking
from simd.indexing.roots.membership import Membership
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.scans import Scans
from simd.supervision import Threads
from simd.types import (
    AddReport,
    Explanation,
    FileKey,
    ImageId,
    PathState,
    PauseState,
    Progress,
    Refused,
    Rejection,
    RemoveReport,
    RootStatus,
    ScanReport,
)
from simd.watch.events import Hint, HintKind
from simd.watch.ignore import Ignore
from simd.watch.roots import linked_directory
from simd.watch.settle import Settler
from simd.watch.watcher import Watcher

log = logging.getLogger(__name__)

_REFUSED = (PathState.IGNORED, PathState.LINKED_DIRECTORY, PathState.NOT_THERE, PathState.ROOT_OFFLINE)
"""What cannot be added; of all else the attempt tells more."""

_GONE = Rejection(Reason.UNREADABLE, "it is gone, or its root cannot be read now; the log says which")


class Ingest:
    """Ties the loop, the scans and the watcher together. Every method may be called from any thread.

    Args:
        configured: absolute paths of the roots that the configuration names.
        starved: why indexing hardly moves, for callers; empty while it does not.
        polled: absolute paths; roots at or below them are polled.
        poll_s: how often a polled root is scanned.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        decisions: Decisions,
        roots: Roots,
        indexer: Indexer,
        agenda: Agenda,
        scans: Scans,
        settler: Settler,
        ignore: Ignore,
        pause: Pause,
        deletions: Deletions,
        threads: Threads | None = None,
        configured: Collection[bytes] = (),
        polled: Collection[bytes] = (),
        poll_s: float = 30.0,
        starved: Callable[[], str] = lambda: "",
    ) -> None:
        self._starved = starved
        self._catalogue = catalogue
        self._decisions = decisions
        self._roots = roots
        self._indexer = indexer
        self._agenda = agenda
        self._scans = scans
        self._settler = settler
        self._ignore = ignore
        self._pause = pause
        self._inbox = Inbox(self._hear, indexer.commands.post)
        self._watcher = Watcher(self._inbox.offer, ignore, polled=polled, poll_s=poll_s, threads=threads)
        self._explainer = Explainer(
            known=catalogue.known,
            roots=roots,
            ignore=ignore,
            state=scans.state,
            paused=lambda: pause.state.paused,
        )
        self._membership = Membership(
            catalogue=catalogue,
            take_out=indexer.take_out,
            roots=roots,
            watcher=self._watcher,
            scan=agenda.hint,
            configured=configured,
        )
        self._removal = Removal(
            catalogue=catalogue,
            decisions=decisions,
            roots=roots,
            membership=self._membership,
            indexer=indexer,
            settler=settler,
            deletions=deletions,
            look=looking(roots, ignore),
        )

    def start(self) -> None:
        """Watch first, then scan: what changes in between is seen twice rather than never."""
        self._indexer.start()
        self._scans.start()
        for root in self._roots.all():
            self._watcher.watch(root)
            self._agenda.hint(root.root_id)

    def stop(self) -> None:
        """End within the batch under way. All are told before any is waited for, as one may wait for another."""
        self._scans.end()
        self._indexer.end()
        self._watcher.close()
        self._scans.stop()
        self._indexer.stop()
        self._indexer.outcomes.abandon(NotReady("the daemon is stopping"))

    def add(self, paths: Sequence[bytes], *, cancelled: Cancelled = NEVER) -> AddReport:
        """Index files now, and folders from now on.

        A file must be inside a root; the call returns when it is searchable or refused. A folder outside every root
        becomes one; a folder's files are queued and counted, not waited for. A path that is wrong is refused for
        itself, and the others are done.

        Args:
            paths: absolute ones.
            cancelled: whether the caller has left; the files are indexed all the same.

        Raises:
            Abandoned: it was cancelled.
        """
        keys, queued, refused = [], 0, []
        for path in map(os.path.abspath, paths):
            is_folder = os.path.isdir(path)
            why = self._refusal(path, is_folder)
            if why is not None:
                refused.append(why)
            elif is_folder:
                queued += self._add_folder(path, cancelled)
            else:
                keys.append(self._key(path))
        # Who names a file has a reason to: it is read, however little it seems to have changed.
        before = {key: self._image_of(key) for key in keys}
        wanted = list(before)
        added, unchanged = 0, 0
        requests = self._indexer.commands.run(lambda: self._request(wanted), cancelled)
        outcomes = results_of([future for _, future in requests], cancelled)
        for (key, _), outcome in zip(requests, outcomes, strict=True):
            if outcome.image_id is not None:
                unchanged += outcome.image_id == before[key]
                added += outcome.image_id != before[key]
            else:
                why_not = outcome.rejection or _GONE
                refused.append(Refused(self._roots.where(key) or key.path, why_not.reason, why_not.detail))
        return AddReport(added, unchanged, tuple(refused), queued)

    def remove(
        self, paths: Sequence[bytes], image_ids: Sequence[ImageId], *, cancelled: Cancelled = NEVER
    ) -> RemoveReport:
        """Take files, folders and images out of the answers; a root that was added is no longer watched.

        Args:
            paths: absolute ones.
            cancelled: whether the caller has left; what has not begun by then is not done.

        Raises:
            InvalidRequest: a path is a root that the configuration names.
            Abandoned: it was cancelled.
        """
        return self._indexer.commands.run(lambda: self._removal.remove(paths, image_ids), cancelled)

    def scan(
        self,
        paths: Sequence[bytes],
        *,
        retry_rejected: bool,
        confirm_deletes: bool = False,
        cancelled: Cancelled = NEVER,
    ) -> ScanReport:
        """Compare roots, or folders in them, with the catalogue; no path means every root.

        Args:
            retry_rejected: try again what is in the ledger, but for what was taken out on request.
            confirm_deletes: what is gone is meant to be gone, even if it is most of a root.
            cancelled: whether the caller has left; a scan that has begun goes on to its end.

        Raises:
            InvalidRequest: a path is not inside a root.
            Abandoned: it was cancelled.
        """
        keys = [self._key(path) for path in paths] or [FileKey(r.root_id, b"") for r in self._roots.all()]
        if retry_rejected:
            self._indexer.commands.run(lambda: self._forget_rejected(keys, removed=False), cancelled)
        futures = [self._scans.request(key.root_id, key.path, confirm_deletes=confirm_deletes) for key in keys]
        reports = results_of(futures, cancelled)
        return ScanReport(
            sum(r.seen for r in reports),
            sum(r.changed for r in reports),
            sum(r.deleted for r in reports),
            tuple(path for r in reports for path in r.offline),
        )

    def scanned(self, root_id: int) -> None:
        """A root was scanned to its end; from any thread."""
        self._indexer.scanned()
        self._watcher.compare(root_id)

    def turned(self) -> bool:
        """Whether the loop moved since this was last asked."""
        return self._indexer.turned()

    def progress(self) -> Progress:
        """Where indexing stands."""
        # In the order in which work moves on: the watcher asks the loop for scans, scans give files to the loop. As the
        # loop asks for scans as well, what moves is seen on one side or the other.
        watched = self._watcher.pending
        before = self._scans.pending
        files = self._indexer.pending
        scans = max(before, self._scans.pending)
        speed = self._indexer.batches.rate.per_second()
        pending = watched + files + scans
        return Progress(
            pending=pending,
            pause=self._pause.state,
            scanning=scans > 0,
            images_per_s=speed,
            eta_s=files / speed if speed else 0.0,
            decided=self._indexer.batches.decided,
            trouble=self._indexer.trouble,
            starved=self._starved() if pending else "",
        )

    def queues(self) -> dict[str, int]:
        """How many files wait, by what for; takes no lock that the loop holds for long."""
        return {**self._indexer.queues(), "scan": self._scans.pending}

    def pause(self, for_s: float | None = None) -> PauseState:
        """Stop indexing but for requests and deletions, until it is resumed or for so many seconds.

        What is being decoded is finished. It outlasts a restart.
        """
        state = self._pause.pause(for_s)
        log.info("indexing is paused %s", "until it is resumed" if for_s is None else f"for {for_s:g} s")
        self._indexer.wake()
        return state

    def resume(self) -> bool:
        """End a pause; returns whether there was one."""
        paused = self._pause.resume()
        if paused:
            log.info("indexing goes on")
        self._indexer.wake()
        return paused

    def configure(self, roots: Sequence[bytes], *, cancelled: Cancelled = NEVER) -> None:
        """The configuration names these roots now: watch what is new in it, forget what no longer is.

        Raises:
            Abandoned: it was cancelled before it was done.
        """
        self._indexer.commands.run(lambda: self._membership.configure(roots), cancelled)

    def ignore(self, patterns: Sequence[str]) -> None:
        """The settings name these patterns now: what they ignore leaves the answers, what they no longer do comes back.

        Raises:
            ConfigError: a pattern can match nothing; those before stay in force.
        """
        if self._ignore.configure(patterns):
            self._watcher.refresh()
            for root in self._roots.all():
                self._agenda.hint(root.root_id)

    def explain(self, paths: Sequence[bytes]) -> list[Explanation]:
        """Why each absolute path is or is not in the answers."""
        return [self._explainer.explain(path) for path in paths]

    def scan_every(self, interval_s: float) -> None:
        """From now on scan each root after so many seconds."""
        self._agenda.every(interval_s)

    def roots(self) -> list[RootStatus]:
        """The watched directories."""
        files = self._catalogue.last_counts().files_by_root
        found = []
        for root in self._roots.all():
            state = self._scans.state(root.root_id)
            watching = self._watcher.watching(root.root_id)
            mode, why = (watching.mode, watching.detail) if watching else ("polling", "")
            # What the watcher and the scans say of a root that is away is the same.
            detail = "; ".join(text for text in dict.fromkeys((state.detail, why)) if text)
            count = files.get(root.root_id, 0)
            found.append(RootStatus(root, state.online, mode, count, state.last_scan, detail))
        return found

    def _hear(self, hint: Hint) -> None:
        """News from the watcher; in the loop's thread."""
        if not self._scans.state(hint.root_id).online:
            # Whatever it is, the root is not what it was when it was last looked at.
            self._agenda.hint(hint.root_id)
        if hint.kind is HintKind.OVERFLOW:
            self._agenda.hint(hint.root_id)
        elif hint.kind is HintKind.DIRECTORY:
            try:
                if hint.moved_from:
                    self._rename_decisions(hint)
                    self._indexer.take_out(self._catalogue.rename_under(hint.root_id, hint.moved_from, hint.path))
            finally:
                # Not before: what was deleted just before the move has a new name now, and only the scan tells that it
                # is gone. If the rename failed, it finds the files at their new place all the same.
                self._agenda.hint(hint.root_id, hint.path)
        else:
            heard = hint.heard if hint.kind is HintKind.WRITTEN else None
            key = FileKey(hint.root_id, hint.path)
            self._settler.note(key, ready=hint.kind is not HintKind.APPEARED, heard=heard)

    def _rename_decisions(self, hint: Hint) -> None:
        old, new = (self._roots.where(FileKey(hint.root_id, path)) for path in (hint.moved_from, hint.path))
        if old is not None and new is not None:
            self._decisions.moved(old, new)

    def _add_folder(self, path: bytes, cancelled: Cancelled) -> int:
        """Watch a folder, or scan it when it is watched already. Returns how many files were queued."""
        if self._roots.locate(path) is None:
            self._indexer.commands.run(lambda: self._membership.add(path), cancelled)
        key = self._key(path)
        self._indexer.commands.run(lambda: self._forget_rejected([key], removed=True), cancelled)
        return results_of([self._scans.request(key.root_id, key.path)], cancelled)[0].changed

    def _request(self, keys: Sequence[FileKey]) -> list[tuple[FileKey, Future[Outcome]]]:
        """In the loop's thread: have files indexed now."""
        self._forget_rejected(keys, removed=True)
        return [(key, self._indexer.request(key)) for key in keys]

    def _forget_rejected(self, keys: Sequence[FileKey], *, removed: bool) -> None:
        for key in keys:
            if removed and (path := self._roots.where(key)) is not None:
                self._decisions.restore(os.path.normpath(path))
            self._catalogue.forget_rejected(key.root_id, key.path, removed=removed)

    def _image_of(self, key: FileKey) -> ImageId | None:
        known = self._catalogue.known(key)
        return known.image_id if known is not None else None

    def _key(self, path: bytes) -> FileKey:
        key = self._roots.locate(os.path.abspath(path))
        root = None if key is None else self._roots.get(key.root_id)
        # A scan follows no link to a directory, and what is behind one may be anywhere.
        if key is None or root is None or linked_directory(root.path, key.path) is not None:
            raise InvalidRequest(
                f"{os.fsdecode(path)} is not inside a watched root", field="paths", remedy="add its folder first"
            )
        return key

    def _refusal(self, path: bytes, is_folder: bool) -> Refused | None:
        """Why a path cannot be added, where that is known before it is read. What is outside the roots is refused in
        the same words whether it is there or not."""
        why = self._explainer.explain(path)
        if why.reason in _REFUSED or (why.reason == PathState.NOT_IN_A_ROOT and not is_folder):
            return Refused(path, why.reason, why.detail)
        if why.indexed and not os.path.exists(path):
            return Refused(path, PathState.NOT_THERE, why.detail)
        return None
