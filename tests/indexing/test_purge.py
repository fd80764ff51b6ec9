"""What has had no file for long is forgotten, also by a daemon that is never started anew."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from simd.types import image_id_of
from tests.indexing.bench import QUICK, Bench


def test_images_without_a_file_are_forgotten_when_their_time_is_over_and_not_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, grace_s=0.5, delays=replace(QUICK, purge_s=0.01))
    kept, gone = image_id_of(b"kept"), image_id_of(b"gone")
    try:
        bench.write("kept.png", b"kept")
        path = bench.write("gone.png", b"gone")
        bench.start().settle()
        before = time.time()
        path.unlink()
        bench.until(lambda: "gone.png" not in bench.files())
        bench.until(lambda: gone not in bench.catalogue.facts_of([gone]))
        assert time.time() - before >= 0.5
        assert kept in bench.catalogue.facts_of([kept])
    finally:
        bench.close()


def test_a_picture_that_returns_after_it_was_forgotten_is_decoded_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, grace_s=0.0, delays=replace(QUICK, purge_s=0.01))
    image_id = image_id_of(b"a picture")
    try:
        bench.write("kept.png", b"an empty root would be taken for an unmounted disk")
        path = bench.write("a.png", b"a picture")
        bench.start().settle()
        path.unlink()
        bench.until(lambda: image_id not in bench.catalogue.facts_of([image_id]))
        bench.write("b.png", b"a picture")
        bench.settle()
        assert bench.files()["b.png"] == image_id
        assert image_id in bench.catalogue.facts_of([image_id])
    finally:
        bench.close()
