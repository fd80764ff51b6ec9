"""What is kept of every image, each kind in a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

from simd.sqlite.schema import Schema


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of derived bytes.

    Attributes:
        name: of the table, and of the file without its suffix.
        noun: what people call them, in the plural.
        schema: of the file.
    """

    name: str
    noun: str
    schema: Schema

    @property
    def file(self) -> str:
        """Its name in the state directory."""
        return f"{self.name}.sqlite"


def _kind(name: str, noun: str, short: str, application_id: int) -> Kind:
    schema = Schema(
        name=f"file of {noun}",
        application_id=application_id,
        version=1,
        create=f"""
CREATE TABLE {name} (
  image_id BLOB PRIMARY KEY NOT NULL,
  version TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE TABLE followed (
  version TEXT NOT NULL,
  epoch BLOB NOT NULL,
  revision INTEGER NOT NULL
) STRICT;
""",
        without=f"the {short} are computed again",
        remedy=f"it is made anew by the next start of the daemon, which computes the {short} again",
        derived=True,
    )
    return Kind(name, noun, schema)


# The bytes `simF` and `simI`.
FEATURES = _kind("features", "local features", "features", 0x73696D46)
"""Local features, by which two pictures are compared."""
ICONS = _kind("icons", "icons", "icons", 0x73696D49)
"""The pictures of the map: raw pixels, as the daemon decodes no files in its own process."""
