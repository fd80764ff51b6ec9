"""Whatever the tree is, applying a plan and undoing it leaves the tree as it was."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from simctl.cleanup.planning import FoundGroup

from tests.simctl.cleanup.test_crash import WAYS
from tests.simctl.cleanup.world import World, digest

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)
FILES = st.tuples(NAMES, st.booleans(), st.sampled_from([0o644, 0o400, 0o777]), st.sampled_from(["", ".xmp", ".txt"]))
LABELS = st.lists(st.sampled_from(["cat", "dog"]), unique=True)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(FILES, LABELS), min_size=1, max_size=6), st.sampled_from(WAYS), st.booleans())
def test_apply_and_undo_leave_the_tree_as_it_was(
    files: list[tuple[tuple[bytes, bool, int, str], list[str]]], way: str, twice: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        keeper = world.put("keep.jpg", b"keeper")
        members = []
        for number, ((name, exact, mode, sidecar), words) in enumerate(files):
            folder = b"%d/" % (number % 3)
            path = os.path.join(world.tree, os.fsdecode(folder + name))
            if os.path.lexists(path):
                continue
            world.put(folder + name, b"keeper" if exact else name, mode=mode)
            about = folder + os.path.splitext(name)[0] + sidecar.encode()
            if sidecar and not os.path.lexists(os.path.join(os.fsencode(world.tree), about)):
                world.put(about, b"about %d" % (number % 2))
            said = [] if exact else words
            world.labels.add(digest(b"keeper" if exact else name), said)
            members.append(world.member(path, "exact" if exact else "near", goes=True, labels=said))
        plan = world.plan(FoundGroup("g", "near", "", world.member(keeper), tuple(members)))
        before, labels = world.snapshot(), world.labels.all()
        world.apply(plan, way)
        if twice:
            world.apply(plan, way)
        assert [one.taken.why for one in world.undo(way) if one.taken.why] == []
        assert (world.snapshot(), world.labels.all(), world.trashed()) == (before, labels, set())
