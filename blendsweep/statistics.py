"""Statistics of any gray micrograph, without labels: ``from blendsweep import statistics``.

::

    micrograph = statistics.read_micrograph("real/first.tif")
    statistics.summary(micrograph.image)["noise"]
    statistics.Noise(micrograph.image).curve.law

- `read_micrograph`, `image_files`, `as_gray`, `specimen_rows`, `instrument_of`: images of any
  instrument, their data bar left out, the size of their pixels
- `histogram`, `gray_quantiles`, `clipped`: brightness
- `Noise`: noise against brightness, its law, its correlation, the noise of lines
- `power_spectrum`, `autocorrelation_length`, `edge_width`: fineness
- `Regions`, `radial_profile`: particles and ground, told apart by brightness
- `inscribed_diameters`, `granulometry`, `mean_size`: sizes
- `summary`: all of them as one vector, whose numbers `STATISTICS` describes; `Measurements` has
  the curves behind them, too
- `compare`, `density_and_coverage`, `wasserstein`: how far two sets of images are apart

Images are arrays of shape (height, width), of uint8, of uint16 with white at 65535, or of floats
from 0 to 1. Gray values are counted in gray levels from 0 to 255 whatever the depth, lengths in
pixels.
"""

from orchestrator.statistics.brightness import clipped, gray_quantiles, histogram
from orchestrator.statistics.comparison import (
    Comparison,
    Difference,
    compare,
    density_and_coverage,
    wasserstein,
)
from orchestrator.statistics.data_bar import specimen_rows
from orchestrator.statistics.gray import gray_levels
from orchestrator.statistics.instrument import Instrument, instrument_of
from orchestrator.statistics.micrographs import (
    Micrograph,
    as_gray,
    image_files,
    read_micrograph,
)
from orchestrator.statistics.noise import Noise, NoiseCorrelation, NoiseCurve
from orchestrator.statistics.profiles import RadialProfile, radial_profile
from orchestrator.statistics.regions import Regions
from orchestrator.statistics.sharpness import edge_width
from orchestrator.statistics.sizes import granulometry, inscribed_diameters, mean_size
from orchestrator.statistics.spectrum import Spectrum, autocorrelation_length, power_spectrum
from orchestrator.statistics.summary import (
    NAMES,
    STATISTICS,
    Compared,
    Measurements,
    Statistic,
    Summary,
    summary,
)

__all__ = [
    "NAMES",
    "STATISTICS",
    "Compared",
    "Comparison",
    "Difference",
    "Instrument",
    "Measurements",
    "Micrograph",
    "Noise",
    "NoiseCorrelation",
    "NoiseCurve",
    "RadialProfile",
    "Regions",
    "Spectrum",
    "Statistic",
    "Summary",
    "as_gray",
    "autocorrelation_length",
    "clipped",
    "compare",
    "density_and_coverage",
    "edge_width",
    "granulometry",
    "gray_levels",
    "gray_quantiles",
    "histogram",
    "image_files",
    "inscribed_diameters",
    "instrument_of",
    "mean_size",
    "power_spectrum",
    "radial_profile",
    "read_micrograph",
    "specimen_rows",
    "summary",
    "wasserstein",
]
