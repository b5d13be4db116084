from pathlib import Path

import numpy as np
import pytest
import torch

from avseg.annotate.backends import make_propagator
from avseg.annotate.backends.xmem import XMemPropagator
from avseg.nn.xmem import MemorySettings, Propagator, tiny_xmem
from avseg.utils.errors import UserError
from tests.annotate.synthetic_videos import toy_film


def frame(number: int) -> torch.Tensor:
    return torch.tensor(toy_film(0).image(number)).permute(2, 0, 1)


def test_the_official_file_gives_the_propagator_of_the_model(tmp_path: Path) -> None:
    film, network = toy_film(0), tiny_xmem()
    torch.save(network.state_dict(), tmp_path / "XMem.pth")
    ours = make_propagator("xmem", weights=tmp_path / "XMem.pth", short_side=48, device="cpu")
    plain = Propagator(tiny_xmem(), short_side=48)
    ours.reset([3, 7])
    masks = {7: film.truth(1, 0), 3: film.truth(2, 0)}
    assert ours.step(film.image(0), masks).affinity is None
    plain.step(frame(0), torch.tensor(np.stack([masks[3], masks[7]])), [3, 7])
    for number in range(1, 8):
        step, expected = ours.step(film.image(number)), plain.step(frame(number))
        for channel, name in enumerate((3, 7), 1):
            np.testing.assert_allclose(step.probabilities[name], expected[channel].numpy(), atol=1e-6)
            nearest, affinity = plain.nearest(name), step.affinity[name]
            np.testing.assert_allclose(affinity.evidence, nearest.evidence, atol=1e-6)
            np.testing.assert_allclose(affinity.strongest, nearest.affinity[0], atol=1e-6)
            assert (affinity.rival == nearest.label[0].numpy()).all()
            weight = nearest.affinity.clamp(min=1e-12)
            entropy = torch.distributions.Categorical(probs=weight.movedim(0, -1)).entropy() / np.log(len(weight))
            np.testing.assert_allclose(affinity.entropy, entropy, atol=1e-4)
            # 72 columns are centred in 80, so that the first cell loses 4 of its 16
            assert affinity.centres[0, 0].tolist() == pytest.approx([4 * 64 / 48, 8 * 64 / 48])


def test_objects_enter_at_any_time_and_memory_is_bounded() -> None:
    film = toy_film(2)
    propagator = XMemPropagator(
        tiny_xmem(), 32, MemorySettings(mem_every=1, min_mid_term_frames=2, max_mid_term_frames=4, num_prototypes=4,
                                        max_long_term_elements=12),
    )  # fmt: skip
    propagator.reset([1, 2, 3])
    assert propagator.step(film.image(0)).probabilities == {}
    propagator.step(film.image(1), {2: film.truth(2, 1)})
    late = propagator.step(film.image(2), {1: film.truth(1, 2)})
    assert set(late.probabilities) == {1, 2}
    assert set(late.affinity) == {2}
    for number in range(3, 40):
        given = {3: film.truth(3, number)} if number in (10, 11) else None
        step = propagator.step(film.image(number), given)
    assert set(step.affinity) == {1, 2, 3}
    assert all(probability.shape == (64, 96) for probability in step.probabilities.values())
    cells = step.affinity[1].evidence.size
    assert all(len(bank.elements) <= 12 + 4 * cells for _, bank in propagator._memory._video.groups)
    propagator.reset([1])
    with pytest.raises(UserError, match=r"2 was not passed to reset; known are \[1\]"):
        propagator.step(film.image(0), {2: film.truth(2, 0)})


def test_the_tiny_model_works_by_name_and_errors_are_reported(tmp_path: Path) -> None:
    tiny = make_propagator("tiny")
    tiny.reset([1])
    tiny.step(toy_film(0).image(0), {1: toy_film(0).truth(1, 0)})
    assert tiny.step(toy_film(0).image(1)).affinity[1].evidence.shape == (4, 6)
    with pytest.raises(UserError, match="short_side: 3"):
        make_propagator("tiny", short_side=3)
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"broken\.pth"):
        make_propagator("xmem", weights=tmp_path / "broken.pth")
