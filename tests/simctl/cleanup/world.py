"""A tree of pictures with copies, its labels, and clean-ups of it that can be ended before any system call."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simctl.cleanup import planfile
from simctl.cleanup.applying import Applier, GroupOutcome, Way
from simctl.cleanup.disk import Disk
from simctl.cleanup.plan import Plan, PlannedGroup
from simctl.cleanup.planning import FoundGroup, FoundMember, LeftOut, planned
from simctl.cleanup.steps import Steps
from simctl.cleanup.trash import Trash
from simctl.cleanup.undoing import Undoer, Undone
from simctl.cleanup.undolog import UndoLog
from simctl.errors import DaemonUnreachable

Snapshot = dict[str, tuple[bytes, int, int] | None]


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


class Countdown:
    """A hook that acts at its n-th call, counted from 1."""

    def __init__(self, at: int | None = None, action: Callable[[str], None] | None = None) -> None:
        self.calls: list[str] = []
        self._at = at
        self._action = action or _kill

    def __call__(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self._at:
            self._action(name)


def _kill(name: str) -> None:
    raise Killed(name)


class TestDisk(Disk):
    """A disk whose syncs cost nothing, and on which what is below `far` is another filesystem."""

    __test__ = False

    def __init__(self, hook: Callable[[str], None], far: Path | None = None) -> None:
        super().__init__(hook)
        self._hook_ = hook
        self._far = far

    def sync(self, fd: int) -> None:
        self._hook_("fsync")

    def sync_dir(self, path: str) -> None:
        self._hook_("fsync folder")

    def rename_new(self, source: str, to: str) -> None:
        if self._is_far(source) != self._is_far(to):
            self._hook_("rename")
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        super().rename_new(source, to)

    def clone(self, source: str, to: str, stamp: object) -> None:
        """As a filesystem with reflinks does it."""
        self._hook_("clone")
        self.copy_new(source, to, stamp)  # type: ignore[arg-type]

    def _is_far(self, path: str) -> bool:
        return self._far is not None and Path(path).is_relative_to(self._far)


class FileLabels:
    """Labels in a file, which outlive the process that changes them."""

    def __init__(self, path: Path, hook: Callable[[str], None] = lambda name: None) -> None:
        self._path = path
        self._hook = hook
        self.is_reachable = True

    def all(self) -> dict[str, list[str]]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def lacking(self, image_id: str, labels: Sequence[str]) -> list[str]:
        if not self.is_reachable:
            raise DaemonUnreachable("no daemon")
        return [label for label in labels if label not in self.all().get(image_id, ())]

    def add(self, image_id: str, labels: Sequence[str]) -> None:
        self._change(image_id, lambda had: sorted({*had, *labels}))

    def remove(self, image_id: str, labels: Sequence[str]) -> None:
        self._change(image_id, lambda had: [label for label in had if label not in labels])

    def _change(self, image_id: str, changed: Callable[[list[str]], list[str]]) -> None:
        if not self.is_reachable:
            raise DaemonUnreachable("no daemon")
        self._hook("labels")
        found = self.all()
        found[image_id] = changed(found.get(image_id, []))
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({image: labels for image, labels in found.items() if labels}))
        os.replace(new, self._path)


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass
class World:
    """A folder with a tree, a trash, a log and labels.

    Args:
        directory: all of it is below.
    """

    directory: Path

    @property
    def tree(self) -> Path:
        return self.directory / "tree"

    @property
    def moved(self) -> Path:
        return self.directory / "moved"

    @property
    def log_path(self) -> Path:
        return self.directory / "plan.json.undo.jsonl"

    @property
    def labels(self) -> FileLabels:
        return FileLabels(self.directory / "labels.json")

    def put(self, name: str | bytes, data: bytes, *, mode: int = 0o644, mtime_ns: int = 0) -> str:
        """Write a file of the tree; its path."""
        path = os.path.join(self.tree, os.fsdecode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
        os.chmod(path, mode)
        os.utime(path, ns=(1, mtime_ns or 1_600_000_000_123_456_789 + len(data)))
        return path

    def member(
        self,
        path: str,
        tier: str = "",
        *,
        goes: bool = False,
        labels: Sequence[str] = (),
        companions: Sequence[str] = (),
    ) -> FoundMember:
        data = Path(path).read_bytes()
        similarity = {"": None, "exact": 1.0}.get(tier, 0.93)
        return FoundMember(
            path, digest(data), len(data), tier, similarity, goes, f"{tier} copy", tuple(labels), tuple(companions)
        )

    def plan(self, *groups: FoundGroup) -> Plan:
        """The plan of groups of which nothing is left out."""
        found = list(planned(groups))
        assert not [one for one in found if isinstance(one, LeftOut)]
        return Plan("", tuple(one for one in found if isinstance(one, PlannedGroup)))

    def apply(
        self,
        plan: Plan,
        way: str = "trash",
        *,
        hook: Callable[[str], None] = lambda name: None,
        labels: FileLabels | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        on_file: Callable[[str], None] = lambda path: None,
        dry_run: bool = False,
    ) -> list[GroupOutcome]:
        """Apply a plan; "far" moves to another filesystem."""
        disk = TestDisk(hook, self.moved if way == "far" else None)
        labels = labels or FileLabels(self.directory / "labels.json", hook)
        chosen = Way("move", str(self.moved)) if way in ("move", "far") else Way(way)
        trash = Trash(disk, {"XDG_DATA_HOME": str(self.directory / "data")}, os.getuid())
        with UndoLog(str(self.log_path), disk, plan="/plan.json", name="test") as log:
            applier = Applier(
                chosen, log, Steps(disk, labels), trash, labels, dry_run=dry_run, is_stopped=is_stopped, on_file=on_file
            )
            return list(applier.run(plan))

    def undo(
        self, way: str = "trash", *, hook: Callable[[str], None] = lambda name: None, labels: FileLabels | None = None
    ) -> list[Undone]:
        disk = TestDisk(hook, self.moved if way == "far" else None)
        with UndoLog(str(self.log_path), disk) as log:
            return list(Undoer(log, Steps(disk, labels or FileLabels(self.directory / "labels.json", hook))).run())

    def snapshot(self) -> Snapshot:
        """Every file of the tree with its bytes, time and mode; None for folders."""
        return snapshot(self.tree)

    def trashed(self) -> set[str]:
        """All names in the trash."""
        return {path.name for path in (self.directory / "data").rglob("*") if path.is_file()}


def snapshot(folder: Path) -> Snapshot:
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(folder))
        found[name] = None if path.is_dir() else (path.read_bytes(), status.st_mtime_ns, status.st_mode)
    return found


def write(world: World, plan: Plan) -> str:
    path = world.directory / "plan.json"
    with open(path, "w", encoding="utf-8") as stream:
        planfile.written(plan.groups, stream)
    return str(path)


def pair(world: World, tier: str = "exact") -> Plan:
    """One copy that goes, and its keeper."""
    keeper = world.put("keep.jpg", b"picture")
    copy = world.put("copy.jpg", b"picture" if tier == "exact" else b"edited")
    return world.plan(FoundGroup("g", tier, "", world.member(keeper), (world.member(copy, tier, goes=True),)))


def messy(world: World) -> Plan:
    """A plan in which all happens that can: copies, sidecars carried and in conflict, a RAW, labels, odd names."""
    keeper = world.put("a/keep.jpg", b"the picture")
    world.put("a/keep.txt", b"what the keeper says")
    copy = world.put("b/copy.jpg", b"the picture", mode=0o640)
    world.put("b/copy.jpg.xmp", b"<xmp/>", mode=0o600)
    near = world.put(b"c/n\xffear.png", b"a smaller picture", mode=0o444)
    world.put(b"c/n\xffear.txt", b"what the copy says")
    raw = world.put(b"c/n\xffear.cr2", b"the raw one")
    other = world.put("b/other.jpg", b"another picture")
    twin = world.put("b/deep/er/other.jpg", b"another picture")
    image = digest(b"the picture")
    world.labels.add(image, ["house"])
    world.labels.add(digest(b"a smaller picture"), ["cat", "house"])
    return world.plan(
        FoundGroup(
            image,
            "near",
            "kept: the biggest",
            world.member(keeper, labels=["house"]),
            (
                world.member(copy, "exact", goes=True, labels=["house"]),
                world.member(near, "near", goes=True, labels=["cat", "house"], companions=[raw]),
            ),
        ),
        FoundGroup(
            digest(b"another picture"),
            "exact",
            "kept: the oldest",
            world.member(other),
            (world.member(twin, "exact", goes=True),),
        ),
    )


def random_world(world: World, seed: int) -> Plan:
    """A tree and its plan by chance."""
    chance = random.Random(seed)
    groups = []
    for number in range(chance.randint(1, 3)):
        keeper = world.put(f"k{number}/p{number}.jpg", b"keeper %d" % number)
        if chance.random() < 0.3:
            world.put(f"k{number}/p{number}.xmp", b"own %d" % number)
        members = []
        for copy in range(chance.randint(1, 3)):
            exact = chance.random() < 0.5
            data = b"keeper %d" % number if exact else b"copy %d of %d" % (copy, number)
            name = f"c{chance.randint(0, 2)}/{number}-{copy}"
            path = world.put(f"{name}.jpg", data, mode=chance.choice([0o644, 0o600, 0o444]), mtime_ns=10**18 + seed)
            if chance.random() < 0.5:
                world.put(f"{name}.xmp", b"of %d" % copy)
            labels = chance.sample(["cat", "dog", "house"], chance.randint(0, 2))
            if labels and not exact:
                world.labels.add(digest(data), labels)
            members.append(world.member(path, "exact" if exact else "near", goes=True, labels=() if exact else labels))
        groups.append(FoundGroup(f"g{number}", "near", "kept", world.member(keeper), tuple(members)))
    return world.plan(*groups)


def whys(outcomes: Iterable[GroupOutcome]) -> list[str]:
    """Why anything was left."""
    return [why for one in outcomes for why in one.left]
