"""The system libraries that bpy needs, those brought along included. Asked first: no bpy here."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

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

BROUGHT_ALONG = Path(__file__).parent / "system_libraries"
"""The same and what they need in turn, for 64-bit x86; its README.md says where they are from."""

# Each after those that it needs: the linker looks for a needed library by name among the loaded
# ones first, and it does not search that folder.
LOADING_ORDER = (
    "libmd.so.0",
    "libbsd.so.0",
    "libuuid.so.1",
    "libXau.so.6",
    "libXdmcp.so.6",
    "libxcb.so.1",
    "libX11.so.6",
    "libXext.so.6",
    "libXrender.so.1",
    "libXfixes.so.3",
    "libXi.so.6",
    "libxkbcommon.so.0",
    "libICE.so.6",
    "libSM.so.6",
    "libGLdispatch.so.0",
    "libGLX.so.0",
    "libGL.so.1",
)


def load_libraries() -> None:
    """Load bpy's system libraries, in place of each that the system lacks the one brought along.

    They stay loaded in this process, so that bpy finds them. Does nothing but on Linux.

    Raises
    ------
    MissingLibraryError
        Naming every library that can't be loaded and the Debian packages that hold them.
    """
    if not sys.platform.startswith("linux") or not _missing():
        return
    for library in LOADING_ORDER:
        if not _loads(library):
            _loads(str(BROUGHT_ALONG / library))
    if missing := _missing():
        raise MissingLibraryError({library: DEBIAN_PACKAGES[library] for library in missing})


def _missing() -> list[str]:
    return [library for library in DEBIAN_PACKAGES if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
