"""Motion of a rigid body: everything that hangs on it keeps its place on it."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.shapes.agglomeration.turns import matrix_of
from scene.shapes.motion import Motion

numbers = st.floats(-100.0, 100.0, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers)
quaternions = st.tuples(*[st.floats(-1.0, 1.0, allow_subnormal=False)] * 4)


@given(vectors, vectors, quaternions, st.lists(st.tuples(vectors, vectors), min_size=2, max_size=4))
def test_what_hangs_together_keeps_its_shape(
    start: tuple[float, ...],
    end: tuple[float, ...],
    quaternion: tuple[float, ...],
    poses: list[tuple[tuple[float, ...], tuple[float, ...]]],
) -> None:
    assume(np.linalg.norm(quaternion) > 0.1)
    arrays = (np.array(given_, dtype=float) for given_ in (start, end, quaternion))
    motion = Motion.by_quaternion(*arrays)
    frames = [_frame(*pose) for pose in poses]
    moved = [_frame(*motion.carried(*pose)) for pose in poses]
    for before, after in zip(frames, moved, strict=True):
        # Seen from the first one, all others lie and are turned as before.
        was, now = (np.linalg.inv(first) @ other for first, other in
                    ((frames[0], before), (moved[0], after)))  # fmt: skip
        np.testing.assert_allclose(now, was, atol=1e-9)
    about = _frame(*motion.carried(start, (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(about[:3, 3], end, atol=1e-9)
    assert np.linalg.det(about) > 0


def test_a_quarter_turn_about_z() -> None:
    half = np.sqrt(0.5)
    motion = Motion.by_quaternion(np.ones(3), np.zeros(3), np.array([half, 0.0, 0.0, half]))
    where, how = motion.carried((2.0, 1.0, 1.0), (0.0, 0.0, 0.5))
    np.testing.assert_allclose(where, (0.0, 1.0, 0.0), atol=1e-12)
    np.testing.assert_allclose(how, (0.0, 0.0, 0.5 + np.pi / 2), atol=1e-12)


def _frame(location: tuple[float, ...], rotation: tuple[float, ...]) -> NDArray[np.float64]:
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = matrix_of(rotation), location
    return frame
