"""The main job, end to end: a daemon on a folder of photographs, searches with doctored copies, a file comes and goes.

Ends non-zero when a doctored copy does not find its original first, or when an answer does not follow the folder.
"""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent.parent
PHOTOS = HERE / "samples" / "photos"
BIN = Path(sys.executable).parent


def rescaled(image: Image.Image) -> bytes:
    """40 % of the size, as a thumbnail generator would do."""
    small = image.resize((max(1, image.width * 2 // 5), max(1, image.height * 2 // 5)), Image.Resampling.LANCZOS)
    return jpeg(small, 85)


def cropped(image: Image.Image) -> bytes:
    """8 % cut from each side."""
    dx, dy = image.width * 8 // 100, image.height * 8 // 100
    return jpeg(image.crop((dx, dy, image.width - dx, image.height - dy)), 90)


def watermarked(image: Image.Image) -> bytes:
    """A half-transparent band with text across the picture."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    top = image.height * 2 // 5
    draw.rectangle((0, top, image.width, top + image.height // 8), fill=(255, 255, 255, 110))
    draw.text((image.width // 10, top + 4), "(c) somebody's agency - sample", fill=(0, 0, 0, 200), font_size=22)
    return jpeg(Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB"), 90)


def masked(image: Image.Image) -> bytes:
    """A black box over a sixteenth of the picture."""
    copy = image.copy()
    x, y = image.width * 3 // 5, image.height // 10
    ImageDraw.Draw(copy).rectangle((x, y, x + image.width // 4, y + image.height // 4), fill=(0, 0, 0))
    return jpeg(copy, 90)


def reencoded(image: Image.Image) -> bytes:
    """Saved again at JPEG quality 25."""
    return jpeg(image, 25)


def converted(image: Image.Image) -> bytes:
    """Another format altogether: WebP at quality 60."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60)
    return out.getvalue()


def jpeg(image: Image.Image, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


EDITS: list[Callable[[Image.Image], bytes]] = [rescaled, cropped, watermarked, masked, reencoded, converted]


class Demo:
    """One run, in a directory of its own that is removed at the end."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.photos = work / "photos"
        self.address = f"unix:{work}/simd.sock"
        self.log = work / "daemon.log"
        self.failures = 0

    def run(self) -> int:
        """The whole story; returns the exit code."""
        shutil.copytree(PHOTOS, self.photos)
        count = sum(1 for p in self.photos.iterdir())
        say(f"1. A folder with {count} photographs, and a daemon that watches it")
        began = time.monotonic()
        with self.log.open("wb") as log:
            daemon = subprocess.Popen([*self.serve()], stdout=log, stderr=log)
        try:
            return self.talk(daemon, count, began)
        finally:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()

    def serve(self) -> list[str]:
        """The command that starts the daemon."""
        return [
            str(BIN / "simd"), "serve", "--root", str(self.photos), "--state-dir", str(self.work / "state"),
            "--listen", self.address, "--models-dir", str(HERE / ".cache" / "models"),
        ]  # fmt: skip

    def talk(self, daemon: subprocess.Popen[bytes], count: int, began: float) -> int:
        """Everything that needs the daemon."""
        self.wait_for_socket(daemon)
        self.simctl("wait", "--timeout", "300")
        status = json.loads(self.simctl("status", "--json"))
        say(f"   {status['images']} images indexed, {time.monotonic() - began:.1f} s after the daemon was started")
        say(f"   model {status['model']['name']}, {status['device']['reason']}")
        self.expect(status["images"] == count, f"{count} images expected")

        say("\n2. What a person sees:  simctl search (a crop of the cat)")
        query = self.work / "cat-cropped.jpg"
        with Image.open(self.photos / "chelsea.jpg") as cat:
            query.write_bytes(cropped(cat.convert("RGB")))
        for line in self.simctl("search", "--limit", "3", str(query)).splitlines():
            say(f"   | {line.replace(str(self.work), '')}")

        self.doctored_copies()
        self.comes_and_goes()

        say("\n5. The daemon is stopped (SIGTERM)")
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(30)
        say(f"   it ended with {code} after {time.monotonic() - began:.2f} s")
        self.expect(code == 0, "exit code 0 expected")
        say("\nEverything found." if not self.failures else f"\n{self.failures} expectations were not met.")
        return 1 if self.failures else 0

    def doctored_copies(self) -> None:
        """Every photograph, under every edit, must find its original first."""
        say("\n3. Doctored copies of every photograph: is the original the first answer?")
        say(f"   {'edit':<12} {'found first':>12}  {'similarity (worst / mean)':>26}  {'time a search':>13}")
        for edit in EDITS:
            queries = self.work / "queries" / edit.__name__
            queries.mkdir(parents=True)
            originals = sorted(self.photos.iterdir())
            for path in originals:
                with Image.open(path) as image:
                    (queries / path.name).write_bytes(edit(image.convert("RGB")))
            began = time.monotonic()
            answers = json.loads(self.simctl("search", "--json", "--limit", "3", *map(str, sorted(queries.iterdir()))))
            self.judge(edit.__name__, originals, answers, time.monotonic() - began)

    def judge(self, name: str, originals: list[Path], answers: list[dict[str, object]], seconds: float) -> None:
        """One line of the table, and a line for every original that was not found.

        The searches go through one stream: each is told what all that were answered with it took, so the time of one
        is its share of the command's.
        """
        found, scores, missed = 0, [], []
        for original, answer in zip(originals, answers, strict=True):
            matches = answer["matches"]
            assert isinstance(matches, list)
            best = matches[0]
            if best["path"] == str(original):
                found += 1
                scores.append(best["similarity"])
            else:
                missed.append(f"   !! {original.name} found {Path(best['path']).name} ({best['similarity']:.3f})")
        scores = scores or [0.0]
        mean = sum(scores) / len(scores)
        say(
            f"   {name:<12} {f'{found} of {len(originals)}':>12}  {f'{min(scores):.3f} / {mean:.3f}':>26}"
            f"  {seconds / len(originals) * 1e3:>10.1f} ms"
        )
        for line in missed:
            say(line)
        self.failures += len(missed)

    def comes_and_goes(self) -> None:
        """Answers follow the folder."""
        say("\n4. Answers follow the folder")
        newcomer = self.photos / "newcomer.jpg"
        with Image.open(self.photos / "coffee.jpg") as image:
            data = jpeg(image.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT), 90)
        query = self.work / "newcomer-query.jpg"
        query.write_bytes(data)
        began = time.monotonic()
        newcomer.write_bytes(data)
        appeared = self.until(lambda: self.first(query) == newcomer.name, began)
        say(f"   a file was added:    found first {appeared:.2f} s later")
        began = time.monotonic()
        newcomer.unlink()
        gone = self.until(lambda: self.first(query) != newcomer.name, began)
        say(f"   the file was removed: out of the answers {gone:.2f} s later")

    def first(self, query: Path) -> str:
        """The name of the best match."""
        answer = json.loads(self.simctl("search", "--json", "--limit", "1", str(query)))
        return Path(answer["matches"][0]["path"]).name

    def until(self, condition: Callable[[], bool], began: float) -> float:
        """Seconds since `began` until the condition held."""
        while not condition():
            if time.monotonic() - began > 30:
                self.expect(False, "it should have happened within 30 s")
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def wait_for_socket(self, daemon: subprocess.Popen[bytes]) -> None:
        """The daemon answers, or its log says why not."""
        deadline = time.monotonic() + 120
        while not Path(self.address.removeprefix("unix:")).exists():
            if daemon.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the daemon did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def simctl(self, *arguments: str) -> str:
        """Run the command as a person would; its standard output."""
        run = subprocess.run(
            [str(BIN / "simctl"), *arguments, "--address", self.address], capture_output=True, text=True, check=False
        )
        if run.returncode not in (0, 4):
            sys.exit(f"simctl {' '.join(arguments)}: exit {run.returncode}: {run.stderr}\n{self.log.read_text()}")
        return run.stdout

    def expect(self, condition: bool, what: str) -> None:
        """Count what is not as it should be."""
        if not condition:
            say(f"   !! {what}")
            self.failures += 1


def say(text: str) -> None:
    """A line for the person who watches."""
    print(text, flush=True)


def main() -> int:
    """Run the demonstration in a temporary directory."""
    work = Path(tempfile.mkdtemp(prefix="simd-demo-"))
    try:
        return Demo(work).run()
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
