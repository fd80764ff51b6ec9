"""The door to indexing: requests of callers, and its status."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from simd.cancelled import NEVER, Cancelled
from simd.errors import Reason
from simd.indexing.explain import Explainer
from simd.indexing.ledger import Ledger
from simd.indexing.loop.commands import results_of
from simd.indexing.loop.indexer import Indexer
from simd.indexing.loop.outcomes import Outcome
from simd.indexing.removal import Removal
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.scans import Scans
from simd.indexing.roots.watched import WatchedRoots
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

_REFUSED = (PathState.IGNORED, PathState.LINKED_DIRECTORY, PathState.NOT_THERE, PathState.ROOT_OFFLINE)
"""What `add` refuses at once; in all other states the attempt gives the reason."""

_GONE = Rejection(Reason.UNREADABLE, "it is gone, or its root cannot be read now; the log says which")


class Ingest:
    """Starts and stops indexing. Every method may be called from any thread but the indexing thread.

    What takes `cancelled` raises Abandoned as soon as that is set. What has begun by then goes on to its end, and files
    that are queued are indexed.

    Args:
        starved: why indexing hardly moves, for callers; empty while it does.
    """

    def __init__(
        self,
        indexer: Indexer,
        scans: Scans,
        watched: WatchedRoots,
        roots: Roots,
        ledger: Ledger,
        removal: Removal,
        explainer: Explainer,
        starved: Callable[[], str] = lambda: "",
    ) -> None:
        self._indexer = indexer
        self._scans = scans
        self._watched = watched
        self._roots = roots
        self._ledger = ledger
        self._removal = removal
        self._explainer = explainer
        self._starved = starved

    def start(self) -> None:
        """Watch first, then scan: what changes in between is seen twice rather than never."""
        self._indexer.start()
        self._scans.start()
        self._watched.start()

    def stop(self) -> None:
        """End within the batch under way. All are ended before any is waited for, as one may wait for another."""
        self._scans.end()
        self._indexer.end()
        self._watched.close()
        self._scans.stop()
        self._indexer.stop()

    def add(self, paths: Sequence[bytes], *, cancelled: Cancelled = NEVER) -> AddReport:
        """Index files now, and folders from now on.

        A file must be inside a root; the call returns when it is searchable or refused. It is read, however little it
        seems to have changed. A folder outside every root becomes one; a folder's files are queued and counted, not
        waited for. A path that is wrong is refused for itself, and the others are done. Paths are absolute.
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
                keys.append(self._roots.key_of(path))
        before = {key: self._ledger.image_of(key) for key in keys}
        wanted = list(before)
        added, unchanged = 0, 0
        requests = self._indexer.commands.run(lambda: self._request(wanted), cancelled)
        for key, outcome in zip(wanted, results_of(requests, cancelled), strict=True):
            if outcome.image_id is not None:
                unchanged += outcome.image_id == before[key]
                added += outcome.image_id != before[key]
            else:
                why_not = outcome.rejection or _GONE
                refused.append(Refused(self._roots.path_of(key) or key.path, why_not.reason, why_not.detail))
        return AddReport(added, unchanged, tuple(refused), queued)

    def remove(
        self, paths: Sequence[bytes], image_ids: Sequence[ImageId], *, cancelled: Cancelled = NEVER
    ) -> RemoveReport:
        """Take files, folders and images out of the answers; a root that was added is no longer watched.

        Raises:
            InvalidRequest: an absolute path is a root that the configuration names.
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
            retry_rejected: try again what is in the ledger, except what was taken out on request.
            confirm_deletes: what is gone is meant to be gone, even if it is most of a root.

        Raises:
            InvalidRequest: an absolute path is not inside a root.
        """
        keys = [self._roots.key_of(path) for path in paths]
        keys = keys or [FileKey(root.root_id, b"") for root in self._roots.all()]
        if retry_rejected:
            self._indexer.commands.run(lambda: self._ledger.retry(keys), cancelled)
        futures = [self._scans.request(key, confirm_deletes=confirm_deletes) for key in keys]
        reports = results_of(futures, cancelled)
        return ScanReport(
            sum(r.seen for r in reports),
            sum(r.changed for r in reports),
            sum(r.deleted for r in reports),
            tuple(path for r in reports for path in r.offline),
        )

    def is_alive(self) -> bool:
        """Whether the indexing thread moved since the last call."""
        return self._indexer.is_alive()

    def progress(self) -> Progress:
        """Where indexing stands."""
        # In the order in which work moves on: from the watcher to scans, from scans to files. As files lead to scans as
        # well, those are read twice, so that work that moves meanwhile is counted on one side or the other.
        watched = self._watched.pending
        before = self._scans.pending
        files = self._indexer.pending
        scans = max(before, self._scans.pending)
        speed = self._indexer.batches.rate.per_second()
        pending = watched + files + scans
        return Progress(
            pending=pending,
            pause=self._indexer.queue.pause_state,
            scanning=scans > 0,
            images_per_s=speed,
            eta_s=files / speed if speed else 0.0,
            decided=self._indexer.batches.decided,
            trouble=self._indexer.trouble,
            starved=self._starved() if pending else "",
        )

    def queues(self) -> dict[str, int]:
        """How many files wait, by what for; takes no lock that the indexing thread holds for long."""
        return {**self._indexer.sizes(), "scan": self._scans.pending}

    def pause(self, for_s: float | None = None) -> PauseState:
        """Stop indexing except for requests and deletions, until `resume` or for `for_s` seconds.

        What is being decoded is finished. A pause outlasts a restart.
        """
        return self._indexer.queue.pause(for_s)

    def resume(self) -> bool:
        """End a pause; returns whether there was one."""
        return self._indexer.queue.resume()

    @property
    def paused(self) -> bool:
        """Whether indexing is paused."""
        return self._indexer.queue.pause_state.paused

    def configure(self, roots: Sequence[bytes], *, cancelled: Cancelled = NEVER) -> None:
        """The configuration names these roots now: watch what is new in it, forget what no longer is."""
        self._indexer.commands.run(lambda: self._watched.configure(roots), cancelled)

    def ignore(self, patterns: Sequence[str]) -> None:
        """The settings name these patterns now: what they ignore leaves the answers, what they no longer do comes back.

        Raises:
            ConfigError: a pattern can match nothing; those before stay in force.
        """
        self._watched.ignore(patterns)

    def explain(self, paths: Sequence[bytes]) -> list[Explanation]:
        """Why each absolute path is or is not in the answers."""
        return [self._explainer.explain(path) for path in paths]

    def scan_every(self, interval_s: float) -> None:
        """Change how often each root is scanned."""
        self._scans.set_interval(interval_s)

    def roots(self) -> list[RootStatus]:
        """The watched directories."""
        return self._watched.status()

    def _refusal(self, path: bytes, is_folder: bool) -> Refused | None:
        """Why a path cannot be added, where that is known before it is read. What is outside the roots is refused in
        the same words whether it is there or not."""
        why = self._explainer.explain(path)
        if why.reason in _REFUSED or (why.reason == PathState.NOT_IN_A_ROOT and not is_folder):
            return Refused(path, why.reason, why.detail)
        if why.indexed and not os.path.exists(path):
            return Refused(path, PathState.NOT_THERE, why.detail)
        return None

    def _add_folder(self, path: bytes, cancelled: Cancelled) -> int:
        """Watch a folder, or scan it when it is watched already. Returns how many files were queued."""
        if self._roots.locate(path) is None:
            self._indexer.commands.run(lambda: self._watched.add(path), cancelled)
        key = self._roots.key_of(path)
        self._indexer.commands.run(lambda: self._ledger.retry([key], removed=True), cancelled)
        return results_of([self._scans.request(key)], cancelled)[0].changed

    def _request(self, keys: Sequence[FileKey]) -> list[Future[Outcome]]:
        """In the indexing thread: have files read, however little they seem to have changed."""
        self._ledger.retry(keys, removed=True)
        return [self._indexer.queue.request(key) for key in keys]
