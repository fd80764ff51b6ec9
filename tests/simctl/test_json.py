"""Every JSON document that `simctl` prints is what docs/simctl.schema.json says, and no more is in it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from simd.decisions.labels import Labelling
from simd.errors import Reason
from simd.insight.suggest.suggestion import Nearest
from simd.types import (
    AddReport,
    ImageFacts,
    PathState,
    PauseState,
    Refused,
    RemoveReport,
    Root,
    RootStatus,
    ScanReport,
    SwitchStatus,
    image_id_of,
)
from tests.jobs.test_jobs import endless
from tests.serving.doubles import Bench, environment, serving
from tests.serving.givenreplica import GivenReplica
from tests.simctl.cleanup.world import World, pair, write
from tests.simctl.test_cli import RED, simctl
from tests.simctl.test_completion import commands

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "simctl.schema.json").read_text())
ODD = b"/odd\xff"


def check(name: str, document: object) -> None:
    """Compare a document with a definition, which must tell all that is in it.

    Raises:
        jsonschema.ValidationError: it differs.
    """
    schema = copy.deepcopy(SCHEMA)
    parts = {part.get("$ref") for about in schema["$defs"].values() for part in about.get("allOf", ())}
    for key, about in schema["$defs"].items():
        if about.get("type") == "object" and f"#/$defs/{key}" not in parts:
            about["unevaluatedProperties"] = False
    schema["$ref"] = f"#/$defs/{name}"
    if f"#/$defs/{name}" in parts or "allOf" in schema["$defs"][name]:
        schema["unevaluatedProperties"] = False
    Draft202012Validator(schema).validate(document)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A server whose every list holds a name that is not UTF-8."""
    with serving(replica=GivenReplica()) as bench:
        bench.put("red.jpg", RED)
        bench.put(b"red\xff.jpg", RED)
        for number in range(101):
            bench.put(f"copies/{number:03}.jpg", b"picture 10 200 10", facts=None)
        for folder in (b"1", b"2"):
            bench.put(folder + b"/\xff.jpg", b"picture 10 10 200")
            bench.put_all((folder + b"/\xff.nef", b"picture 10 10 100"), facts=ImageFacts(1, 1, "RAW", False))
        bench.put(b"other/\xff.jpg", b"picture 10 210 10")
        bench.pairs.add(image_id_of(b"picture 10 210 10"), image_id_of(b"picture 10 200 10"), mirrored=True, turned=90)
        bench.atlas.put({image_id_of(RED): (0, 0), image_id_of(b"picture 10 10 200"): (3, 5)})
        (bench.directory / "labels.csv").write_bytes(
            b"root/red.jpg,cat\nroot/red\xff.jpg,odd\nroot/gone.jpg,cat\nroot/copies/001.jpg,dog"
        )
        bench.reject(b"bad\xff.txt", reason=Reason.CORRUPT, detail="broken")
        bench.ingest.pending = [0]
        bench.ingest.roots_.append(RootStatus(Root(2, ODD), False, "polling", 0, None, "cannot be reached"))
        bench.ingest.add_report = AddReport(1, 2, (Refused(ODD, PathState.NOT_THERE, "there is no such file"),), 3)
        bench.ingest.remove_report = RemoveReport(1, 1, (ODD,))
        bench.ingest.scan_report = ScanReport(3, 2, 1, (ODD,))
        bench.switch = SwitchStatus("tiny", "large", 1, 2, 0, "it waits")
        bench.thread_failures = {"indexer": 1}
        nearest = image_id_of(RED)
        bench.decisions.labels.put([Labelling(nearest, ("cat",), None)])
        bench.suggestions.give(image_id_of(b"picture 10 10 200"), nearest, nearest=Nearest(nearest, 0.5))
        bench.jobs.start("endless", endless, "bytes")
        yield bench


PRINTED = [
    ("search", "search --json {red}"),
    ("search", "search --json {red} {green} absent.jpg"),
    ("search_line", "search --jsonl {red} {green} absent.jpg"),
    ("status", "status --json"),
    ("wait", "wait --json"),
    ("add", "add --json /r/a.jpg"),
    ("remove", "remove --json /r/a.jpg"),
    ("scan", "scan --json"),
    ("scan_explain", "scan --explain --json {odd} /r/a.jpg"),
    ("files", "files --json"),
    ("file", "files --jsonl"),
    ("errors", "errors --json"),
    ("file_error", "errors --jsonl"),
    ("show", "show --json {red} {odd} {bad} --image-id {green_id} --image-id {none_id}"),
    ("compare", "compare --json {red} {green}"),
    ("apply", "apply --json --dry-run {plan}"),
    ("undo", "undo --json {log}"),
    ("duplicates", "duplicates --json"),
    ("duplicate_group", "duplicates --jsonl"),
    ("folders", "duplicates --folders --min-share 1% --json"),
    ("folder_overlap", "duplicates --folders --min-share 1% --jsonl"),
    ("plan", "duplicates --json --plan {new}"),
    ("decide", "decide --json keep {red}"),
    ("decisions", "decide export"),
    ("decide_export", "decide --json export {said}"),
    ("decide_import", "decide --json import {said}"),
    ("labels_import", "labels import --json {labels}"),
    ("labels_list", "labels list --json"),
    ("labels_export", "labels export --json"),
    ("labelled_image", "labels export --format jsonl"),
    ("labels_export_file", "labels export --json {out}"),
    ("contradictions", "duplicates --contradictions --json"),
    ("contradiction", "duplicates --contradictions --jsonl"),
    ("labels_clear", "labels clear --json --yes --label odd {red}"),
    ("leaks", "leaks --json --between {root}/copies {root}/other"),
    ("leak", "leaks --jsonl --between {root}/copies {root}/other"),
    ("split", "split --json --shares train=0.8,val=0.2"),
    ("suggest", "suggest --json"),
    ("suggestion", "suggest --jsonl"),
    ("atlas", "atlas --json --colour root"),
    ("atlas_file", "atlas --json --out {map}.png"),
    ("atlas_file", "atlas --json --out {map}.json"),
    ("replica", "replica status --json"),
    ("replica_rebuild", "replica rebuild --json"),
    ("replica_rebuild", "replica rebuild --json --no-wait"),
    ("replica_drop", "replica drop --json --yes"),
    ("compact", "compact --json"),
    ("verify", "verify --json"),
    ("export", "export --json"),
    ("export_line", "export"),
    ("export_npz", "export --json --npz {npz}"),
    ("pause", "pause --json --for 1h"),
    ("resume", "resume --json"),
    ("health", "health --json"),
    ("completion", "completion --json bash"),
    ("error", "status --json --address unix:/nowhere/s"),
    ("error", "search --jsonl {red} {green} --address unix:/nowhere/s"),
]


