"""Spheres that agglomerate: exact contacts, one root, nothing deeper than sintering asks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from scene.errors import SimulationError
from scene.shapes.agglomeration import collision
from scene.shapes.agglomeration.collision import Throw, collide
from scene.shapes.agglomeration.frequencies import Frequencies
from scene.shapes.agglomeration.growth import GROWTHS, Agglomerate
from scene.shapes.agglomeration.solids import Body
from scene.shapes.agglomeration.spheres import Spheres
from scene.shapes.agglomeration.turns import angles_of, matrix_of, random_turn, turned

STRAIGHT = Throw(randomness=0.0, speed=1.0)


def spheres(*radii: float) -> Spheres:
    return Spheres(np.zeros((len(radii), 3)), np.array(radii, dtype=float))


def grown(mode: str, solids: Spheres, throw: Throw = STRAIGHT, seed: int = 0) -> Agglomerate:
    bodies = [Body.single(solids, n) for n in range(len(solids.radii))]
    return GROWTHS[mode](solids, bodies, throw, np.random.default_rng(seed))


def distance(solids: Spheres, a: int, b: int) -> float:
    return float(np.linalg.norm(solids.centres[a] - solids.centres[b]))


def overlaps(solids: Spheres) -> Any:
    """How deep spheres overlap, (N, N); below 0 where they are apart, and for one with itself."""
    between = np.linalg.norm(solids.centres[:, None] - solids.centres, axis=-1)
    deep = np.add.outer(solids.radii, solids.radii) - between
    np.fill_diagonal(deep, -np.inf)
    return deep


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.05, 20), min_size=1, max_size=25),
    st.sampled_from(sorted(GROWTHS)),
    st.floats(0, 0.9),
    st.floats(0.5, 100),
    st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0]),
    st.integers(0, 99),
)
def test_all_particles_hang_together(
    radii: list[float], mode: str, randomness: float, speed: float, ratio: float, seed: int
) -> None:
    solids = spheres(*radii)
    made = grown(mode, solids, Throw(randomness, speed, ratio), seed)
    assert sorted(made.members.tolist()) == list(range(len(radii)))
    assert len(made.contacts) == len(radii) - 1
    tree = {n: n for n in range(len(radii))}

    def top(n: int) -> int:
        return n if tree[n] == n else top(tree[n])

    for a, b in made.contacts:
        assert top(a) != top(b)
        tree[top(b)] = top(a)
        reach = solids.radii[a] + solids.radii[b]
        assert distance(solids, a, b) == pytest.approx((1 - ratio) * reach, abs=1e-9 * reach)
    deep = overlaps(solids)
    allowed = ratio * max((sum(solids.radii[list(pair)]) for pair in made.contacts), default=0)
    assert deep.max(initial=-np.inf) <= allowed + 1e-9
    if len(radii) > 1:
        assert (deep.max(axis=1) >= -1e-9).all()


def test_what_has_sintered_into_one_goes_on_colliding() -> None:
    solids = spheres(1, 1, 1, 1, 1)
    assert len(grown("cluster-cluster", solids, Throw(0.0, 1.0, 1.0)).contacts) == 4
    assert np.ptp(solids.centres, axis=0).max() < 1e-9


def test_contacts_are_where_particles_touch_however_long_a_step_is() -> None:
    for seed in range(20):
        solids = spheres(2, 4)
        ((a, b),) = grown("particle-cluster", solids, Throw(0.0, 10.0), seed).contacts
        assert distance(solids, a, b) == pytest.approx(6, abs=1e-12)


@pytest.mark.parametrize("ratio", [0.1, 0.6])
def test_sintering_shortens_the_distance_by_its_ratio(ratio: float) -> None:
    solids = spheres(2, 3)
    grown("cluster-cluster", solids, Throw(0.2, 1.0, ratio))
    assert distance(solids, 0, 1) == pytest.approx((1 - ratio) * 5)


def test_a_body_starts_beside_the_other_one(rng: np.random.Generator) -> None:
    for _ in range(20):
        solids = spheres(2, 3)
        first, second = (Body.single(solids, n) for n in range(2))
        collision._put_beside(solids, first, second, rng)
        assert not solids.centres[0].any()
        assert np.isclose(np.abs(solids.centres[1]), 5).any()
        assert (np.abs(solids.centres[1]) <= 5 + 1e-12).all()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_motions_are_rigid_and_known(rng: np.random.Generator) -> None:
    centres = rng.normal(size=(5, 3)) * 3
    solids = Spheres(centres, np.full(5, 0.5))
    pair, lone = Body.of(solids, np.arange(4)), Body.single(solids, 4)
    collide(solids, lone, pair, STRAIGHT, rng)
    moved = solids.centres[0] + turned(solids.turns[0], centres[:4] - centres[0])
    assert np.allclose(solids.centres[:4], moved)
    assert np.array_equal(solids.turns[0], solids.turns[3])
    assert np.array_equal(solids.centres[4], centres[4])
    assert lone.members.tolist() == [4, 0, 1, 2, 3]


def test_the_same_seed_gives_the_same_bits() -> None:
    throw = Throw(0.4, 0.7, 0.1)
    for mode in GROWTHS:
        one, other = spheres(*range(1, 30)), spheres(*range(1, 30))
        assert np.array_equal(
            grown(mode, one, throw, 3).members, grown(mode, other, throw, 3).members
        )
        assert one.centres.tobytes() == other.centres.tobytes()
        assert one.turns.tobytes() == other.turns.tobytes()


def test_bodies_that_do_not_meet_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collision, "MOST_STEPS", 100)
    with pytest.raises(SimulationError, match=r"do not meet within 100 steps of 0\.001"):
        grown("particle-cluster", spheres(1, 1), Throw(1.0, 0.001))


def test_gyration_of_spheres_and_of_clusters(rng: np.random.Generator) -> None:
    centres = np.array([[0.0, 0, 0], [4, 0, 0], [0, 6, 0]])
    solids = Spheres(centres, np.array([1.0, 2, 1]))
    assert Body.single(solids, 0).gyration_radius(solids) == pytest.approx(math.sqrt(0.6))
    body = Body.of(solids, np.arange(3))
    mean = np.average(centres, axis=0, weights=[1, 8, 1])
    square = np.average(((centres - mean) ** 2).sum(axis=1), weights=[1, 8, 1])
    assert np.allclose(body.centre, mean)
    assert body.gyration_radius(solids) == pytest.approx(math.sqrt(square))
    before = body.spread
    body.turn(solids, random_turn(rng))
    body.move(solids, np.ones(3))
    again = Body.of(solids, np.arange(3))
    assert again.spread == pytest.approx(before)
    assert np.allclose(again.centre, body.centre)


def test_pairs_meet_as_often_as_their_frequencies_say(rng: np.random.Generator) -> None:
    radii, masses = np.array([1.0, 2, 3, 5]), np.array([1.0, 8, 27, 125])
    reach = np.add.outer(radii, radii)
    wanted = reach**2 * np.sqrt(np.add.outer(1 / masses, 1 / masses))
    np.fill_diagonal(wanted, 0)
    frequencies = Frequencies(radii, masses)
    seen = np.zeros((4, 4))
    for _ in range(20_000):
        seen[frequencies.pair(rng)] += 1
    assert np.allclose(seen / seen.sum(), wanted / wanted.sum(), atol=0.012)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=12), st.integers(0, 99))
def test_frequencies_are_kept_up_while_clusters_join(radii: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array(radii)
    frequencies = Frequencies(sizes, sizes**3)
    known = [(r, r**3) for r in radii]
    while len(known) > 1:
        i, j = frequencies.pair(rng)
        assert i != j
        known[i] = (known[i][0] + known[j][0], known[i][1] + known[j][1])
        frequencies.join(i, j, *known[i])
        known[j] = known[-1]
        known.pop()
        fresh = Frequencies(*np.array(known).T)
        assert np.allclose(frequencies._sums, fresh._sums, rtol=1e-9, atol=1e-9)


@given(st.tuples(*[st.floats(-3.1, 3.1)] * 3), st.tuples(*[st.floats(-9, 9)] * 3))
def test_angles_and_matrices_say_the_same(
    angles: tuple[float, ...], point: tuple[float, ...]
) -> None:
    turn = matrix_of(angles)
    assert np.allclose(turn, Rotation.from_euler("xyz", angles).as_matrix())
    assert np.allclose(matrix_of(angles_of(turn)), turn, atol=1e-6)
    assert np.allclose(turned(turn, np.array(point)), turn @ point)


def test_angles_at_the_pole() -> None:
    for y in (math.pi / 2, -math.pi / 2):
        turn = matrix_of((0.3, y, 0.5))
        assert np.allclose(matrix_of(angles_of(turn)), turn, atol=1e-6)


def test_random_turns_are_rotations(rng: np.random.Generator) -> None:
    for _ in range(50):
        turn = random_turn(rng)
        assert np.allclose(turn @ turn.T, np.eye(3))
        assert np.linalg.det(turn) == pytest.approx(1)
