"""Which model's index answers: what the mark says, what a start makes of it, what is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simd.app.statedir import Indexes, Mark
from simd.durable import Disk
from simd.errors import CorruptStore, ModelError
from simd.featurize.models.model import Model
from tests.featurize.test_models import SPEC


def model(letter: str) -> Model:
    """A model of which nothing but the fingerprint matters."""
    return Model(SPEC, Path("/nowhere"), bytes.fromhex(letter * 64))


OLD, NEW, OTHER = (model(letter) for letter in "abc")
NOW = 1_700_000_000.0


def resolve(setting: str) -> Model:
    """Two settings name models."""
    try:
        return {"old": OLD, "new": NEW}[setting]
    except KeyError:
        raise ModelError(f"unknown model `{setting}`") from None


def hexed(one: Model) -> str:
    """Its fingerprint."""
    return one.fingerprint.hex()


@pytest.fixture
def indexes(tmp_path: Path) -> Indexes:
    """An empty state directory."""
    return Indexes(tmp_path, clock=lambda: NOW)


def make(indexes: Indexes, *models: Model) -> None:
    """Indexes that are directories of directories."""
    for one in models:
        directory = indexes.directory(hexed(one))
        (directory / "segments").mkdir(parents=True)
        (directory / "segments" / "file").write_bytes(b"vectors")


def there(indexes: Indexes) -> set[str]:
    """The names of what is there."""
    return {path.name for path in indexes.directory("").iterdir()}


def test_the_first_start_marks_the_configured_model(indexes: Indexes) -> None:
    lineup = indexes.select_models("old", OLD, resolve)
    assert (lineup.models, lineup.replaces, lineup.keep) == ([OLD], "", (hexed(OLD),))
    assert indexes.mark() == Mark("old", hexed(OLD))


def test_another_model_is_the_successor_and_the_marked_one_goes_on(indexes: Indexes) -> None:
    indexes.serve("old", hexed(OLD))
    lineup = indexes.select_models("new", NEW, resolve)
    assert (lineup.models, lineup.replaces) == ([OLD, NEW], "mine")
    assert set(lineup.keep) == {hexed(OLD), hexed(NEW)}
    assert indexes.mark() == Mark("old", hexed(OLD), hexed(NEW), int(NOW * 1000))


def test_the_switch_began_when_it_was_first_asked_for(indexes: Indexes, tmp_path: Path) -> None:
    indexes.serve("old", hexed(OLD))
    indexes.select_models("new", NEW, resolve)
    later = Indexes(tmp_path, clock=lambda: NOW + 1000)
    assert later.select_models("new", NEW, resolve).since_ms == int(NOW * 1000)
    assert later.select_models("other", OTHER, resolve).since_ms == int(NOW * 1000) + 1_000_000


def test_going_back_to_the_marked_model_calls_the_switch_off(indexes: Indexes) -> None:
    indexes.serve("old", hexed(OLD))
    indexes.select_models("new", NEW, resolve)
    lineup = indexes.select_models("old", OLD, resolve)
    assert (lineup.models, lineup.replaces) == ([OLD], "")
    assert indexes.mark() == Mark("old", hexed(OLD))


@pytest.mark.parametrize(("setting", "why"), [("gone", "unknown model"), ("new", "another one now")])
def test_an_old_model_that_cannot_be_used_is_said_and_its_index_kept(
    indexes: Indexes, caplog: pytest.LogCaptureFixture, setting: str, why: str
) -> None:
    indexes.serve(setting, hexed(OLD))
    lineup = indexes.select_models("other", OTHER, resolve)
    assert (lineup.models, lineup.replaces) == ([OTHER], setting)
    assert why in lineup.detail and why in caplog.text
    assert set(lineup.keep) == {hexed(OLD), hexed(OTHER)}


def test_the_mark_of_a_path_does_not_depend_on_where_the_daemon_is_started(
    indexes: Indexes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    indexes.serve("model", hexed(OLD))
    assert indexes.mark() == Mark(str(tmp_path / "model"), hexed(OLD))


def test_left_overs_are_removed_and_nothing_else(indexes: Indexes) -> None:
    make(indexes, OLD, NEW, OTHER)
    aside = indexes.directory("").parent / "index" / f"{hexed(OTHER)[:16]}.damaged-1"
    aside.mkdir()
    indexes.sweep([hexed(OLD)])
    assert there(indexes) == {hexed(OLD)[:16], aside.name}


def test_of_repairs_that_were_cut_short_only_what_may_still_be_put_in_place_stays(indexes: Indexes) -> None:
    make(indexes, OLD, NEW)
    top = indexes.directory("").parent / "index"
    for one in (OLD, NEW):
        for suffix in (".repairing", ".repaired"):
            (top / f"{hexed(one)[:16]}{suffix}" / "log").mkdir(parents=True)
    indexes.sweep([hexed(NEW)])
    assert there(indexes) == {hexed(NEW)[:16], f"{hexed(NEW)[:16]}.repaired"}


class Killed(Exception):
    """The process ends here."""


def kill() -> None:
    """End."""
    raise Killed


def test_a_crash_while_an_index_is_removed_leaves_none_that_is_half_there(tmp_path: Path) -> None:
    dying = Indexes(tmp_path, Disk({"indexes.set_aside": kill}))
    make(dying, OLD, NEW)
    with pytest.raises(Killed):
        dying.sweep([hexed(NEW)])
    assert there(dying) == {f"{hexed(OLD)[:16]}.removed", hexed(NEW)[:16]}
    Indexes(tmp_path).sweep([hexed(NEW)])
    assert there(dying) == {hexed(NEW)[:16]}


def test_a_crash_while_the_mark_is_replaced_leaves_the_old_one_or_the_new(tmp_path: Path) -> None:
    Indexes(tmp_path).serve("old", hexed(OLD))
    for point, expected in (("durable.before_rename", "old"), ("durable.after_rename", "new")):
        with pytest.raises(Killed):
            Indexes(tmp_path, Disk({point: kill})).serve("new", hexed(NEW))
        mark = Indexes(tmp_path).mark()
        assert mark is not None and mark.model == expected


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"crc32c":"00000000","content":{}}\n'])
def test_a_damaged_mark_is_refused(indexes: Indexes, tmp_path: Path, damage: bytes) -> None:
    indexes.serve("old", hexed(OLD))
    (tmp_path / "serving.json").write_bytes(damage)
    with pytest.raises(CorruptStore, match=r"serving\.json"):
        indexes.select_models("old", OLD, resolve)
