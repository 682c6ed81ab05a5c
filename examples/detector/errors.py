"""The detector's own errors."""

from __future__ import annotations

import blendsweep as bs


class DetectorError(bs.BlendsweepError):
    """Something a user can mend: an image, a folder, a checkpoint or an option."""
