import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.propagation.prompt_points import prototype_points
from avseg.annotate.protocols import Affinity


def affinity(evidence: np.ndarray, strongest: np.ndarray, cell: int = 8) -> Affinity:
    y, x = np.mgrid[: evidence.shape[0], : evidence.shape[1]]
    centres = np.stack([(x + 0.5) * cell, (y + 0.5) * cell], -1).astype(np.float32)
    nothing = np.zeros(evidence.shape)
    return Affinity(
        evidence.astype(np.float32), strongest.astype(np.float32), nothing.astype(np.float32),
        nothing.astype(np.int64), centres,
    )  # fmt: skip


def square() -> np.ndarray:
    probability = np.zeros((96, 128), np.float32)
    probability[24:72, 32:80] = 1
    return probability


def test_the_surest_cells_become_points() -> None:
    evidence = np.zeros((12, 16))
    evidence[3:9, 4:10] = 0.6
    evidence[5, 6] = 1.0
    strongest = np.full((12, 16), 0.5)
    strongest[6, 12] = 1.0  # background that is surely known
    points = prototype_points(affinity(evidence, strongest), square(), max_positive=1, max_negative=1)
    assert points == ((52.0, 44.0, True), (100.0, 52.0, False))


def test_a_cell_that_the_memory_does_not_know_is_no_point() -> None:
    evidence = np.zeros((12, 16))
    evidence[3:9, 4:10] = 1.0
    strongest = np.zeros((12, 16))
    strongest[6, 5] = 1.0
    points = prototype_points(affinity(evidence, strongest), square())
    assert [point for point in points if point.positive] == [(44.0, 52.0, True)]


def test_rivals_are_negative_though_far_from_the_ring() -> None:
    evidence = np.zeros((12, 16))
    evidence[3:9, 4:10] = 1.0
    rivals = np.zeros((96, 128), np.bool_)
    rivals[40:64, 82:100] = True
    strongest = np.full((12, 16), 0.2)
    strongest[5:8, 10:13] = 1.0
    negative = [point for point in prototype_points(affinity(evidence, strongest), square(), rivals) if not point[2]]
    assert negative
    assert all(rivals[int(y), int(x)] for x, y, _ in negative)


def test_without_an_affinity_the_mask_decides() -> None:
    points = prototype_points(None, square())
    assert any(point.positive for point in points)
    assert any(not point.positive for point in points)
    assert all((square()[int(y), int(x)] > 0.5) == positive for x, y, positive in points)


def test_an_empty_mask_gives_none_and_a_dot_gives_itself() -> None:
    dot = np.zeros((40, 40), np.float32)
    assert prototype_points(None, dot) == ()
    dot[7, 9] = 1
    assert [tuple(point) for point in prototype_points(None, dot) if point.positive] == [(9.0, 7.0, True)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_points_are_on_their_side_of_the_mask_and_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability = np.zeros((60, 80), np.float32)
    top, left = rng.integers(0, 40, 2)
    probability[top : top + rng.integers(6, 30), left : left + rng.integers(6, 30)] = 1
    cells = affinity(rng.random((10, 13)), rng.random((10, 13)), 6)
    points = prototype_points(cells, probability)
    mask = probability > 0.5
    assert any(point.positive for point in points)
    for x, y, positive in points:
        assert mask[min(int(y), 59), min(int(x), 79)] == positive
    for sign in (True, False):
        places = np.array([point[:2] for point in points if point.positive is sign])
        gaps = np.linalg.norm(places[:, None] - places, axis=-1)[np.triu_indices(len(places), 1)] if len(places) else []
        assert all(gap >= np.sqrt(mask.sum()) / 2 - 1e-6 for gap in gaps)
