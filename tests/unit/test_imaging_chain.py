"""The chain as a whole: what is left out costs nothing, and the stages come in their order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from scene.microscopy.chain import Gray, imaged
from scene.microscopy.detector import Detector
from scene.microscopy.display import Display
from scene.microscopy.electrons import Electrons
from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.microscopy.probe import Probe, blurred
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Scan, positions
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.streams import Streams

DEFAULTS: dict[str, FeatureValue] = {spec.name: spec.default for spec in IMAGING_FEATURES}

signals = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24),
    elements=st.floats(0.0, 2.0, width=32),
)

EVERYTHING = ImagingChain(
    noise=1.0,
    probe=Probe(20.0, 50.0, 100.0, 300.0, 0.4),
    scan=Scan(drift=5.0, vibration=3.0, flagging=20.0),
    electrons=Electrons(beam_current=5.0),
    detector=Detector(0.1, 0.02, 2.0, 0.01),
    display=Display(1, 0.01, 1.1, 0.05, 1.2, 0.2),
)


def written(
    signal: NDArray[np.float32], chain: ImagingChain, margin: int = 0, seed: int = 1, bits: int = 8
) -> Gray:
    height, width = (side - 2 * margin for side in signal.shape)
    raster = Raster(width, height, margin, pixel_nm=10.0)
    stream = Streams(seed).counted
    moved = None if chain.scan.is_neutral else positions(raster, chain.scan, stream)
    return imaged(signal, raster, chain, stream, lambda: signal, bits, moved)  # type: ignore[arg-type]


def picture(margin: int, side: int = 64) -> NDArray[np.float32]:
    """Return an image that differs in every pixel, and its surroundings."""
    y, x = np.mgrid[-margin : side + margin, -margin : side + margin]
    return (0.5 + 0.3 * np.sin(x / 5) * np.cos(y / 7) + x / 1000).astype(np.float32)


def test_all_features_have_names_of_their_own() -> None:
    names = [spec.name for spec in IMAGING_FEATURES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("spec", IMAGING_FEATURES, ids=lambda spec: spec.name)
def test_what_a_feature_can_not_be_is_said_with_bounds_and_unit(spec: FeatureSpec) -> None:
    value = 2 * spec.maximum + 1
    with pytest.raises(ValueError, match=f"^{spec.name} must lie in ") as caught:
        spec.checked(value)
    assert f"{spec.range_text}, got {value!r} ({spec.description})" in str(caught.value)


def test_default_features_are_a_chain_that_does_nothing() -> None:
    assert ImagingChain.of(DEFAULTS) == ImagingChain()
    assert ImagingChain.of(DEFAULTS, noise=2.0) == ImagingChain(noise=2.0)
    assert ImagingChain().reach_px(Raster(64, 64, 0, 1.0)) == 0


@pytest.mark.parametrize("spec", IMAGING_FEATURES, ids=lambda spec: spec.name)
def test_every_feature_reaches_its_stage(spec: FeatureSpec) -> None:
    other = spec.minimum if spec.default != spec.minimum else spec.maximum
    assert ImagingChain.of(DEFAULTS | {spec.name: other}) != ImagingChain()


@given(signal=signals, margin=st.integers(0, 3))
@settings(deadline=None)
def test_a_chain_that_does_nothing_rounds_once(signal: NDArray[np.float32], margin: int) -> None:
    whole = np.pad(signal, margin, constant_values=7.0)
    expected = np.rint(np.clip(signal * np.float32(255), 0, 255))
    seen = written(whole, ImagingChain(), margin)
    assert seen.dtype == np.uint8
    assert (seen == expected).all()
    sixteen = written(whole, ImagingChain(), margin, bits=16)
    assert sixteen.dtype == np.uint16
    assert (np.abs(sixteen / 257 - np.clip(signal * 255, 0, 255)) <= 0.51 / 257).all()


def test_sixteen_bits_reach_white() -> None:
    signal = np.array([[0.0, 0.5, 1.0, 1.5]], np.float32)
    assert written(signal, ImagingChain(), bits=16).tolist() == [[0, 32768, 65535, 65535]]


@pytest.mark.parametrize(
    "neutral",
    [
        Detector(line_noise_length=5.0),
        Display(saturation=0.3),
        Electrons(collection_efficiency=0.2),
        Probe(focus_height=500.0, astigmatism=100.0),
        Scan(dwell_time=2.0, vibration_frequency=9.0),
    ],
    ids=lambda stage: type(stage).__name__,
)
def test_zero_of_an_effect_leaves_the_image_as_it_is(neutral: object) -> None:
    name = type(neutral).__name__.lower()
    chain = replace(ImagingChain(noise=1.5), **{name: neutral})
    assert (written(picture(0), chain) == written(picture(0), ImagingChain(noise=1.5))).all()


def test_the_same_seed_gives_the_same_image_and_another_another() -> None:
    margin = EVERYTHING.reach_px(Raster(64, 64, 0, 10.0))
    first, again, other = (written(picture(margin), EVERYTHING, margin, seed) for seed in (1, 1, 2))
    assert first.shape == (64, 64)
    assert (first == again).all()
    assert (first != other).any()


@given(extra=st.integers(0, 5))
@settings(max_examples=6, deadline=None)
def test_a_wider_margin_changes_nothing(extra: int) -> None:
    margin = EVERYTHING.reach_px(Raster(64, 64, 0, 10.0))
    wider = written(picture(margin + extra), EVERYTHING, margin + extra)
    # Positions are of single precision, counted from the margin's corner.
    assert np.mean(wider != written(picture(margin), EVERYTHING, margin)) < 0.02


def test_the_beam_is_as_wide_at_the_frames_edges_and_beyond_them() -> None:
    """As far as the scan looks; the rest of a wide margin is left alone."""
    scan = Scan(flagging=-50.0, flagging_time=1e5)  # five pixels to the left, everywhere
    chain = ImagingChain(probe=Probe(60.0), scan=scan)
    whole = picture(40)
    raster = Raster(64, 64, 40, 10.0)
    seen = np.roll(blurred(whole, None, raster, chain.probe), 5, axis=1)
    expected = np.rint(raster.inner(seen) * np.float32(255)).astype(int)
    assert np.abs(written(whole, chain, 40).astype(int) - expected).max() <= 1


def test_the_reaches_of_the_stages_add_up() -> None:
    raster = Raster(64, 64, 0, 10.0)
    parts = [
        ImagingChain(probe=EVERYTHING.probe),
        ImagingChain(scan=EVERYTHING.scan),
        ImagingChain(detector=EVERYTHING.detector),
    ]
    reaches = [part.reach_px(raster, highest=900.0) for part in parts]
    assert min(reaches) > 0
    assert EVERYTHING.reach_px(raster, highest=900.0) == sum(reaches)
    assert not any(part.is_local for part in parts)


def test_what_is_beyond_the_reach_does_not_matter() -> None:
    margin = EVERYTHING.reach_px(Raster(64, 64, 0, 10.0))
    whole = picture(margin + 3)
    strange = np.full_like(whole, 9.0)
    strange[3:-3, 3:-3] = whole[3:-3, 3:-3]
    seen = [written(each, EVERYTHING, margin + 3).astype(int) for each in (whole, strange)]
    # The probe's blur is a Fourier transform of all, which shifts the last bits.
    assert np.abs(seen[0] - seen[1]).max() <= 1
    assert np.mean(seen[0] != seen[1]) < 0.005
    without = replace(EVERYTHING, probe=Probe())
    seen = [written(each, without, margin + 3).astype(int) for each in (whole, strange)]
    assert (seen[0] == seen[1]).all()


def test_a_slow_detector_is_fed_from_the_margin() -> None:
    """An edge beyond the frame's left shows inside."""
    chain = ImagingChain(detector=Detector(video_bandwidth=0.05))
    margin = chain.reach_px(Raster(64, 64, 0, 10.0))
    whole = np.full((64 + 2 * margin,) * 2, 0.2, np.float32)
    whole[:, :margin] = 0.8
    seen = written(whole, chain, margin)
    left = 0.2 + 0.6 * chain.detector.correlation ** (chain.detector.delay + 1)
    assert (seen[:, 0] == round(255 * left)).all()
    assert (seen[:, -1] == 51).all()


