import pytest
import torch
from torch.nn import functional as F

from avseg.nn.xmem import MemorySettings, Propagator, tiny_xmem
from avseg.utils.errors import UserError
from tests.nn.xmem.discs import moving_discs
from tests.nn.xmem.test_propagator import CALLS, FRAMES, SHORT, follow


def test_a_repeated_frame_is_nearest_to_itself() -> None:
    frames, discs = moving_discs(1, 96, 128, 4)
    propagator = Propagator(tiny_xmem(), MemorySettings(top_k=100))
    probabilities = propagator.step(frames[0], discs[0], [4, 7, 2])
    propagator.step(frames[0])
    per_cell = F.avg_pool2d(probabilities[None], 16)[0]
    for channel, name in enumerate((4, 7, 2), 1):
        nearest = propagator.nearest(name)
        assert nearest.evidence.shape == (6, 8)
        assert nearest.affinity.shape == nearest.label.shape == (48, 6, 8)
        assert torch.equal(nearest.cell[0], torch.arange(48).view(6, 8))
        assert nearest.frame.unique().tolist() == [0]
        assert torch.equal(nearest.label[0], torch.tensor([0, 4, 7, 2])[per_cell.argmax(0)])
        # every element of this small memory is among the nearest, so the evidence is a plain weighted mean
        masks = per_cell[channel].flatten()[nearest.cell]
        torch.testing.assert_close(nearest.evidence, (nearest.affinity * masks).sum(0))
    assert nearest.label.unique().tolist() == [0, 2, 4, 7]


def test_frame_and_cell_stay_correct_through_consolidation() -> None:
    """The key of every element is the key of the frame and the cell that it stores."""
    propagator = Propagator(tiny_xmem(), SHORT)
    follow(propagator)
    assert len(propagator._video.groups) == 3
    for _, bank in propagator._video.groups:
        assert bank.long == 20
        for frame in bank.elements.frame.unique().tolist():
            elements = bank.elements.pick(bank.elements.frame == frame)
            with torch.no_grad():
                key = propagator.network.encode_key(FRAMES[frame : frame + 1]).key[0].flatten(1).T
            torch.testing.assert_close(elements.key, key[elements.cell])


def test_each_group_reads_its_own_memory() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    follow(propagator, last=12)
    assert propagator.nearest(5).frame.min() == 0
    assert propagator.nearest(9).frame.unique().tolist() == [10]
    assert set(propagator.nearest(2).frame.unique().tolist()) <= {3, 5, 6, 8, 10}
    torch.testing.assert_close(propagator.nearest(2).affinity.sum(0), torch.ones(3, 4))


def test_evidence_is_where_the_object_is() -> None:
    """A static scene with an object of 2 x 2 cells; also read from prototypes, which keep the mask."""
    frames, _ = moving_discs(1, 96, 128, 5)
    mask = torch.zeros(1, 96, 128, dtype=torch.bool)
    mask[:, 32:64, 48:80] = True
    propagator = Propagator(tiny_xmem(), SHORT)
    for step in range(12):
        propagator.step(frames[0], mask if step % 2 == 0 else None, [1] if step % 2 == 0 else None)
    nearest = propagator.nearest(1)
    inside = F.avg_pool2d(mask[None].float(), 16)[0, 0] == 1
    assert inside.sum() == 4
    assert (nearest.label[0] == inside).all()
    # the features of random weights are nearly flat, so much is also read from outside of the object
    assert nearest.evidence[inside].mean() > 2 * nearest.evidence[~inside].mean()
    assert nearest.evidence.min() >= 0
    assert nearest.evidence.max() <= 1 + 1e-6


def test_centres_of_cells_are_pixels_of_the_video() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    propagator.step(torch.zeros(3, 48, 64))
    centres = propagator.cell_centres(torch.arange(12).view(3, 4))
    assert centres[1, 2].tolist() == [40, 24]
    padded = Propagator(tiny_xmem(), SHORT)
    padded.step(torch.zeros(3, 41, 64))  # 7 rows of border: 3 above, 4 below
    assert padded.cell_centres(torch.tensor(6)).tolist() == [40, 21]
    scaled = Propagator(tiny_xmem(), SHORT, short_side=96)
    scaled.step(torch.zeros(3, 48, 64))
    assert scaled.cell_centres(torch.tensor([0, 8])).tolist() == [[4, 4], [4, 12]]


def test_errors() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    with pytest.raises(UserError, match="size is unknown before the first frame"):
        propagator.cell_centres(torch.tensor(0))
    follow(propagator, {0: CALLS[0]}, last=1)
    with pytest.raises(UserError, match="6 is unknown; known are \\[5\\]"):
        propagator.nearest(6)
    with pytest.raises(UserError, match="5 did not read its memory on frame 0"):
        propagator.nearest(5)
