"""The page: what people wait for in a browser, what those who scroll cost searches, and whether memory stays flat.

The folder has 2,400 pictures, 600 of them photographs of 3000 x 2000, the others Debian's stamps and clip art.

* In a browser: the first contentful paint, and from the click on a picture to a painted grid of 50, with thumbnails
  that are kept (warm) and with none (cold). The limit of the warm grid is the same markup with the same thumbnails as
  files of a static server; that of the cold one the CPU seconds that Pillow takes to decode the same 50 originals and
  make them as small, over the cores.
* Searches by pictures, indexed ones and new ones, from one caller over gRPC, alone and while 20 people scroll: each
  asks for 30 thumbnails every two seconds. The page keeps those in memory; others are made by the daemon meanwhile.
* 100,000 thumbnails asked for, half of the page and half of the daemon, as fast as twelve connections get them, and the
  memory of all processes meanwhile.
"""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from simctl import Client

from benchmarks import site as sites
from benchmarks.browsing import GRID, Grid, Visitor, Waits, browsing
from benchmarks.photographs import Maker
from benchmarks.report import Row, arguments, publish
from benchmarks.site import Collection, Site
from benchmarks.viewers import CONNECTIONS, EDGE, Seen, many, scrolling
from simd.types import image_id_of

STATIC = Path(__file__).parent.parent / "simd" / "web" / "static"
_VIEWERS = 20
_TURNS = 5
_QUERY = (1400, 800)
_EDGES = (256, 512)


@contextmanager
def static_server(directory: Path) -> Iterator[str]:
    """A plain server of files in a process of its own: its address."""
    port = sites.free_port()
    options = ["--bind", "127.0.0.1", "--protocol", "HTTP/1.1", "--directory", str(directory), str(port)]
    process = subprocess.Popen([sys.executable, "-m", "http.server", *options], stderr=subprocess.DEVNULL)
    try:
        while not sites.answers(port):
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _saved(directory: Path, grid: Grid, site: Site) -> list[str]:
    """The page's files, and the thumbnails of a grid as files; the grid's markup, with these in it."""
    shutil.copytree(STATIC, directory / "static", dirs_exist_ok=True)
    document = (STATIC / "index.html").read_text()
    (directory / "index.html").write_text(document)
    (directory / "empty.html").write_text(re.sub(r"<script.*?</script>", "", document))
    markup = []
    for image_id, url, tile in zip(grid.ids, grid.urls, grid.markup, strict=True):
        name = f"{image_id}.jpg"
        edge = int(url.partition("edge=")[2].partition("&")[0] or 256)
        (directory / name).write_bytes(site.client.thumbnail(image_id, edge))
        markup.append(re.sub(r'src="[^"]*"', f'src="/{name}"', tile))
    return markup


def _decoding_s(paths: Sequence[Path], edge: int) -> float:
    """CPU seconds of decoding pictures and making them as small as thumbnails."""
    began = time.process_time()
    for path in paths:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.draft("RGB", (edge, edge))
            image.thumbnail((edge, edge), Image.Resampling.BICUBIC, reducing_gap=2.0)
            image.convert("RGB").save(io.BytesIO(), "JPEG", quality=80)
    return time.process_time() - began


