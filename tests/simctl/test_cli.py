"""The real command in a subprocess against a real server: what it prints, and what it ends with."""

from __future__ import annotations

import base64
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from simd.errors import Reason
from simd.insight.pairs.pair import Tier
from simd.types import AddReport, PathState, Refused, RemoveReport, Root, RootStatus, ScanReport, SwitchStatus
from tests.serving.doubles import Bench, TextDecoder, environment, serving, short_directory

RED = b"picture 200 10 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def simctl(address: str, *args: str | bytes, stdin: bytes = b"", **extra: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "simctl", *args],
        env=environment({"SIMD_ADDRESS": address, **extra}),
        input=stdin,
        capture_output=True,
        timeout=30,
        check=False,
    )


def document(done: subprocess.CompletedProcess[bytes]) -> Any:
    return json.loads(done.stdout)


def test_search_prints_rank_similarity_size_and_paths_for_people(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.put("copy.jpg", RED)
    bench.put("green.jpg", b"picture 10 200 10", facts=None)
    done = simctl(bench.listen, "search", f"{bench.root}/red.jpg")
    assert done.returncode == 0 and done.stderr == b""
    first, also, second, footer = done.stdout.decode().splitlines()
    assert first.split() == ["1", "100", "%", "640x480", f"{bench.root}/copy.jpg", "same", "bytes"]
    assert also.split() == ["also", "at", f"{bench.root}/red.jpg"]
    assert also.index("/") == first.index("/") == second.index("/")
    assert second.split()[0] == "2" and second.split()[-1] == f"{bench.root}/green.jpg"
    assert footer.startswith("2 matches among 2 images, ")


def test_search_json_has_the_promised_shape(bench: Bench) -> None:
    image_id = bench.put("red.jpg", RED)
    done = simctl(bench.listen, "search", "--json", "--exact", f"{bench.root}/red.jpg")
    assert done.returncode == 0 and done.stderr == b""
    found = document(done)
    assert found.pop("took_ms").keys() == {"decode", "featurize", "search", "total"}
    assert found == {
        "query": f"{bench.root}/red.jpg",
        "matches": [
            {
                "path": f"{bench.root}/red.jpg",
                "paths": [f"{bench.root}/red.jpg"],
                "image_id": image_id.hex(),
                "distance": 0.0,
                "similarity": 1.0,
                "level": None,
                "tier": "exact",
                "width": 640,
                "height": 480,
                "copies": 0,
            }
        ],
        "searched": 1,
        "exact": True,
    }


def test_search_with_several_images_prints_an_array_or_a_heading_each(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.put("blue.jpg", b"picture 10 10 200")
    queries = [f"{bench.root}/red.jpg", f"{bench.root}/blue.jpg"]
    done = simctl(bench.listen, "search", "--json", "-k", "1", *queries)
    assert [(d["query"], d["matches"][0]["path"]) for d in document(done)] == [(q, q) for q in queries]
    done = simctl(bench.listen, "search", "-k", "1", *queries)
    assert [line for line in done.stdout.decode().splitlines() if line in queries] == queries


@pytest.mark.parametrize("count", [1, 2])
def test_search_jsonl_prints_one_document_a_line_whatever_the_count(bench: Bench, count: int) -> None:
    bench.put("red.jpg", RED)
    queries = [f"{bench.root}/red.jpg", "absent.jpg"][:count]
    done = simctl(bench.listen, "search", "--jsonl", "--paths-only", *queries)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["query"] for line in lines] == queries
    assert lines[0]["matches"][0]["path"] == queries[0] and all("error" in line for line in lines[1:])
    assert done.returncode == (0, 5)[count - 1]


def test_lists_are_printed_a_document_a_line_as_well(bench: Bench) -> None:
    for number in range(1200):
        bench.put(f"{number}.jpg", b"picture %d 10 10" % (number % 200))
        bench.reject(f"{number}.txt", reason=Reason.CORRUPT, detail="broken")
    for command in ("files", "errors"):
        lines = simctl(bench.listen, command, "--jsonl").stdout.splitlines()
        assert [json.loads(line) for line in lines] == document(simctl(bench.listen, command, "--json"))[command]
    assert simctl(bench.listen, "files", "--jsonl", "--path-prefix", "/nowhere").returncode == 4


def test_an_error_under_jsonl_is_a_line_too() -> None:
    done = simctl("unix:/nowhere/simd.sock", "files", "--jsonl")
    assert done.returncode == 3 and document(done)["error"]["code"] == "UNAVAILABLE"


def test_search_reads_stdin(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    done = simctl(bench.listen, "search", "--json", "-", stdin=RED)
    assert document(done)["query"] == "-" and document(done)["matches"][0]["distance"] == 0


def test_search_options_reach_the_daemon(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.put("sub/reddish.jpg", b"picture 190 30 30")
    bench.put("sub/blue.jpg", b"picture 10 10 200")
    query = f"{bench.root}/red.jpg"
    args = ("search", "--paths-only", query)
    assert simctl(bench.listen, *args, "--limit", "1").stdout.decode().split() == [query]
    under = simctl(bench.listen, *args, "--path-prefix", f"{bench.root}/sub", "--min-similarity", "0.9")
    assert under.stdout.decode().split() == [f"{bench.root}/sub/reddish.jpg"]


def test_search_looks_for_a_part_of_the_pictures_only(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.put("green.jpg", b"picture 10 200 10")
    both = bench.directory / "both.jpg"
    both.write_bytes(RED + b" beside 10 200 10")
    for names in ([str(both)], [str(both), str(both)]):
        for region, expected in (("0,0,0.5,1", "red"), ("0.5,0,.5,1", "green"), ("0,0,1,1", "red")):
            done = simctl(bench.listen, "search", "--paths-only", "-k", "1", "--region", region, *names)
            assert done.stdout.decode().split() == [f"{bench.root}/{expected}.jpg"] * len(names), done.stderr


@pytest.mark.parametrize(
    ("region", "complaint"),
    [
        ("0,0,1", "0,0,1 is not four numbers such as 0.25,0,0.5,1"),
        ("10%,0,1,1", "is not four numbers"),
        ("0,0,0,1", "W and H are 0.001 at least"),
        ("nan,0,1,1", "is no part of a picture"),
        ("0,0,inf,1", "is no part of a picture"),
        ("0.5,0,0.6,1", "reaches beyond the picture: X + W <= 1 and Y + H <= 1"),
    ],
)
def test_a_region_that_cannot_be_is_a_wrong_usage(region: str, complaint: str) -> None:
    done = simctl("unix:/nowhere/simd.sock", "search", "--region", region, "x.jpg")
    assert done.returncode == 2 and complaint in done.stderr.decode()


def test_search_says_which_matches_are_the_picture_that_is_asked_for(bench: Bench) -> None:
    red = bench.put("red.jpg", RED)
    for number, tier in enumerate((Tier.PIXELS, Tier.NEAR, Tier.SIMILAR, Tier.DIFFERENT), 11):
        bench.pairs.add(red, bench.put(f"{tier}.jpg", b"picture 200 10 %d" % number), tier)
    path = f"{bench.root}/red.jpg"
    found = document(simctl(bench.listen, "search", "--json", path))
    assert [match["tier"] for match in found["matches"]] == ["exact", "pixels", "near", "similar", None]
    lines = simctl(bench.listen, "search", path).stdout.decode().splitlines()
    marks = [line.partition(".jpg")[2] for line in lines[:5]]
    assert marks == ["  same bytes", "  same pixels", "  same picture, edited", "", ""]


def test_paths_only_gives_the_bytes_of_names_ended_by_newline_or_nul(bench: Bench) -> None:
    bench.put(b"caf\xe9.jpg", RED)
    path = os.fsencode(bench.root) + b"/caf\xe9.jpg"
    assert simctl(bench.listen, "search", "--paths-only", path).stdout == path + b"\n"
    assert simctl(bench.listen, "search", "--paths-only", "-0", path).stdout == path + b"\0"


def test_a_name_that_is_not_utf8_is_base64_in_json_and_escaped_for_people(bench: Bench) -> None:
    bench.put(b"caf\xe9\x1b[31m.jpg", RED)
    path = os.fsencode(bench.root) + b"/caf\xe9\x1b[31m.jpg"
    found = document(simctl(bench.listen, "search", "--json", path))
    (match,) = found["matches"]
    assert match["path"] == found["query"] == f"{bench.root}/caf\ufffd\x1b[31m.jpg"
    assert base64.b64decode(match["path_base64"]) == path
    assert [base64.b64decode(p) for p in match["paths_base64"]] == [path]
    shown = simctl(bench.listen, "search", path).stdout
    assert rb"caf\xe9\x1b[31m.jpg" in shown and b"\x1b" not in shown


def test_a_locale_without_the_letters_of_a_name_is_no_reason_to_fail(bench: Bench) -> None:
    bench.put("写真.jpg", RED)
    done = simctl(bench.listen, "search", f"{bench.root}/写真.jpg", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and rb"\u5199\u771f.jpg" in done.stdout


def test_nothing_found_ends_with_4(bench: Bench) -> None:
    query = bench.directory / "q"
    query.write_bytes(RED)
    done = simctl(bench.listen, "search", str(query))
    assert done.returncode == 4
    assert done.stdout.startswith(b"nothing similar among 0 images")
    done = simctl(bench.listen, "search", "--json", str(query))
    assert done.returncode == 4 and document(done)["matches"] == []


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.jpg", None, "cannot read {}: No such file or directory"),
        ("", None, "cannot read {}: Is a directory"),
        ("empty.jpg", b"", "{} is empty"),
        ("text.jpg", b"hello", "{}: the bytes are not an image"),
    ],
)
def test_an_image_that_cannot_be_used_ends_with_1_and_a_message(
    bench: Bench, name: str, content: bytes | None, complaint: str
) -> None:
    path = os.path.join(bench.directory, name)
    if content is not None:
        with open(path, "wb") as stream:
            stream.write(content)
    done = simctl(bench.listen, "search", path)
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.decode() == f"simctl: {complaint.format(path)}\n"


def test_some_images_that_fail_end_with_5_and_are_named(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bad = bench.directory / "bad.jpg"
    bad.write_bytes(b"hello")
    done = simctl(bench.listen, "search", "--json", f"{bench.root}/red.jpg", str(bad), "absent.jpg")
    assert done.returncode == 5
    good, rejected, absent = document(done)
    assert len(good["matches"]) == 1
    assert rejected == {
        "query": str(bad),
        "error": {
            "code": "INVALID_ARGUMENT",
            "reason": "IMAGE_REJECTED",
            "field": "image",
            "message": f"{bad}: the bytes are not an image",
        },
    }
    assert absent["error"]["message"] == "cannot read absent.jpg: No such file or directory"
    assert done.stderr.decode().splitlines() == [
        f"simctl: {bad}: the bytes are not an image",
        "simctl: cannot read absent.jpg: No such file or directory",
    ]


def test_an_image_over_the_limit_is_told_in_numbers(bench: Bench) -> None:
    big = bench.directory / "big.jpg"
    big.write_bytes(bytes(3 << 20))
    done = simctl(bench.listen, "search", str(big))
    assert done.returncode == 1
    assert b"the daemon accepts 1,048,576" in done.stderr and b"max_request_bytes" in done.stderr


def test_a_search_that_takes_too_long_says_so() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench:
        done = simctl(bench.listen, "search", "--timeout", "0.3", "-", stdin=RED)
        hold.set()
    assert done.returncode == 1
    assert done.stderr.decode().endswith("did not answer within 0.3 s\n")


@pytest.mark.parametrize("command", ["search -", "status", "add .", "remove .", "scan", "errors", "health"])
def test_no_daemon_ends_with_3_and_says_how_to_start_it(command: str) -> None:
    with short_directory() as directory:
        address = f"unix:{directory}/none.sock"
        done = simctl(address, *command.split(), stdin=RED)
        assert done.returncode == 3 and done.stdout == b""
        expected = f"simctl: no daemon at {address}; start it with `simd serve` or set SIMD_ADDRESS\n"
        assert done.stderr.decode() == expected


def test_an_error_under_json_is_a_document_too() -> None:
    done = simctl("unix:/nowhere/simd.sock", "status", "--json")
    assert done.returncode == 3
    assert document(done)["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["search"],
        ["frobnicate"],
        ["search", "-k", "0", "x"],
        ["search", "-k", "many", "x"],
        ["search", "--region", "0,0,1", "x"],
        ["search", "--region", "0,0,half,1", "x"],
        ["wait", "--timeout", "-1"],
        ["wait", "--timeout", "nan"],
        ["--address", "nonsense", "status"],
        ["search", "--json", "--jsonl", "x"],
        ["status", "--jsonl"],
    ],
)
def test_a_wrong_usage_ends_with_2(args: list[str]) -> None:
    done = simctl("unix:/nowhere/simd.sock", *args)
    assert done.returncode == 2 and done.stderr


def test_help_and_version_end_with_0() -> None:
    done = simctl("", "--help")
    assert done.returncode == 0 and b"5 partly failed" in done.stdout
    assert simctl("", "--version").stdout.startswith(b"simctl ")


def test_a_daemon_that_is_starting_ends_with_3_and_status_still_answers() -> None:
    with serving(ready=False) as bench:
        bench.readiness.doing("loading the model")
        done = simctl(bench.listen, "search", "-", stdin=RED)
        assert done.returncode == 3 and b"loading the model" in done.stderr
        status = simctl(bench.listen, "status", "--json")
        assert status.returncode == 0
        assert (document(status)["ready"], document(status)["detail"]) == (False, "loading the model")
        assert simctl(bench.listen, "status").stdout.startswith(b"not ready: loading the model")
        health = simctl(bench.listen, "health", "--json")
        assert health.returncode == 3 and document(health) == {"status": "NOT_SERVING"}


def test_status_json_has_what_programs_rely_on(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.reject("bad.jpg", reason=Reason.TRUNCATED)
    bench.ingest.pending = [7]
    status = document(simctl(bench.listen, "status", "--json"))
    expected = {"ready": True, "images": 1, "files": 1, "pending": 7, "failed": 1, "paused": False}
    assert {key: status[key] for key in expected} == expected
    assert status["failed_by_reason"] == {"truncated": 1}
    assert status["roots"] == [
        {
            "path": str(bench.root),
            "online": True,
            "watching": "events",
            "files": 2,
            "last_scan_time": 1.7e9,
            "detail": "",
        }
    ]
    assert status["model"] == {
        "name": "tiny",
        "dimension": 4,
        "fingerprint": "ab" * 16,
        "licence": "Apache-2.0",
        "levels": None,
    }
    assert status["device"] == {"device": "cpu", "engine": "numpy", "reason": "there is nothing else"}
    assert status["index"] == {
        "kind": "brute",
        "vectors": 1,
        "dead": 0,
        "disk_bytes": 4096,
        "details": {"segments": 1},
    }


def test_status_tells_of_a_switch_to_another_model(bench: Bench) -> None:
    assert document(simctl(bench.listen, "status", "--json"))["model_switch"] is None
    bench.switch = SwitchStatus("tiny", "large", 1500, 2000, 3, "it waits until tomorrow")
    assert document(simctl(bench.listen, "status", "--json"))["model_switch"] == {
        "from_model": "tiny", "to_model": "large", "done": 1500, "total": 2000, "unreachable": 3,
        "detail": "it waits until tomorrow",
    }  # fmt: skip
    lines = simctl(bench.listen, "status").stdout.decode().splitlines()
    assert "  switch   from tiny to large: 1,500 of 2,000 images are in its index, 3 cannot be read now; it waits" in [
        line.removesuffix(" until tomorrow") for line in lines
    ]


def test_status_for_people_names_what_matters(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.reject("bad.jpg", reason=Reason.TRUNCATED)
    bench.ingest.pending = [7]
    bench.ingest.roots_.append(RootStatus(Root(2, b"/mnt/usb"), False, "polling", 9, None, "not mounted"))
    done = simctl(bench.listen, "status")
    text = done.stdout.decode()
    assert done.returncode == 0
    for part in ("ready  (simd ", "1 in 1 file", "7 pending, 12.5 images/s", "1 (truncated 1)", "tiny", "/mnt/usb",
                 "offline, 9 files, not scanned yet; not mounted"):  # fmt: skip
        assert part in text


def test_wait_returns_when_two_readings_have_nothing_pending(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    bench.ingest.pending = [3, 0, 2, 0, 0]
    done = simctl(bench.listen, "wait", "--timeout", "20")
    assert (done.returncode, done.stdout) == (0, b"settled: 1 image in 1 file\n")
    assert bench.ingest.pending == [0]


def test_wait_that_runs_out_of_time_ends_with_1_and_says_what_is_pending(bench: Bench) -> None:
    bench.ingest.pending = [41]
    done = simctl(bench.listen, "wait", "--timeout", "0.5", "--json")
    assert done.returncode == 1
    assert (document(done)["settled"], document(done)["pending"]) == (False, 41)
    assert b"not settled after 0.5 s: 41 pending" in done.stderr


def test_wait_outlasts_a_daemon_that_is_still_starting() -> None:
    with serving(ready=False) as bench:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "simctl", "wait", "--timeout", "20", "--json"],
            env=environment({"SIMD_ADDRESS": bench.listen}),
            stdout=subprocess.PIPE,
        )
        bench.server.open(bench.services)
        output, _ = waiting.communicate(timeout=30)
        assert waiting.returncode == 0 and json.loads(output)["settled"]


def test_wait_without_a_daemon_ends_with_3_when_the_time_is_over() -> None:
    done = simctl("unix:/nowhere/simd.sock", "wait", "--timeout", "0.5")
    assert done.returncode == 3 and b"no daemon at unix:/nowhere/simd.sock" in done.stderr


def test_add_sends_absolute_paths_and_tells_what_became_of_them(bench: Bench) -> None:
    bench.ingest.add_report = AddReport(2, 1, queued=40)
    done = simctl(bench.listen, "add", "some/../file.jpg", b"caf\xe9")
    assert done.returncode == 0
    queued = b"40 files queued; `simctl wait` returns when they are done"
    assert done.stdout == b"2 files added, 1 file unchanged, %s\n" % queued
    here = os.fsencode(os.getcwd())
    assert bench.ingest.calls == [("add", here + b"/file.jpg", here + b"/caf\xe9")]


@pytest.mark.parametrize(("added", "code"), [(1, 5), (0, 1)])
def test_add_with_rejected_files_ends_with_5_or_with_1_if_there_was_nothing_else(
    bench: Bench, added: int, code: int
) -> None:
    bench.ingest.add_report = AddReport(added, 0, (Refused(b"/r/\xff.jpg", Reason.TRUNCATED, "it ends early"),))
    done = simctl(bench.listen, "add", "--json", "/r")
    assert done.returncode == code
    (item,) = document(done)["rejected"]
    assert (item["path"], item["reason"], base64.b64decode(item["path_base64"])) == (
        "/r/\ufffd.jpg",
        "truncated",
        b"/r/\xff.jpg",
    )
    assert rb"not indexed: /r/\xff.jpg: truncated: it ends early" in done.stderr


def test_add_names_each_path_that_is_wrong_and_ends_with_5_when_others_were_done(bench: Bench) -> None:
    gone = Refused(b"/r/gone.jpg", PathState.NOT_THERE, "there is no such file")
    bench.ingest.add_report = AddReport(2, 0, (gone, Refused(b"/r/.x", PathState.IGNORED, "always passed over")))
    done = simctl(bench.listen, "add", "/r/a.jpg", "/r/gone.jpg", "/r/.x", "/r/b.jpg")
    assert (done.returncode, done.stdout) == (5, b"2 files added\n")
    assert done.stderr.decode().splitlines() == [
        "simctl: not indexed: /r/gone.jpg: not_there: there is no such file",
        "simctl: not indexed: /r/.x: ignored: always passed over",
    ]


@pytest.mark.parametrize(
    ("report", "code"),
    [(RemoveReport(2, 1), 0), (RemoveReport(2, 1, (b"/x",)), 5), (RemoveReport(0, 0, (b"/x",)), 4)],
)
def test_remove_tells_what_was_taken_out_and_what_is_not_known(bench: Bench, report: RemoveReport, code: int) -> None:
    bench.ingest.remove_report = report
    done = simctl(bench.listen, "remove", "/x", "--image-id", "0f" * 16, "--json")
    assert done.returncode == code
    missing = [os.fsdecode(path) for path in report.missing]
    assert document(done) == {"files": report.files, "images": report.images, "missing": missing}
    assert bench.ingest.calls == [("remove", b"/x", b"\x0f" * 16)]


def test_remove_of_nothing_is_an_error(bench: Bench) -> None:
    done = simctl(bench.listen, "remove")
    assert done.returncode == 1 and b"names no path" in done.stderr


def test_scan_tells_what_it_found_and_ends_with_5_if_a_root_is_offline(bench: Bench) -> None:
    done = simctl(bench.listen, "scan", "--retry")
    assert (done.returncode, done.stdout) == (0, b"3 files seen, 1 new or changed, 0 gone\n")
    assert bench.ingest.calls == [("scan", True, False)]
    bench.ingest.scan_report = ScanReport(3, 1, 0, (b"/mnt/usb",))
    done = simctl(bench.listen, "scan", "--json", "/mnt/usb")
    assert done.returncode == 5
    assert document(done) == {"seen": 3, "changed": 1, "deleted": 0, "offline": ["/mnt/usb"]}


def test_deletions_are_confirmed_for_a_root_that_is_named(bench: Bench) -> None:
    assert simctl(bench.listen, "scan", "--confirm-deletes", "/mnt/usb").returncode == 0
    assert bench.ingest.calls == [("scan", b"/mnt/usb", False, True)]
    done = simctl(bench.listen, "scan", "--confirm-deletes")
    assert done.returncode == 2 and b"ROOT" in done.stderr


def test_scan_explains_paths_and_scans_nothing(bench: Bench) -> None:
    done = simctl(bench.listen, "scan", "--explain", "/r/a.raw", b"/r/\xff")
    assert (done.returncode, done.stdout) == (0, b"/r/a.raw: ignored: by a rule\n/r/\\xff: ignored: by a rule\n")
    assert bench.ingest.calls == [("explain", b"/r/a.raw", b"/r/\xff")]
    done = simctl(bench.listen, "scan", "--explain", "--json", b"/r/\xff")
    explained = {"path": "/r/\ufffd", "path_base64": "L3Iv/w==", "indexed": False, "reason": "ignored"}
    assert document(done) == {"explanations": [{**explained, "detail": "by a rule"}]}
    for wrong in (["--explain"], ["--explain", "--retry", "/r"], ["--explain", "--confirm-deletes", "/r"]):
        done = simctl(bench.listen, "scan", *wrong)
        assert done.returncode == 2 and b"--explain PATH..." in done.stderr


def test_errors_lists_every_page(bench: Bench) -> None:
    bench.reject(*(b"%04d\xff" % i for i in range(1500)), reason=Reason.CORRUPT, detail="broken")
    found = document(simctl(bench.listen, "errors", "--json"))
    assert found["total"] == len(found["errors"]) == 1500
    assert found["errors"][0].keys() == {
        "path", "path_base64", "reason", "detail", "size", "modified_time", "failed_time",
    }  # fmt: skip
    assert found["errors"][0]["modified_time"] == 1_700_000_000.5
    paths = simctl(bench.listen, "errors", "--paths-only", "-0").stdout.split(b"\0")
    assert paths[0] == os.fsencode(bench.root) + b"/0000\xff" and len(paths) == 1501
    text = simctl(bench.listen, "errors").stdout.decode().splitlines()
    assert text[0].split() == ["corrupt", f"{bench.root}/0000\\xff", "broken"]
    assert text[-1] == "1,500 files are not indexed"


def test_no_errors_is_good_news(bench: Bench) -> None:
    done = simctl(bench.listen, "errors")
    assert (done.returncode, done.stdout) == (0, b"0 files are not indexed\n")


def test_health_ends_with_0_when_serving(bench: Bench) -> None:
    done = simctl(bench.listen, "health")
    assert (done.returncode, done.stdout) == (0, b"SERVING\n")


def test_address_may_stand_before_or_after_the_command_and_wins_over_the_environment(bench: Bench) -> None:
    for args in (["--address", bench.listen, "health"], ["health", "--address", bench.listen]):
        assert simctl("unix:/nowhere/simd.sock", *args).returncode == 0


def test_the_default_address_is_in_the_runtime_directory(bench: Bench) -> None:
    done = simctl("", "health", XDG_RUNTIME_DIR="/run/user/17")
    assert b"no daemon at unix:/run/user/17/simd/simd.sock" in done.stderr


def test_a_proxy_of_the_environment_is_not_asked(bench: Bench) -> None:
    done = simctl(bench.listen, "health", http_proxy="http://127.0.0.1:9", grpc_proxy="http://127.0.0.1:9")
    assert done.returncode == 0


def test_a_reader_that_leaves_is_no_reason_to_complain(bench: Bench) -> None:
    bench.reject(*(b"%04d" % i for i in range(3000)), reason=Reason.CORRUPT, detail="broken " * 20)
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", "errors"],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 141
    process.stderr.close()


def test_ctrl_c_is_quiet_and_ends_with_130() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench:
        process = subprocess.Popen(
            [sys.executable, "-m", "simctl", "search", "-"],
            env=environment({"SIMD_ADDRESS": bench.listen}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(RED)
        process.stdin.close()
        process.stdin = None
        assert bench.decoder.started.wait(20)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (130, b"", b"")
        assert bench.decoder.cancelled.wait(10)
        hold.set()


def on_a_terminal(address: str, *args: str, columns: int = 80, **extra: str) -> bytes:
    """What the command writes to a terminal, both streams together."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    process = subprocess.Popen(
        [sys.executable, "-m", "simctl", *args],
        env=environment({"SIMD_ADDRESS": address, "TERM": "xterm", **extra}),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:
        # A terminal nobody holds any more gives EIO instead of an end.
        pass
    finally:
        os.close(ours)
        process.wait(30)
    return written


def test_colours_are_for_terminals_and_no_color_is_honoured(bench: Bench) -> None:
    assert b"\x1b[32mSERVING" in on_a_terminal(bench.listen, "health")
    assert on_a_terminal(bench.listen, "health", NO_COLOR="1") == b"SERVING\r\n"


def test_progress_of_wait_is_for_terminals_and_is_cleared(bench: Bench) -> None:
    bench.ingest.pending = [5, 0, 0]
    written = on_a_terminal(bench.listen, "wait", "--timeout", "20", NO_COLOR="1")
    assert b"[........................]  0 of 5 files, 12.5/s" in written
    assert written.endswith(b"\r\x1b[Ksettled: 0 images in 0 files\r\n")


def test_the_client_needs_none_of_the_daemons_libraries(bench: Bench) -> None:
    bench.put("red.jpg", RED)
    code = (
        "import sys; from simctl.cli import main; "
        f"codes = [main(['search', '{bench.root}/red.jpg']), main(['search', '{bench.root}']), main(['status'])]; "
        "names = {name.split('.')[0] for name in sys.modules}; "
        "inside = {name for name in sys.modules if name.startswith('simd.')}; "
        "assert codes == [0, 1, 0], codes; "
        "assert not names & {'numpy', 'PIL', 'tensorflow', 'openvino', 'faiss', 'grpc_status', 'sqlite3'}, names; "
        "assert all(name.startswith('simd.v1') for name in inside), inside"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment({"SIMD_ADDRESS": bench.listen}), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
