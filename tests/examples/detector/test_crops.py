"""Crops of data sets: what is shown is what is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.examples.detector.shapes import discs, drop, picture_of

if TYPE_CHECKING:
    from examples.detector.crops import ParticleCrops

pytestmark = pytest.mark.torch


def crops(labels: np.ndarray, number: int = 24, seed: int = 0) -> ParticleCrops:
    from examples.detector.crops import ParticleCrops, Picture

    return ParticleCrops([Picture.of(picture_of(labels), labels)], seed, number)


def test_outlines_are_mirrored_with_their_image() -> None:
    from examples.detector.merging import Outlines, painted

    for crop in crops(drop((300, 300))):
        inner, distances = crop.centredness.numpy(), crop.distances.numpy()
        measured = np.where(distances[0] > 0, inner, 0)
        row, column = np.unravel_index(measured.argmax(), inner.shape)
        outline = Outlines(
            np.array([[2 * row + 0.5, 2 * column + 0.5]], np.float32),
            distances[None, :, row, column],
            np.ones(1, np.float32),
        )
        found = painted(outline, (256, 256))[0][::2, ::2] > 0
        true = inner > 0
        if true[[0, -1]].any() or true[:, [0, -1]].any():
            continue  # cut by the crop, while the outline goes on
        assert (found & true).sum() / (found | true).sum() > 0.85


def test_the_image_shows_particles_where_they_are_said_to_be() -> None:
    for crop in crops(discs((400, 500), (100, 120, 40), (250, 300, 25), (330, 100, 60))):
        image, inner = crop.image[0, ::2, ::2].numpy(), crop.centredness.numpy()
        if (inner > 0.3).any() and (inner == 0).any():
            assert image[inner > 0.3].mean() > image[inner == 0].mean() + 0.1


def test_the_same_index_is_the_same_crop_and_another_seed_another() -> None:
    labels = discs((300, 300), (100, 120, 40))
    first, again, other = (crops(labels, seed=seed)[5].image for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)


def test_a_particle_is_shown_at_many_sizes() -> None:
    labels = discs((600, 600), (300, 300, 30))
    areas = [float((crop.centredness > 0).sum()) * 4 for crop in crops(labels, 60)]
    diameters = 2 * np.sqrt(np.array(areas) / np.pi)
    whole = diameters[diameters > 0]
    assert whole.min() < 35  # the image's side allows no less than 60 * 256 / 600 = 26
    assert whole.max() > 80


def test_what_is_too_small_in_a_crop_is_not_judged() -> None:
    labels = discs((900, 900), (450, 450, 200), (40, 40, 5))
    judged = [float(crop.counted.min()) for crop in crops(labels, 40)]
    assert {0.0, 1.0} == set(judged)


@pytest.mark.parametrize("shape", [(64, 64), (100, 700)])
def test_an_image_smaller_than_a_crop_is_shown_larger(shape: tuple[int, int]) -> None:
    crop = crops(discs(shape, (30, 30, 12)))[0]
    assert crop.image.shape == (1, 256, 256)
    assert crop.distances.shape == (32, 128, 128)


def test_sixteen_bits_are_read_as_eight() -> None:
    from examples.detector.crops import Picture

    labels = discs((80, 80), (40, 40, 12))
    image = picture_of(labels)
    wide = Picture.of(image.astype(np.uint16) * 257, labels)
    assert (wide.image == image).all()


def test_a_flat_image_has_a_gray_range() -> None:
    from examples.detector.crops import gray_range

    low, high = gray_range(np.full((50, 50), 7, np.uint8))
    assert high > low
