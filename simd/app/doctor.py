"""`simd doctor`: what is in force on this machine, and what is wrong and helps. It changes nothing but the model cache:
a model that was never converted is converted."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simd import __version__
from simd.app import machine, otherhosts
from simd.app.atlas import why_off
from simd.app.machine import Finding
from simd.app.ownership import act_as_owner, foreign_files
from simd.app.statedir import Indexes
from simd.catalogue import queries
from simd.config import Settings
from simd.errors import SimdError
from simd.featurize.engines.choose import choose
from simd.featurize.models.model import resolve
from simd.featurize.workers import confinement
from simd.logs import printable
from simd.serving.transport import address
from simd.serving.transport.validity import Validity
from simd.watch.ignore import Ignore


@dataclass(frozen=True, slots=True)
class Report:
    """Everything worth saying: each setting with its value and where that comes from, and the findings."""

    settings: dict[str, tuple[str, str]]
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """For a person; a line that begins with `!!` is a problem."""
        yield f"simd {__version__}"
        for name, (value, source) in self.settings.items():
            yield f"   {name} = {printable(value)}  ({source})"
        for finding in self.findings:
            mark = "!!" if finding.wrong else "  "
            yield f"{mark} {finding.topic}: {printable(finding.text)}" + (
                f"; {printable(finding.remedy)}" if finding.remedy else ""
            )
        wrong = sum(finding.wrong for finding in self.findings)
        yield f"{wrong} problems" if wrong else "nothing is wrong"

    def json(self) -> str:
        """For a program: one object."""
        return json.dumps(
            {
                "version": __version__,
                "sound": self.sound,
                "settings": {name: {"value": v, "source": source} for name, (v, source) in self.settings.items()},
                "findings": [dataclasses.asdict(finding) for finding in self.findings],
            }
        )


def examine(settings: Settings, groups: Sequence[str] = ()) -> Report:
    """Look at everything, as the owner of the state directory if root looks; `groups` are further ones of that user."""
    if os.path.exists(settings.state_dir):
        act_as_owner(settings.state_dir, groups)
    values = {key: (_setting_text(getattr(settings, key)), origin) for key, origin in settings.source.items()}
    return Report(values, tuple(_findings(settings)))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from _model(settings)
    yield from _addresses(settings)
    yield from machine.state_directory(settings.state_dir)
    yield from state(settings)
    yield machine.open_files()
    left = ", ".join(confinement.missing())
    yield Finding("limits", f"decode workers are not kept from {left}" if left else "decode workers are confined")
    yield Finding("limits", f"indexing may use {settings.threads} cores")
    yield machine.verification(settings.verify)
    yield machine.maps(why_off(settings.atlas))
    yield from machine.extras()
    yield from otherhosts.replica(settings)
    yield from otherhosts.peers(settings)


def _model(settings: Settings) -> Iterator[Finding]:
    try:
        model = resolve(settings.model, settings.model_cache)
        spec = model.spec
        yield Finding("model", f"{spec.name}: {spec.dimension} values, {spec.licence}, from {spec.source}")
        yield Finding("model", f"{model.directory}, fingerprint {model.fingerprint.hex()[:16]}")
        yield Finding("device", choose(settings.device, onnx=bool(spec.file)).reason)
    except SimdError as error:
        yield Finding("model", str(error), True)


def state(settings: Settings) -> Iterator[Finding]:
    """What is kept in the state directory, and the roots that are named there and in the settings."""
    try:
        yield from _owners(settings.state_dir)
        yield from _index(settings)
        yield from _roots(settings)
    except OSError as error:
        yield Finding("state", f"{settings.state_dir} cannot be read: {error.strerror}", True, "look at it as root")


def _index(settings: Settings) -> Iterator[Finding]:
    try:
        mark = Indexes(settings.state_dir).mark()
    except SimdError as error:
        yield Finding("index", str(error), True)
        return
    if mark is None:
        yield Finding("index", "none has been made yet")
        return
    yield Finding("index", f"the index of {mark.model} answers searches, fingerprint {mark.fingerprint[:16]}")
    if mark.successor:
        yield Finding("index", f"a switch to the model with the fingerprint {mark.successor[:16]} is under way")


def _addresses(settings: Settings) -> Iterator[Finding]:
    unmet = "" if settings.tls_cert else "nothing would be encrypted"
    for file in (settings.tls_cert, settings.tls_client_ca):
        validity = Validity.of(file) if file else None
        if validity is not None:
            wrong = validity.wrong(time.time())
            yield Finding("listen", wrong or validity.text(), bool(wrong),
                          "renew it; it is taken up without a restart" if wrong else "")  # fmt: skip
        elif file:
            yield Finding("listen", f"{file} holds no certificate that can be read", True, "put one there, in PEM")
    try:
        for one in address.parse_all(settings.listen, unmet=unmet):
            yield Finding("listen", f"callers come to {one}")
        if settings.metrics_listen:
            local = address.parse_local(settings.metrics_listen, field="metrics_listen")
            yield Finding("listen", f"metrics are on http://{local.target}/metrics")
    except SimdError as error:
        yield Finding("listen", str(error), True)


def _owners(directory: Path) -> Iterator[Finding]:
    found = foreign_files(directory) if directory.exists() else []
    if found:
        yield Finding(
            "state", f"{len(found)} files are not its owner's, such as {found[0]}: the daemon cannot write them",
            True, "`simd check --repair`, as root, gives them back",
        )  # fmt: skip


def _roots(settings: Settings) -> Iterator[Finding]:
    roots = set(settings.roots)
    try:
        roots.update(_known(settings.state_dir / "catalogue.sqlite"))
    except sqlite3.Error as error:
        yield Finding("roots", f"the catalogue cannot be read: {error}", True, "see `simd check`")
    if not roots:
        yield Finding("roots", "there are none; `simctl add DIR` adds one")
    yield from map(machine.root, sorted(roots))
    try:
        yield from machine.watches(roots, Ignore(settings.ignore))
    except SimdError as error:
        yield Finding("roots", str(error), True)


def _known(catalogue: Path) -> list[Path]:
    """The roots that the catalogue knows, those that were added while the daemon ran included."""
    if not catalogue.is_file():
        return []
    with closing(sqlite3.connect(f"{catalogue.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return [Path(os.fsdecode(root.path)) for root in queries.roots(connection)]


def _setting_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