def in_a_browser(site: Site, pictures: Collection, runs: int, work: Path) -> tuple[list[Row], dict[str, float]]:
    """The table's lines and the figures of what people wait for."""
    by_id = {image_id_of(path.read_bytes()).hex(): path for path in (*pictures.photographs, *pictures.drawings)}
    rows: list[Row] = []
    figures: dict[str, float] = {}
    cores = len(os.sched_getaffinity(0))
    with browsing() as browser:
        visitor = Visitor(browser, site.url)
        paints = Waits([visitor.first_paint_ms() for _ in range(runs + 1)][1:])
        rows.append(paints.row("first contentful paint"))
        figures["first_paint_p50_ms"] = paints.p50
        for kind, among in (("photographs", pictures.photographs), ("drawings", pictures.drawings)):
            grids: dict[str, list[Grid]] = {"warm": [], "cold": []}
            limits: dict[str, list[float]] = {"warm": [], "cold": []}
            for run in range(runs):
                print(f"{kind}, run {run + 1} of {runs}", file=sys.stderr)
                chance = random.Random(f"{kind} {run}")
                image_id, place = image_id_of(chance.choice(among).read_bytes()).hex(), chance.randrange(1, 20)
                grids["cold"].append(visitor.click(image_id, place, before=site.empty_cache))
                grids["warm"].append(visitor.click(image_id, place))
                with tempfile.TemporaryDirectory(dir=work) as folder:
                    markup = _saved(Path(folder), grids["warm"][-1], site)
                    with static_server(Path(folder)) as url:
                        beside = Visitor(browser, url)
                        limits["warm"].append(beside.insert_ms("/empty.html", markup))
                        if kind == "photographs":
                            limits.setdefault("paint", []).append(beside.first_paint_ms())
                edge = 512 if "edge=512" in grids["cold"][-1].urls[0] else 256
                cpu_s = _decoding_s([by_id[one] for one in grids["cold"][-1].ids], edge)
                limits["cold"].append(cpu_s / cores * 1e3)
            for how in ("warm", "cold"):
                waits, limit = Waits([grid.ms for grid in grids[how]]), Waits(limits[how])
                more = {
                    "seen_p50_ms": Waits([grid.seen_ms for grid in grids[how]]).p50,
                    "answer_p50_ms": Waits([grid.answered_ms for grid in grids[how]]).p50,
                    "pictures": float(min(len(grid.ids) for grid in grids[how])),
                    "seen": float(min(grid.seen for grid in grids[how])),
                    "fetched": float(min(grid.fetched for grid in grids[how])),
                }
                rows.append(waits.row(f"grid of {GRID} {kind}, {how}", **more))
                rows.append(limit.row(f"  limit: {'files of a static server' if how == 'warm' else 'decoding'}"))
                figures[f"{kind}_{how}_p50_ms"] = waits.p50
                figures[f"{kind}_{how}_max_ms"] = max(waits.taken)
                figures[f"{kind}_{how}_over_limit"] = waits.p50 / limit.p50
            if "paint" in limits:
                rows.insert(1, Waits(limits["paint"]).row("  limit: files of a static server"))
                figures["first_paint_over_limit"] = paints.p50 / Waits(limits["paint"]).p50
    return rows, figures


