"""The system libraries that bpy needs. Asked before bpy is imported, so no bpy here."""

from __future__ import annotations

import ctypes
import sys

from scene.errors import MissingLibraryError

# What bpy's extension module and the libraries shipped in its wheel look for outside the wheel,
# beyond the C and C++ runtimes that every Linux has; to the Debian package that holds each.
DEBIAN_PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
}


def check_libraries() -> None:
    """Check that bpy's system libraries can be loaded. Does nothing but on Linux.

    Raises
    ------
    MissingLibraryError
        Naming every library that can't be loaded and the Debian packages that hold them.
    """
    if not sys.platform.startswith("linux"):
        return
    missing = {
        library: package
        for library, package in DEBIAN_PACKAGES.items()
        if not _can_be_loaded(library)
    }
    if missing:
        raise MissingLibraryError(missing)


def _can_be_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
