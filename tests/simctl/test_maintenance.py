"""compare, files, compact, verify, export, and searches of several images: the command and the library."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simctl
from simctl.contents import ExportedImage
from simctl.npz import write

from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import Reason
from simd.serving.search.verifier import Verifier
from simd.types import ImageFacts, image_id_of
from simd.verify.verdict import Verdict
from tests.serving.doubles import Bench, damage_a_segment, local_index, serving, vector_of
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run
from tests.simctl.test_json import check

RED, GREEN = b"picture 200 10 10", b"picture 10 200 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def client(bench: Bench) -> Iterator[simctl.Client]:
    with simctl.Client(bench.listen) as client:
        yield client


def file(directory: Path, name: str, data: bytes) -> str:
    path = directory / name
    path.write_bytes(data)
    return str(path)


def test_several_images_are_answered_in_their_order_over_one_stream(bench: Bench, tmp_path: Path) -> None:
    bench.put("red.jpg", RED)
    bench.put("green.jpg", GREEN)
    images = [file(tmp_path, f"{n}.jpg", b"picture %d 1 1" % n) for n in range(1, 41)]
    done = run(bench.listen, "search", "--json", "-k1", *images, f"{bench.root}/green.jpg")
    assert done.returncode == 0 and done.stderr == b""
    found = document(done)
    assert [one["query"] for one in found] == [*images, f"{bench.root}/green.jpg"]
    assert found[-1]["matches"][0]["path"] == f"{bench.root}/green.jpg"
    calls = [bench.calls(f"SearchService/{method}", "OK") for method in ("BatchSearch", "Search")]
    assert calls == [1, 0]


def test_of_several_images_those_that_fail_are_told_in_their_places(bench: Bench, tmp_path: Path) -> None:
    bench.put("red.jpg", RED)
    good, bad = file(tmp_path, "good", b"picture 200 11 10"), file(tmp_path, "bad", b"text")
    done = run(bench.listen, "search", "--json", bad, good, f"{tmp_path}/missing", "-", good, stdin=RED)
    assert done.returncode == 5
    found = document(done)
    assert ["error" in one for one in found] == [True, False, True, False, False]
    assert found[0]["error"]["code"] == "INVALID_ARGUMENT" and "bad: " in found[0]["error"]["message"]
    assert found[3]["query"] == "-" and found[3]["matches"][0]["distance"] == 0


def test_an_image_that_is_too_big_for_a_request_does_not_spoil_the_others(tmp_path: Path) -> None:
    with serving(max_request_bytes=4096) as bench:
        bench.put("red.jpg", RED)
        big = file(tmp_path, "big", b"picture 1 2 3".ljust(10_000))
        good = file(tmp_path, "good", RED)
        done = run(bench.listen, "search", "--json", good, big, good)
        found = document(done)
        assert done.returncode == 5
        assert ["error" in one for one in found] == [False, True, False]
        assert "max_request_bytes" in found[1]["error"]["message"]


def test_the_library_searches_many_at_once(bench: Bench, client: simctl.Client) -> None:
    image_id = bench.put("red.jpg", RED)
    subjects = [
        simctl.Subject(image=RED),
        simctl.Subject(image_id=image_id.hex()),
        simctl.Subject(image=b"text"),
        simctl.Subject(path=bench.root / "red.jpg"),
        simctl.Subject(vector=[float(value) for value in vector_of(200, 10, 10)]),
    ]
    found = {answer.number: answer.outcome for answer in client.batch_search(subjects, limit=1)}
    assert sorted(found) == [0, 1, 2, 3, 4]
    failed = found.pop(2)
    assert isinstance(failed, simctl.SimctlError)
    assert (failed.code, failed.reason, failed.field) == ("INVALID_ARGUMENT", "IMAGE_REJECTED", "image")
    for one in found.values():
        assert isinstance(one, simctl.SearchResult) and one.matches[0].distance == 0


def test_what_the_subjects_raise_is_raised_after_the_answers_to_those_before(
    bench: Bench, client: simctl.Client
) -> None:
    bench.put("red.jpg", RED)

    def subjects() -> Iterator[simctl.Subject]:
        yield simctl.Subject(image=RED)
        raise LookupError("no more")

    answers = client.batch_search(subjects())
    assert next(answers).number == 0
    with pytest.raises(LookupError, match="no more"):
        next(answers)


def test_a_subject_is_exactly_one_thing() -> None:
    for arguments in ({}, {"image": RED, "image_id": "ab" * 16}):
        with pytest.raises(TypeError, match="exactly one"):
            simctl.Subject(**arguments)  # type: ignore[arg-type]


def test_compare_says_how_much_two_pictures_are_alike(bench: Bench, tmp_path: Path) -> None:
    red, reddish = file(tmp_path, "red", RED), file(tmp_path, "reddish", b"picture 190 30 30")
    same = run(bench.listen, "compare", red, "-", stdin=RED)
    assert (same.returncode, same.stdout.decode().splitlines()) == (
        0,
        ["exact: the same bytes, similarity 100 %", "100 % similar, distance 0.0000, the same bytes"],
    )
    found = document(run(bench.listen, "compare", "--json", red, reddish))
    assert (found["first"], found["second"], found["same"]) == (red, reddish, False)
    assert 0.9 < found["similarity"] < 1 and found["distance"] > 0
    for least, code in (("0.5", 0), ("0.999", 4)):
        assert run(bench.listen, "compare", red, reddish, "--min-similarity", least).returncode == code


@pytest.fixture
def verifying(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """It verifies searches: the red picture has a copy that is mirrored and turned, and nothing else agrees."""
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

    def judge(query: bytes, other: bytes) -> Verdict:
        same = other == RED
        return Verdict(same, 0.75 if same else 0.0, 9, same, 3 if same else 0, (corners, corners) if same else None)

    store = DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    bench.put("red.jpg", RED)
    bench.put("green.jpg", GREEN)
    store.put({image_id_of(data): data for data in (RED, GREEN)})
    bench.verifier = Verifier(
        how="search", store=store, catalogue=bench.catalogue, decoder=bench.decoder, files=bench.files, judge=judge
    )
    bench.server.open(bench.services)
    yield bench
    store.close()


def test_compare_says_whether_they_are_one_picture(verifying: Bench, tmp_path: Path) -> None:
    red, green = file(tmp_path, "red", RED), file(tmp_path, "green", GREEN)
    told = run(verifying.listen, "compare", green, red).stdout.decode().splitlines()
    assert told[0].startswith("near: one picture, edited (mirrored, turned by 270 degrees), similarity ")
    assert told[2:] == ["verified: one picture, mirrored, turned by 270 degrees, 75% of what was compared agrees"]
    verifying.calibrate()
    told = run(verifying.listen, "compare", red, green).stdout.decode().splitlines()
    assert told[0].startswith("different: different pictures, similarity ")
    assert told[2:] == ["verified: not one picture"]
    for pair, same in (((green, red), True), ((red, green), False)):
        found = document(run(verifying.listen, "compare", "--json", *pair))
        check("compare", found)
        assert found["verdict"]["same"] == same and ("region" in found["verdict"]) == same


@pytest.mark.parametrize(
    ("other", "tier"),
    [
        (RED, "exact"),
        (RED + b" with other metadata", "pixels"),
        (b"picture 200 120 10", "similar"),
        (GREEN, "different"),
    ],
)
def test_the_exit_code_of_compare_follows_the_tier(bench: Bench, tmp_path: Path, other: bytes, tier: str) -> None:
    bench.calibrate()
    pair = file(tmp_path, "red", RED), file(tmp_path, "other", other)
    found = document(run(bench.listen, "compare", "--json", *pair))
    check("compare", found)
    assert found["tier"] == tier
    tiers = ["exact", "pixels", "near", "similar", "different"]
    at = tiers.index(tier)
    for least, code in ((tier, 2 if tier == "different" else 0), (tiers[at - 1], 4)):
        if at or least == tier:
            assert run(bench.listen, "compare", *pair, "--at-least", least).returncode == code, least


def test_where_the_model_is_not_calibrated_what_is_similar_cannot_be_told(bench: Bench, tmp_path: Path) -> None:
    pair = file(tmp_path, "red", RED), file(tmp_path, "green", GREEN)
    assert document(run(bench.listen, "compare", "--json", *pair))["tier"] is None
    assert run(bench.listen, "compare", *pair, "--at-least", "near").returncode == 4
    done = run(bench.listen, "compare", *pair, "--at-least", "similar")
    assert done.returncode == 1 and b"calibrated" in done.stderr and b"--min-similarity" in done.stderr
    assert run(bench.listen, "compare", pair[0], pair[0], "--at-least", "similar").returncode == 0


def test_search_says_which_answers_are_the_picture(verifying: Bench, tmp_path: Path) -> None:
    red = file(tmp_path, "red", RED)
    found = document(run(verifying.listen, "search", "--json", red))
    check("search", found)
    assert [match["verified"] for match in found["matches"]] == [True, False]
    lines = run(verifying.listen, "search", red).stdout.decode().splitlines()
    assert lines[0].endswith("red.jpg  same bytes") and lines[1].endswith("green.jpg")
    reddish = file(tmp_path, "reddish", b"picture 200 10 11")
    assert run(verifying.listen, "search", reddish).stdout.decode().splitlines()[0].endswith("red.jpg  verified")
    with simctl.Client(verifying.listen) as client:
        first, second = client.search(image=RED).matches
    assert first.verdict is not None and first.verdict.turned == 270 and first.verdict.region is not None
    assert second.verdict is not None and second.verdict.region is None


def test_search_tells_each_picture_once_and_counts_its_copies(bench: Bench) -> None:
    red, reddish, green = bench.put_all(("a.jpg", RED), ("b.jpg", b"picture 190 30 30"), ("c.jpg", GREEN))
    query = f"{bench.root}/a.jpg"
    bench.pairs.add(red, reddish)
    found = document(run(bench.listen, "search", "--group", "--json", query))
    check("search", found)
    assert [(match["image_id"], match["copies"]) for match in found["matches"]] == [(red.hex(), 1), (green.hex(), 0)]
    several = document(run(bench.listen, "search", "--group", "--json", query, query))
    assert [[match["copies"] for match in one["matches"]] for one in several] == [[1, 0], [1, 0]]
    assert len(document(run(bench.listen, "search", "--json", query))["matches"]) == 3
    bench.pairs.add(red, green)
    assert run(bench.listen, "search", "--group", query).stdout.decode().splitlines()[0].endswith("  +2 copies")


def test_compare_says_which_of_the_two_it_cannot_use(bench: Bench, tmp_path: Path) -> None:
    red, text = file(tmp_path, "red", RED), file(tmp_path, "text", b"text")
    done = run(bench.listen, "compare", red, text)
    assert done.returncode == 1 and done.stderr.decode().startswith(f"simctl: {text}: ")
    assert run(bench.listen, "compare", red, f"{tmp_path}/missing").returncode == 1
    assert run(bench.listen, "compare", "-", "-").returncode == 2


def test_files_lists_what_is_searchable(bench: Bench) -> None:
    bench.put("a/red.jpg", RED)
    bench.put(b"b/caf\xe9.jpg", GREEN)
    done = run(bench.listen, "files")
    first, second, total = done.stdout.decode().splitlines()
    assert first.split() == [image_id_of(RED).hex(), "640x480", "TEXT", f"{bench.root}/a/red.jpg"]
    assert second.endswith("caf\\xe9.jpg") and total == "2 files"
    one, other = document(run(bench.listen, "files", "--json"))["files"]
    assert (one["path"], one["image_id"], one["size"]) == (f"{bench.root}/a/red.jpg", image_id_of(RED).hex(), 17)
    assert base64.b64decode(other["path_base64"]) == os.fsencode(bench.root) + b"/b/caf\xe9.jpg"
    paths = run(bench.listen, "files", "--paths-only", "-0", "--path-prefix", f"{bench.root}/b")
    assert paths.stdout == os.fsencode(bench.root) + b"/b/caf\xe9.jpg\0"
    assert run(bench.listen, "files", "--path-prefix", "/nowhere").returncode == 4


def test_files_reads_page_after_page(bench: Bench, client: simctl.Client) -> None:
    names = [f"{number:04}" for number in range(2500)]
    bench.put_all(*((name, RED) for name in names))
    assert [one.path for one in client.files()] == [f"{bench.root}/{name}" for name in names]


def test_compact_says_what_it_changed() -> None:
    with serving(index=local_index) as bench:
        bench.index.delete([bench.put("red.jpg", RED)])
        done = run(bench.listen, "compact")
        assert re.fullmatch(r"0 vectors, \d+ B before, \d+ B now; 1 dead before, 0 now\n", done.stdout.decode())
        after = document(run(bench.listen, "compact", "--json"))["after"]
        assert after == {"vectors": 0, "dead": 0, "disk_bytes": bench.index.stats().disk_bytes}


def test_verify_ends_with_0_if_all_is_well_and_lists_what_is_not() -> None:
    with serving(index=local_index) as bench:
        bench.put("red.jpg", RED)
        bench.index.compact()
        well = run(bench.listen, "verify")
        assert well.returncode == 0 and re.fullmatch(r"sound; [\d.]+ k?B read\n", well.stdout.decode())
        damaged = damage_a_segment(bench.directory / "index")
        bad = run(bench.listen, "verify")
        assert bad.returncode == 1 and bad.stdout.decode().startswith(f"{damaged}: ")
        assert b"1 problem" in bad.stderr and b"--repair" in bad.stderr
        found = document(run(bench.listen, "verify", "--json"))
        assert not found["sound"] and found["problems"] == bad.stdout.decode().splitlines()


def test_export_writes_a_document_a_line_or_one_document(bench: Bench) -> None:
    ids = {bench.put(f"{n}.jpg", b"picture %d 1 1" % n).hex(): vector_of(n, 1, 1) for n in range(1, 6)}
    lines = [json.loads(line) for line in run(bench.listen, "export").stdout.splitlines()]
    assert [line["image_id"] for line in lines] == sorted(ids)
    for line in lines:
        assert np.array_equal(np.frombuffer(base64.b64decode(line["vector"]), "<f4"), ids[line["image_id"]])
    whole = document(run(bench.listen, "export", "--json"))
    assert (whole["model"], whole["dimension"], whole["images"]) == ("tiny", 4, lines)


def test_export_of_an_empty_index_is_an_empty_document(bench: Bench, tmp_path: Path) -> None:
    assert run(bench.listen, "export").stdout == b""
    assert document(run(bench.listen, "export", "--json"))["images"] == []
    target = tmp_path / "empty.npz"
    assert run(bench.listen, "export", "--npz", str(target)).returncode == 0
    with np.load(target) as arrays:
        assert arrays["vectors"].shape == (0, 4) and arrays["image_ids"].shape == (0,)


def test_export_writes_arrays_that_numpy_opens(bench: Bench, tmp_path: Path) -> None:
    ids = {bench.put(f"{n}.jpg", b"picture %d 1 1" % n).hex(): vector_of(n, 1, 1) for n in range(1, 6)}
    bench.put(b"\xff.jpg", GREEN)
    target = tmp_path / "all.npz"
    done = run(bench.listen, "export", "--npz", str(target))
    assert done.stdout.decode() == f"6 images in {target}\n"
    with np.load(target, allow_pickle=False) as arrays:
        names = [name.decode() for name in arrays["image_ids"]]
        assert names == sorted([*ids, image_id_of(GREEN).hex()])
        assert arrays["vectors"].dtype == np.float32 and arrays["vectors"].shape == (6, 4)
        for name, path, vector in zip(names, arrays["paths"], arrays["vectors"], strict=True):
            if name in ids:
                assert np.array_equal(vector, ids[name])
            else:
                assert path == os.fsencode(bench.root) + b"/\xff.jpg"
        assert (arrays["model"].item(), arrays["fingerprint"].item()) == (b"tiny", b"ab" * 16)


def test_an_export_that_breaks_off_leaves_no_file(bench: Bench, client: simctl.Client, tmp_path: Path) -> None:
    bench.put("red.jpg", RED)
    export = client.export()

    def broken() -> Iterator[ExportedImage]:
        yield from export.images
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "x.npz"), export, broken())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(simctl.SimctlError, match="cannot write"):
        write(str(tmp_path / "none" / "x.npz"), export, iter(()))


def test_show_tells_what_is_known_of_files_and_images(bench: Bench) -> None:
    image_id = bench.put(b"red\xff.jpg", RED).hex()
    bench.put("copy.jpg", RED)
    bench.reject("bad.txt", reason=Reason.NOT_AN_IMAGE, detail="it is text")
    red = os.fsencode(bench.root) + b"/red\xff.jpg"
    done = run(bench.listen, "show", red, f"{bench.root}/bad.txt", "--image-id", image_id, TZ="UTC")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        f"{bench.root}/red\\xff.jpg",
        f"  image     {image_id}",
        "  size      640x480 TEXT, 17 B",
        "  modified  2023-11-14 22:13",
        f"{bench.root}/bad.txt",
        "  problem   not_an_image: it is text",
        "  size      17 B",
        "  modified  2023-11-14 22:13",
        "  tried     2023-11-14 22:15",
        image_id,
        "  size      640x480 TEXT, 17 B",
        f"  files     {bench.root}/copy.jpg",
        f"            {bench.root}/red\\xff.jpg",
    ]


def test_show_says_that_a_file_is_animated(bench: Bench) -> None:
    bench.put("a.gif", RED, facts=ImageFacts(64, 48, "GIF", animated=True))
    assert b"  size      64x48 GIF, animated, 17 B\n" in run(bench.listen, "show", f"{bench.root}/a.gif").stdout
    [of_file] = document(run(bench.listen, "files", "--json"))["files"]
    assert of_file["animated"] is True


def test_show_json_has_one_shape_and_lists_what_is_not_known(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED).hex()
    done = run(bench.listen, "show", "--json", f"{bench.root}/red.jpg", b"/no\xff.jpg", "--image-id", "ab" * 16)
    found = document(done)
    assert done.returncode == 5 and (found["errors"], found["images"]) == ([], [])
    assert found["files"] == document(run(bench.listen, "files", "--json"))["files"]
    assert found["missing"] == ["/no\ufffd.jpg", "ab" * 16] and len(found["missing_base64"]) == 2
    assert b"nothing is known of /no" in done.stderr
    assert run(bench.listen, "show", "/nowhere").returncode == 4
    assert document(run(bench.listen, "show", "--json", "--image-id", image_id))["images"][0]["size"] == 17
    assert run(bench.listen, "show", "--image-id", "xyz").returncode == 1
    assert run(bench.listen, "show").returncode == 2


def test_the_library_tells_what_is_known_of_one_file_and_of_one_image(bench: Bench, client: simctl.Client) -> None:
    image_id = bench.put(b"red\xff.jpg", RED).hex()
    bench.reject("bad.txt", reason=Reason.NOT_AN_IMAGE, detail="it is text")
    path = os.fsdecode(os.fsencode(bench.root) + b"/red\xff.jpg")
    assert client.file(path) == next(iter(client.files()))
    assert client.file(bench.root / "bad.txt") == next(iter(client.errors()))
    image = client.image(image_id)
    assert (image.path, image.paths, image.path_count, image.size, image.format) == (path, (path,), 1, 17, "TEXT")
    with pytest.raises(simctl.SimctlError) as caught:
        client.file("/nowhere")
    assert (caught.value.code, caught.value.field) == ("NOT_FOUND", "path")
