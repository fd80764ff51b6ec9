"""Pairs of copies in a real daemon: found as pictures land, kept, and made anew where they are lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.store import PairStore
from simd.types import image_id_of
from simd.verify.opencv import available
from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not available(), reason="without the extra `verify`"),
]

PROMPT = {"SIMD_INDEXING_PRIORITY": "normal"}
"""Whatever else runs on the machine, indexing goes on."""


def pair(daemon: Daemon, one: Path, other: Path) -> Pair | None:
    """What the daemon knows of two files."""
    image_id, wanted = image_id_of(one.read_bytes()), image_id_of(other.read_bytes())
    with closing(PairStore(daemon.state / "pairs.sqlite")) as store:
        found = {pair.other(image_id): pair for pair in store.of(image_id)}
    return found.get(wanted)


def test_copies_of_a_photograph_are_pairs_as_they_land_and_after_the_file_was_lost(daemon: Daemon) -> None:
    for name in ("chelsea.jpg", "china.jpg", "coffee.jpg"):
        shutil.copy(PHOTOS / name, daemon.root)
    daemon.start(env=PROMPT).wait()
    original = daemon.root / "chelsea.jpg"
    with Image.open(original) as image:
        picture = image.convert("RGB")
    copies = {name: daemon.root / f"{name}.png" for name in ("same", "small", "mirrored", "turned")}
    picture.save(copies["same"])
    picture.reduce(2).save(copies["small"])
    ImageOps.mirror(picture).save(copies["mirrored"])
    picture.transpose(Image.Transpose.ROTATE_90).save(copies["turned"])
    daemon.until(lambda: all(pair(daemon, original, copy) for copy in copies.values()), "the pairs")

    def found() -> dict[str, tuple[Tier, bool, bool]]:
        pairs = {name: pair(daemon, original, copy) for name, copy in copies.items()}
        return {name: (each.tier, each.mirrored, each.turned != 0) for name, each in pairs.items() if each}

    expected = {
        "same": (Tier.PIXELS, False, False),
        "small": (Tier.NEAR, False, False),
        "mirrored": (Tier.NEAR, True, False),
        "turned": (Tier.NEAR, False, True),
    }
    assert found() == expected
    assert pair(daemon, original, daemon.root / "china.jpg") is None
    assert {Path(match["path"]).stem: match["tier"] for match in daemon.search(original)["matches"]} == {
        "chelsea": "exact", "same": "pixels", "small": "near", "mirrored": "near", "turned": "near",
        "china": None, "coffee": None,
    }  # fmt: skip
    assert daemon.stop() == 0
    (daemon.state / "pairs.sqlite").unlink()
    daemon.start(env=PROMPT)
    daemon.until(lambda: found() == expected, "the pairs once more")