def _searched(client: Client, queries: Sequence[bytes], seconds: float) -> list[float]:
    """Milliseconds of searches, one after the other."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        client.search(image=queries[len(taken) % len(queries)], limit=10)
        taken.append((time.perf_counter() - began) * 1e3)
    return taken


def _line(what: str, taken: Sequence[float]) -> dict[str, Any]:
    return {
        "what": what, "p50_ms": float(np.quantile(taken, 0.5)), "p99_ms": float(np.quantile(taken, 0.99)),
        "max_ms": max(taken), "runs": len(taken),
    }  # fmt: skip


def under_load(site: Site, pictures: Collection, options: Namespace, work: Path) -> tuple[list[Row], dict[str, float]]:
    """The table's lines and the figures of searches, alone and with people who scroll, in turns, because the machine's
    speed drifts."""
    maker = Maker(_QUERY)
    queries = {
        "indexed": [path.read_bytes() for path in pictures.photographs[:100]],
        "new": [maker.jpeg(1_000_000 + number) for number in range(100)],
    }
    ids = [image_id_of(path.read_bytes()).hex() for path in (*pictures.photographs, *pictures.drawings)]
    many(site.port, [(image_id, EDGE) for image_id in ids], 6)
    turn_s = options.load_s / _TURNS
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for kind, asked in queries.items():
        _searched(site.client, asked, 2.0)
        taken: dict[str, list[float]] = {"alone": [], "warm": [], "cold": []}
        seen = {"warm": Seen(), "cold": Seen()}
        for _ in range(_TURNS):
            taken["alone"] += _searched(site.client, asked, turn_s)
            for how, made_per_s in (("warm", 0.0), ("cold", options.cold_per_s)):
                people = scrolling(site.port, ids, _VIEWERS, turn_s + 4.0, options.pace_s, work)
                with people as found, site.making(ids, EDGE, made_per_s):
                    time.sleep(3.0)
                    taken[how] += _searched(site.client, asked, turn_s)
                seen[how] += found[0]
        rows.append(_line(f"search by {kind} pictures, alone", taken["alone"]))
        for how, told in (("warm", "all kept"), ("cold", f"{options.cold_per_s:g} made a second")):
            rows.append(_line(f"search by {kind} pictures, {_VIEWERS} scroll, {told}", taken[how]))
            rows.append({**seen[how].row("  their thumbnails"), "late_s": seen[how].late_s})
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                ratio = np.quantile(taken[how], share) / np.quantile(taken["alone"], share)
                figures[f"{kind}_{how}_{name}_ratio"] = float(ratio)
            figures[f"{kind}_{how}_lost"] = float(seen[how].failed)
    return rows, figures


def over_time(site: Site, pictures: Collection, count: int, made_per_s: float) -> tuple[list[Row], dict[str, float]]:
    """The table's lines and the figures of memory while so many thumbnails are asked for, half of them of the page and
    half of the daemon, and some are made."""
    ids = [image_id_of(path.read_bytes()).hex() for path in (*pictures.photographs, *pictures.drawings)]
    chance = random.Random(0)
    rows: list[Row] = [{"what": "before the first thumbnail", **site.memory_mib()}]
    figures: dict[str, float] = {"lost": 0.0}
    tenth = max(1, count // 10)
    for done in range(tenth, count + 1, tenth):
        before = site.cpu_s()
        asked = [(chance.choice(ids), chance.choice(_EDGES)) for _ in range(tenth)]
        with site.making(ids, EDGE, made_per_s):
            seen = many(site.port, asked[::2], 2 * CONNECTIONS)
            site.ask(asked[1::2], 2 * CONNECTIONS)
        figures["lost"] += seen.failed
        cpu_ms = {f"{name}_cpu_ms": (now - before[name]) / tenth * 1e3 for name, now in site.cpu_s().items()}
        told = f"after {done:,} thumbnails"
        print(f"memory: {told}", file=sys.stderr)
        rows.append({"what": told, **site.memory_mib(), "per_s": len(seen.taken_ms) / seen.seconds, **cpu_ms})
    for key in ("daemon_rss_mib", "daemon_and_workers_mib", "web_rss_mib"):
        half = float(rows[len(rows) // 2][key])
        figures[f"{key}_growth_of_second_half"] = float(rows[-1][key]) - half
    return rows, figures


def measure(options: Namespace, work: Path) -> None:
    """Everything, one after the other."""
    pictures = sites.collected(work / "root", options.pictures)
    rows: list[Row] = []
    figures: dict[str, float] = {"pictures": float(len(pictures))}
    with sites.running(work / "root", work / "state") as site:
        parts = {
            "browser": lambda: in_a_browser(site, pictures, options.runs, work),
            "load": lambda: under_load(site, pictures, options, work),
            "memory": lambda: over_time(site, pictures, options.thumbnails, options.cold_per_s),
        }
        for name in options.only or parts:
            print(f"measuring: {name}", file=sys.stderr)
            more, found = parts[name]()
            rows += more
            figures |= found
    publish("page", rows, figures, options.json)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--pictures", type=int, default=2400)
    parser.add_argument("--runs", type=int, default=12, help="of what is measured in the browser")
    parser.add_argument("--load-s", type=float, default=30.0, metavar="S", help="seconds for each kind of search")
    parser.add_argument("--pace-s", type=float, default=2.0, metavar="S", help="how long people look at a windowful")
    parser.add_argument("--cold-per-s", type=float, default=30.0, metavar="N", help="thumbnails that are made anew")
    parser.add_argument("--thumbnails", type=int, default=100_000, help="how many are asked for to watch memory")
    parser.add_argument("--only", action="append", choices=("browser", "load", "memory"), help="may be repeated")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the state is made, and left for the next time")
    options = parser.parse_args()
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        measure(options, Path(work))


if __name__ == "__main__":
    main()
