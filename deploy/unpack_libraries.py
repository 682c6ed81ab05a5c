"""Unpack the system libraries that come along from Debian's packages: `just libraries`.

What lies in scene/machine/system_libraries comes from here and nowhere else: packages.txt there
names the packages, each with its checksum; this script fetches them, checks them, and writes each
library under the name by which the linker asks for it, with the packages' copyright files and a
list of checksums. Needs neither root nor Debian.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

FOLDER = Path(__file__).parents[1] / "scene" / "machine" / "system_libraries"
MIRRORS = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
"""Where Debian keeps a release, and where it goes in the end; what comes is checked by its hash."""


def main() -> None:
    """Write the folder anew from packages.txt."""
    shutil.rmtree(FOLDER / "copyright", ignore_errors=True)
    for library in FOLDER.glob("*.so*"):
        library.unlink()
    (FOLDER / "copyright").mkdir()
    for line in (FOLDER / "packages.txt").read_text(encoding="utf-8").splitlines():
        checksum, place = line.split()
        unpack(fetched(place, checksum), PurePosixPath(place).name.split("_")[0])
    libraries = sorted(FOLDER.glob("*.so*"))
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in libraries]
    (FOLDER / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in libraries)
    print(f"{len(libraries)} libraries, {size / 1e6:.1f} MB, in {FOLDER}")


def fetched(place: str, checksum: str) -> bytes:
    """Return a package from the first mirror that has it."""
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(f"{mirror}/{place}", timeout=60) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError:
            continue
        if hashlib.sha256(content).hexdigest() != checksum:
            sys.exit(f"{mirror}/{place} is not what packages.txt says it is")
        return content
    sys.exit(f"{place} is on none of {', '.join(MIRRORS)}")


def unpack(package: bytes, name: str) -> None:
    """Write a package's libraries and its copyright file into the folder."""
    with tarfile.open(fileobj=io.BytesIO(data_archive(package))) as archive:
        members = {PurePosixPath(member.name).name: member for member in archive.getmembers()}
        for member in archive.getmembers():
            file = PurePosixPath(member.name)
            if file.name == "copyright" and not member.issym():
                content = archive.extractfile(member)
                assert content is not None
                (FOLDER / "copyright" / name).write_bytes(content.read())
            elif member.issym() and ".so." in file.name:
                # The link libX11.so.6 -> libX11.so.6.4.0 has the name that is asked for.
                content = archive.extractfile(members[PurePosixPath(member.linkname).name])
                assert content is not None
                (FOLDER / file.name).write_bytes(content.read())


def data_archive(package: bytes) -> bytes:
    """Return the tar archive of files inside a .deb, which is an ar archive of three members."""
    return next(content for name, content in members_of(package) if name.startswith("data.tar"))


def members_of(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each member of an ar archive: headers of 60 bytes, even offsets."""
    offset = len(b"!<arch>\n")
    while offset < len(archive):
        header = archive[offset : offset + 60]
        size = int(header[48:58])
        start = offset + 60
        yield header[:16].decode().strip(" /"), archive[start : start + size]
        offset = start + size + size % 2


if __name__ == "__main__":
    main()
