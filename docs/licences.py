"""Writes docs/licences.md: the packages that running Yingda installs, with their licences, as their metadata say.

    python docs/licences.py

The bill of materials with versions and hashes is `make sbom`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
HEAD = """# Licences of what is installed 所安装软件的许可证

What `requirements.lock` installs to run Yingda, with the licence that each package names in its metadata. Made by
`make licences`; a test compares it with what is installed. Tests and benches install more (`requirements-dev.lock`),
which no deployment needs. Yingda itself is under the Apache License 2.0. Two kinds ask for a look before you pass a
copy on: zhconv (GPL 2.0 or later) and psycopg (LGPL 3.0), which are used as they are, installed next to Yingda.
运行应答所安装的软件包及其许可证，由 `make licences` 生成。

| package | licence |
|---|---|
"""


def locked() -> set[str]:
    """The names that running pins."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {name.partition("[")[0] for name in re.findall(r"^([a-z0-9._\[\]-]+)==", text, re.MULTILINE)}


def installed() -> dict[str, str]:
    """Licences by package, of what is both pinned and installed here."""
    found = {}
    for name in sorted(locked()):
        with suppress(PackageNotFoundError):  # pinned for another platform
            found[name] = _licence(metadata(name))
    return found


def page() -> str:
    return HEAD + "".join(f"| {name} | {licence} |\n" for name, licence in installed().items())


def _licence(said: PackageMetadata) -> str:
    """The SPDX expression where there is one (PEP 639), else the classifiers, else the first line of the field."""
    if said["License-Expression"]:
        return said["License-Expression"]
    classified = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or () if one.startswith("License ::")]
    return ", ".join(classified) or (said["License"] or "").partition("\n")[0] or "not named"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