def test_scan_and_detector_together_move_the_image_as_each_does_alone() -> None:
    """What the detector sees in front of a line is what lies there."""
    scan = Scan(flagging=50.0, flagging_time=1e5)  # five pixels to the right, everywhere
    detector = Detector(video_bandwidth=0.06)
    chain = ImagingChain(scan=scan, detector=detector)
    margin = chain.reach_px(Raster(64, 64, 0, 10.0)) + 1
    both = written(picture(margin), chain, margin).astype(float)
    shifted = np.roll(picture(margin + 5), -5, axis=1)[5:-5, 5:-5]
    alone = written(shifted, replace(chain, scan=Scan()), margin).astype(float)
    assert np.abs(both - alone).max() <= 2


@pytest.mark.parametrize("vignetting", [0.0, 0.4, 1.0])
def test_automatic_contrast_leaves_the_set_fraction_black_and_white(vignetting: float) -> None:
    display = Display(automatic_contrast=1, saturation=0.05, vignetting=vignetting)
    signal = np.random.default_rng(1).random((100, 120), dtype=np.float32)
    image = written(signal, ImagingChain(display=display))
    for extreme in (0, 255):
        assert (image == extreme).mean() == pytest.approx(0.05, abs=0.005)


def test_automatic_contrast_does_not_depend_on_what_is_drawn() -> None:
    chain = ImagingChain(
        electrons=Electrons(beam_current=0.5), display=Display(automatic_contrast=1)
    )
    signal = picture(0) * 3
    levels = []
    for seed in (1, 2):
        seen = written(signal, chain, seed=seed).astype(float)
        levels.append(np.polyfit(signal.ravel(), seen.ravel(), 1))
    np.testing.assert_allclose(levels[0], levels[1], rtol=0.1)
    quiet = written(signal, replace(chain, electrons=Electrons()))
    assert quiet.min() == 0
    assert quiet.max() == 255


