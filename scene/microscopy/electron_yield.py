"""Material contrast: how many secondary electrons a material gives.

The yield at normal incidence is the material's own and depends on the beam's energy: H. Seiler,
Journal of Applied Physics 54 (1983) R1; measured values in D. Joy, A database on electron-solid
interactions, Scanning 17 (1995) 270.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.view import View

_NUMBER_OF_IDS = 2**16


def by_id(view: View, name: str) -> NDArray[np.float32]:
    """Return a value of the material of every particle, and of the ground, which has the id 0.

    Parameters
    ----------
    view
        What there is to see.
    name
        Of an attribute of :class:`scene.microscopy.electron_surface.ElectronSurface`.

    Returns
    -------
    numpy.ndarray
        (65536,) float32; 0 where there is no material.
    """
    table = np.zeros(_NUMBER_OF_IDS, np.float32)
    if view.particles:
        values = [getattr(surface, name) for surface in view.particles]
        counts = [len(ids) for ids in view.particles.values()]
        table[np.concatenate(list(view.particles.values()))] = np.repeat(values, counts)
    if view.ground is not None:
        table[0] = getattr(view.ground, name)
    return table


def material_yield(view: View) -> NDArray[np.float32]:
    """Return the yield of what every pixel shows, as if all of it lay flat under the beam."""
    return by_id(view, "secondary_electron_yield")[view.buffers.instance]