def clean_up(directory: Path) -> tuple[bytes, bytes]:
    """A plan whose files are there, and the undo log of another one that was applied."""
    planned, applied = World(directory / "planned"), World(directory / "applied")
    applied.apply(pair(applied))
    return os.fsencode(write(planned, pair(planned))), bytes(applied.log_path)


@pytest.mark.parametrize(("name", "command"), PRINTED, ids=[command for _, command in PRINTED])
def test_a_document_is_what_the_schema_says(bench: Bench, name: str, command: str) -> None:
    root = os.fsencode(bench.root)
    plan, log = clean_up(bench.directory) if "{plan}" in command or "{log}" in command else (b"", b"")
    words = {
        "{plan}": plan, "{log}": log,
        "{red}": root + b"/red\xff.jpg", "{green}": root + b"/copies/000.jpg", "{bad}": root + b"/bad\xff.txt",
        "{new}": bytes(bench.directory / "new.json"),
        "{said}": bytes(bench.directory / "said.json"),
        "{odd}": ODD, "{labels}": bytes(bench.directory / "labels.csv"), "{out}": bytes(bench.directory / "out.json"),
        "{npz}": bytes(bench.directory / "all.npz"), "{none_id}": b"ab" * 16,
        "{green_id}": image_id_of(b"picture 10 200 10").hex().encode(),
    }  # fmt: skip
    arguments = [
        words.get(word, word.encode()).replace(b"{root}", root).replace(b"{map}", bytes(bench.directory / "map"))
        for word in command.split()
    ]
    done = simctl(bench.listen, *arguments)
    is_lines = "jsonl" in command or name == "export_line"
    documents = done.stdout.splitlines() if is_lines else [done.stdout]
    assert documents, done.stderr
    for document in documents:
        check(name, json.loads(document))


def test_documents_of_a_calibrated_model_are_as_the_schema_says() -> None:
    with serving() as bench:
        bench.calibrate()
        bench.put("red.jpg", RED)
        bench.put("green.jpg", b"picture 10 200 10")
        red, green = f"{bench.root}/red.jpg", f"{bench.root}/green.jpg"
        for name, command in (("status", []), ("search", [red]), ("compare", [red, green])):
            check(name, json.loads(simctl(bench.listen, name, "--json", *command).stdout))


def test_status_is_as_the_schema_says_whatever_the_daemon_does(bench: Bench) -> None:
    with serving(ready=False) as starting:
        check("status", json.loads(simctl(starting.listen, "status", "--json").stdout))
    bench.ingest.pending, bench.ingest.paused = [7], PauseState(True, 2e9)
    try:
        for line in simctl(bench.listen, "status", "--watch", "--json", "--timeout", "0.5").stdout.splitlines():
            check("status", json.loads(line))
    finally:
        bench.ingest.pending, bench.ingest.paused = [0], PauseState()


def test_the_daemons_doctor_is_as_the_schema_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simd", "doctor", "--json", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(command, env=environment({"SIMD_LOG_LEVEL": "warning"}), stdout=subprocess.PIPE, timeout=60)
    document = json.loads(done.stdout)
    check("doctor", document)
    assert document["sound"] == (done.returncode == 0) and document["settings"]["log_level"]["value"] == "warning"


def test_every_command_and_every_definition_is_tried() -> None:
    tried = {"doctor", "atlas_places", *(name for name, _ in PRINTED)}
    assert {command.split()[0] for _, command in PRINTED} == commands()
    text = json.dumps(SCHEMA)
    assert all(name in tried or f'"#/$defs/{name}"' in text for name in SCHEMA["$defs"])
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("wrong", [{"status": "SERVING", "more": 1}, {}, {"status": "DANCING"}])
def test_a_document_with_something_new_or_wrong_is_noticed(wrong: object) -> None:
    with pytest.raises(ValidationError):
        check("health", wrong)