def test_electrons_are_counted_before_the_display_spreads_them() -> None:
    """The relative noise is that of the counts, whatever the contrast."""
    signal = np.full((128, 128), 0.5, np.float32)
    electrons = Electrons(beam_current=1.0)
    at_one = electrons.at_one(Scan().dwell_time)
    for contrast in (0.5, 1.5):
        chain = ImagingChain(electrons=electrons, display=Display(contrast=contrast))
        seen = written(signal, chain, bits=16).astype(float) / 65_535
        assert seen.std() == pytest.approx(contrast * np.sqrt(0.5 / at_one), rel=0.03)


@given(
    values=st.fixed_dictionaries(
        {
            spec.name: st.sampled_from([spec.minimum, spec.maximum, spec.default])
            | (
                st.integers(int(spec.minimum), int(spec.maximum))
                if spec.integer
                else st.floats(spec.minimum, spec.maximum)
            )
            for spec in (*Electrons.FEATURES, *Detector.FEATURES, *Display.FEATURES)
        }
    ),
    scale=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
)
@settings(deadline=None)
def test_any_settings_within_their_bounds_give_an_image(
    values: dict[str, FeatureValue], scale: float
) -> None:
    """Without a warning of NumPy's, which would be an error."""
    chain = ImagingChain.of(DEFAULTS | values)
    margin = chain.reach_px(Raster(16, 16, 0, 10.0))
    signal = picture(margin, 16) * np.float32(scale)
    assert written(signal, chain, margin).shape == (16, 16)
