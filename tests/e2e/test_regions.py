"""A part of a photograph finds what cutting it out first would find."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import simctl
from PIL import Image, ImageOps

from simd.types import image_id_of
from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

NAMES = ("china.jpg", "macaw.jpg", "chelsea.jpg", "windmill_rhodes.jpg")
REGIONS: tuple[tuple[float, float, float, float], ...] = (
    (0.1, 0.2, 0.6, 0.5), (0.5, 0.0, 0.5, 1.0), (0.25, 0.55, 0.2, 0.3)
)  # fmt: skip


def cut(path: Path, region: tuple[float, float, float, float], to: Path) -> None:
    """Save a part of a picture as a person would: of what is displayed, and without loss."""
    x, y, width, height = region
    with Image.open(path) as image:
        shown = ImageOps.exif_transpose(image)
        sides = (x * shown.width, y * shown.height, (x + width) * shown.width, (y + height) * shown.height)
        left, top, right, bottom = map(round, sides)
        shown.crop((left, top, right, bottom)).save(to)


def test_it_is_as_if_it_had_been_cut_out(daemon: Daemon, tmp_path: Path) -> None:
    queries = [PHOTOS / name for name in NAMES]
    with Image.open(queries[0]) as image:
        photo = image.convert("RGB")
    # As cameras write them: the pixels lie on their side, and EXIF says how to turn them.
    exif = Image.Exif()
    exif[0x0112] = 6
    queries.append(tmp_path / "sideways.jpg")
    photo.transpose(Image.Transpose.ROTATE_90).save(queries[-1], exif=exif)
    queries.append(tmp_path / "large.jpg")
    photo.resize((photo.width * 6, photo.height * 6), Image.Resampling.BICUBIC).save(queries[-1])
    for path in queries:
        shutil.copy(path, daemon.root)
        for number, region in enumerate(REGIONS):
            cut(path, region, daemon.root / f"{path.stem}-{number}.png")
    daemon.start().wait()
    with simctl.Client(daemon.address) as client:
        for path in queries:
            for number, region in enumerate(REGIONS):
                for query in (
                    simctl.Subject(image=path.read_bytes()),
                    simctl.Subject(path=daemon.root / path.name),
                    simctl.Subject(image_id=image_id_of(path.read_bytes()).hex()),
                ):
                    [answer] = client.batch_search([query], region=region, limit=5)
                    assert isinstance(answer.outcome, simctl.SearchResult), answer
                    alike = {Path(match.path).stem: match.similarity for match in answer.outcome.matches}
                    assert alike.get(f"{path.stem}-{number}", -1.0) >= 0.98, (region, alike)
