"""Every format that the documentation lists, as other programs write it, looks as another decoder shows it.

ImageMagick, djxl and avifdec are asked; `scripts/decoders` installs them. The measure is that of a search: the cosine
of the default model's embeddings.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from simd.featurize.decode.decode import DecodeLimits, decode
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import Model
from tests.conftest import REPOSITORY
from tests.featurize.drawings import encoded
from tests.featurize.kinds import ITSELF, KINDS, PACKAGES, Kind, find_convert, write_sources

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(120)]

ALIKE = 0.98
LIMITS = DecodeLimits(1 << 26, 1 << 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    with Image.open(photos / "chelsea.jpg") as photo:
        # With white and black in it: they are what is lost first.
        whole = ImageOps.autocontrast(photo.convert("RGB").resize((320, 213), Image.Resampling.BICUBIC), cutoff=5)
    write_sources(folder, whole)
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    """In which `convert` is ImageMagick's."""
    path = os.environ["PATH"]
    if found := find_convert():
        programs = folder / "bin"
        programs.mkdir()
        (programs / "convert").symlink_to(found)
        path = f"{programs}:{path}"
    return {**os.environ, "PATH": path}


@pytest.fixture(scope="module")
def featurizer(model: Model) -> Iterator[Featurizer]:
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    yield Featurizer(engine, model)
    engine.close()


def missing(kind: Kind, environment: dict[str, str]) -> set[str]:
    """Debian's packages of the programs that are not installed."""
    there = {program for program in kind.programs if os.access(which(program, environment), os.X_OK)}
    if "convert" in there and find_convert() is None:
        there.discard("convert")
    return {PACKAGES[program] for program in kind.programs - there}


def which(program: str, environment: dict[str, str]) -> Path:
    places = (Path(place) / program for place in environment["PATH"].split(":"))
    return next((place for place in places if place.exists()), Path(program))


def run(command: str, file: str, folder: Path, environment: dict[str, str]) -> None:
    line = command.replace("{}", file)
    done = subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, (line, done.stderr.decode(errors="replace"))


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.format}: {kind.file}") for kind in KINDS])
def test_a_picture_looks_as_an_independent_decoder_shows_it(
    kind: Kind, folder: Path, environment: dict[str, str], featurizer: Featurizer
) -> None:
    if packages := missing(kind, environment):
        pytest.skip(f"NOT COMPARED with another decoder: install {', '.join(sorted(packages))} (scripts/decoders)")
    run(kind.make, kind.file, folder, environment)
    reference = folder / kind.like
    if kind.like == ITSELF:
        run(kind.decode, kind.file, folder, environment)
        reference = folder / f"{kind.file}.png"
    ours = decode((folder / kind.file).read_bytes(), (224, 224), LIMITS).pixels
    with Image.open(reference) as shown:
        theirs = decode(encoded(shown, "PNG"), (224, 224), LIMITS).pixels
    first, second = featurizer.embed(np.stack([ours, theirs]))
    assert float(first @ second) > ALIKE


def test_every_format_of_the_documentation_is_compared() -> None:
    text = (REPOSITORY / "docs" / "models.md").read_text()
    table = text.partition("## Pictures that are read")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)) - {"format", "---"}
    assert documented == {kind.format for kind in KINDS}
