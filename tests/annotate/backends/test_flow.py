import numpy as np
import pytest

from avseg.annotate.backends.flow.memory import MemoryFrame, read_memory
from avseg.annotate.backends.flow.propagator import FlowAffinity
from avseg.annotate.backends.flow.tracked_object import MEMORY_FRAMES
from avseg.annotate.quality.scores import iou
from avseg.utils.errors import UserError
from tests.annotate.synthetic_videos import ToyFilm, toy_film


def follow(film: ToyFilm, numbers: list[int], frames: range) -> np.ndarray:
    """IoU with the truth, (frames, objects)."""
    propagator = FlowAffinity()
    propagator.reset(numbers)
    propagator.step(film.image(frames[0]), {number: film.truth(number, frames[0]) for number in numbers})
    ious = []
    for frame in frames[1:]:
        step = propagator.step(film.image(frame))
        ious.append([iou(step.probabilities[number] > 0.5, film.truth(number, frame)) for number in numbers])
    return np.array(ious)


def in_sight(film: ToyFilm, frames: range) -> list[int]:
    """Objects with at least two thirds visible at any time: a good first mask and no long occlusion."""
    seen = film.visible[frames[0] : frames[-1] + 1].sum((2, 3))
    return [n + 1 for n in range(seen.shape[1]) if seen[:, n].min() > 0.67 * seen[:, n].max()]


@pytest.mark.parametrize(
    ("size", "films"),
    [(64, (0, 4, 5, 10)), pytest.param(160, (0, 2, 4, 5, 10), marks=pytest.mark.slow)],
)
@pytest.mark.slow
def test_five_seconds_from_one_mask(size: int, films: tuple[int, ...]) -> None:
    means = []
    for index in films:
        film = toy_film(index, size)
        frames = range(len(film.pictures))
        means += list(follow(film, in_sight(film, frames), frames).mean(0))
    assert len(means) > 5
    assert np.mean(means) >= 0.93
    assert min(means) >= 0.85


def test_backward_is_as_good() -> None:
    film = toy_film(2)
    frames = range(len(film.pictures))[::-1]
    assert follow(film, [2, 3], frames).mean() > 0.9


def test_an_object_that_was_hidden_is_found_again() -> None:
    images = np.full((16, 64, 96, 3), (110, 120, 130), np.uint8)
    images[:, 20:44, 40:64] = (40, 60, 200)  # a wall
    truth = np.zeros((16, 2, 64, 96), np.bool_)
    truth[:, 0, 20:44, 40:64] = True
    for frame in range(16):
        left = 10 + 5 * frame
        truth[frame, 1, 26:38, left : left + 12] = True
        truth[frame, 1] &= ~truth[frame, 0]
        images[frame][truth[frame, 1]] = (210, 60, 40)
    assert truth[6:10, 1].sum((1, 2)).min() == 0
    ious = follow(ToyFilm(images, truth), [1, 2], range(16))
    assert ious[-1, 1] > 0.8
    assert ious[:, 0].min() > 0.9


def test_objects_may_enter_late_and_masks_come_again() -> None:
    film = toy_film(0)
    propagator = FlowAffinity()
    propagator.reset([1, 2])
    first = propagator.step(film.image(0), {2: film.truth(2, 0)})
    assert first.affinity is None
    assert list(first.probabilities) == [2]
    assert (first.probabilities[2] == film.truth(2, 0)).all()
    late = propagator.step(film.image(1), {1: film.truth(1, 1)})
    assert set(late.probabilities) == {1, 2}
    assert (late.probabilities[1] == film.truth(1, 1)).all()
    assert iou(late.probabilities[2] > 0.5, film.truth(2, 1)) > 0.85
    after = propagator.step(film.image(2))
    assert set(after.affinity) == {1, 2}
    assert iou(after.probabilities[1] > 0.5, film.truth(1, 2)) > 0.85


def test_memory_does_not_grow_and_an_empty_mask_is_nothing() -> None:
    film = toy_film(0)
    propagator = FlowAffinity()
    propagator.reset([1, 2])
    for frame in range(8):
        propagator.step(film.image(frame), {1: film.truth(1, frame), 2: np.zeros((64, 96), np.bool_)})
    assert len(propagator._tracked[1].memory) == MEMORY_FRAMES
    step = propagator.step(film.image(8))
    assert not (step.probabilities[2] > 0.5).any()


def test_the_affinity_knows_the_object_and_its_rivals() -> None:
    film = toy_film(0)
    propagator = FlowAffinity()
    propagator.reset([1, 2])
    propagator.step(film.image(0), {number: film.truth(number, 0) for number in (1, 2)})
    affinity = propagator.step(film.image(1)).affinity[1]
    x, y = (affinity.centres[..., axis].astype(int) for axis in (0, 1))
    assert 0 <= x.min() <= x.max() < 96
    assert 0 <= y.min() <= y.max() < 64
    inside = film.truth(1, 1)[y, x]
    assert affinity.evidence[inside].mean() > 0.8
    assert affinity.evidence[~inside].mean() < 0.1
    assert (affinity.rival[inside] == 1).mean() > 0.9
    for values in (affinity.evidence, affinity.strongest, affinity.entropy):
        assert values.min() >= 0
        assert values.max() <= 1 + 1e-5


def test_reading_is_a_softmax_over_the_nearest() -> None:
    rng = np.random.default_rng(0)
    key, query = (rng.normal(size=(n, 6)).astype(np.float32) for n in (10, 5))
    share, label = rng.random(10).astype(np.float32), rng.integers(0, 3, 10)
    readout = read_memory(
        query, [MemoryFrame(key[:4], share[:4], label[:4]), MemoryFrame(key[4:], share[4:], label[4:])]
    )
    kernel = np.exp(-((query[:, None] - key) ** 2).sum(-1) / 2)
    weight = kernel / kernel.sum(1, keepdims=True)
    np.testing.assert_allclose(readout.evidence, (weight @ share) * np.minimum(kernel.max(1) / 0.1, 1), atol=1e-4)
    np.testing.assert_allclose(readout.strongest, kernel.max(1), atol=1e-5)
    np.testing.assert_allclose(readout.entropy, -(weight * np.log(weight)).sum(1) / np.log(10), atol=1e-4)
    assert (readout.rival == label[kernel.argmax(1)]).all()


def test_the_same_steps_give_the_same_values() -> None:
    film = toy_film(2)
    assert (follow(film, [1, 2], range(8)) == follow(film, [1, 2], range(8))).all()


def test_invalid_calls_are_refused() -> None:
    propagator = FlowAffinity()
    propagator.reset([1])
    image = toy_film(0).image(0)
    with pytest.raises(UserError, match="objects: 2 was not passed to reset; known are \\[1\\]"):
        propagator.step(image, {2: np.ones((64, 96), np.bool_)})
    with pytest.raises(UserError, match="mask: \\(3, 3\\) does not fit"):
        propagator.step(image, {1: np.ones((3, 3), np.bool_)})
    propagator.step(image)
    with pytest.raises(UserError, match="reset for another video"):
        propagator.step(image[:50])
