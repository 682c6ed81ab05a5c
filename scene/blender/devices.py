"""Choice of the device that Cycles renders on. Works on Cycles' preferences; no bpy here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from scene.errors import DeviceError

GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")
"""Cycles' GPU interfaces, the preferred first."""


class CyclesDevice(Protocol):
    """One entry of Cycles' device list."""

    name: str
    type: str
    use: bool


class CyclesPreferences(Protocol):
    """The part of Cycles' preferences that selects devices."""

    compute_device_type: str

    @property
    def devices(self) -> Sequence[CyclesDevice]:
        """Devices found by the last refresh."""

    def refresh_devices(self) -> None:
        """Look for the devices of `compute_device_type`."""


def select_device(preferences: CyclesPreferences, gpus: float) -> str:
    """Make Cycles use the reserved devices and return their name for the record.

    The first of `GPU_BACKENDS` that finds a device is taken. Which GPUs are visible to it was
    decided by whoever reserved them (``CUDA_VISIBLE_DEVICES`` and the like); of those, as many are
    used as are reserved, a fraction of one counting as one.

    Parameters
    ----------
    preferences
        Cycles' preferences, or a stand-in for them.
    gpus
        Reserved GPUs; 0 for the CPU.

    Returns
    -------
    str
        ``CPU``, or the names of the GPUs, joined by commas.

    Raises
    ------
    DeviceError
        If GPUs are reserved and Cycles finds fewer. The CPU is never used in their place.
    """
    if gpus <= 0:
        preferences.compute_device_type = "NONE"
        return "CPU"
    wanted = math.ceil(gpus)
    most_found = 0
    for backend in GPU_BACKENDS:
        try:
            preferences.compute_device_type = backend
        except TypeError:
            continue  # this build of Blender has no such interface
        preferences.refresh_devices()
        found = [device for device in preferences.devices if device.type == backend]
        most_found = max(most_found, len(found))
        if len(found) >= wanted:
            chosen = found[:wanted]
            for device in preferences.devices:
                device.use = device in chosen
            return ", ".join(device.name for device in chosen)
    raise DeviceError(
        f"{gpus:g} GPU reserved for this worker, but Cycles finds {most_found or 'none'} "
        f"(tried {', '.join(GPU_BACKENDS)}); reserve no GPU to render on the CPU, or check the "
        "GPU's driver and CUDA_VISIBLE_DEVICES on this machine"
    )
