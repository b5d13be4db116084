import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from avseg.nn.normalise import IMAGENET_MEAN, IMAGENET_STD
from avseg.nn.xmem import MemorySettings, Propagator, tiny_xmem
from avseg.utils.errors import UserError
from tests.nn.xmem.discs import moving_discs
from tests.nn.xmem.reference import ReferenceXMem

SHORT = MemorySettings(10, 2, 2, 4, num_prototypes=8, max_long_term_elements=20)
FRAMES, DISCS = moving_discs(40, 48, 64, 3)
Calls = dict[int, dict[int, Tensor]]
# objects 5, 2 and 9 appear on frames 0, 3 and 10; object 5 is corrected on frame 6
CALLS: Calls = {0: {5: DISCS[0, 0]}, 3: {2: DISCS[3, 1]}, 6: {5: DISCS[6, 0]}, 10: {9: DISCS[10, 2]}}


def follow(propagator: Propagator, calls: Calls = CALLS, first: int = 0, last: int = 40) -> list[Tensor]:
    out = []
    for i in range(first, last):
        masks = calls.get(i, {})
        stacked = torch.stack(list(masks.values())) if masks else None
        out.append(propagator.step(FRAMES[i], stacked, list(masks) or None))
    return out


@pytest.mark.parametrize("deep", [-1, 1, 3, 5])
def test_late_objects_equal_the_reference(deep: int) -> None:
    keep_all = MemorySettings(top_k=7, mem_every=2, max_mid_term_frames=1000, deep_update_every=deep)
    propagator, reference = Propagator(tiny_xmem(), keep_all), ReferenceXMem(tiny_xmem(), 7, 2, deep)
    ours = follow(propagator, last=14)
    for i, probabilities in enumerate(ours):
        expected = reference.step(FRAMES[i], {name: mask.float() for name, mask in CALLS.get(i, {}).items()})
        torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-5)
    assert [len(probabilities) for probabilities in ours] == [2] * 3 + [3] * 7 + [4] * 4
    assert propagator.objects == (5, 2, 9) == tuple(reference.objects)


def test_probabilities_sum_to_1_and_repeat_exactly() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    first = follow(propagator)
    propagator.reset()
    assert propagator.objects == ()
    assert all(torch.equal(a, b) for a, b in zip(first, follow(propagator), strict=True))
    for probabilities in first:
        torch.testing.assert_close(probabilities.sum(0), torch.ones(48, 64))


def test_user_masks_are_returned_and_exclude_other_objects() -> None:
    out = follow(Propagator(tiny_xmem(), SHORT), last=11)
    for i, masks in CALLS.items():
        order = [5, 2, 9]
        for name, mask in masks.items():
            channel = out[i][1 + order.index(name)]
            assert torch.equal(channel > 0.5, mask)
            rest_of_channels = torch.cat(
                [out[i][:1], out[i][1:][[k for k in range(len(out[i]) - 1) if order[k] != name]]]
            )
            assert rest_of_channels[:, mask].max() < 1e-5


def test_a_new_object_takes_its_pixels_from_a_confident_one() -> None:
    confident = tiny_xmem()
    torch.nn.init.constant_(confident.decoder.pred.bias, 30)
    propagator = Propagator(confident, SHORT)
    propagator.step(FRAMES[0], DISCS[0, :1], [1])
    assert propagator.step(FRAMES[1])[1].min() > 0.99
    out = propagator.step(FRAMES[2], DISCS[2, 1:2], [2])
    assert torch.equal(out[2] > 0.99, DISCS[2, 1])
    assert torch.equal(out[1] > 0.99, ~DISCS[2, 1])


@settings(max_examples=4, deadline=None)
@given(order=st.permutations([1, 2, 3]))
def test_the_order_and_the_names_of_objects_do_not_matter(order: list[int]) -> None:
    straight, permuted = (Propagator(tiny_xmem(), SHORT) for _ in range(2))
    for i in range(12):
        a = straight.step(FRAMES[i], DISCS[0] if i == 0 else None, [1, 2, 3] if i == 0 else None)
        masks = DISCS[0][[k - 1 for k in order]] if i == 0 else None
        b = permuted.step(FRAMES[i], masks, [10 * k for k in order] if i == 0 else None)
        torch.testing.assert_close(b[1:], a[1:][[k - 1 for k in order]], rtol=0, atol=1e-4)
    assert permuted.objects == tuple(10 * k for k in order)


def test_frames_before_the_first_object_do_not_matter() -> None:
    early, fresh = Propagator(tiny_xmem(), SHORT), Propagator(tiny_xmem(), SHORT)
    empty = follow(early, {}, 20, 25)
    assert all(torch.equal(probabilities, torch.ones(1, 48, 64)) for probabilities in empty)
    calls = {0: {1: DISCS[0, 0]}}
    assert all(torch.equal(a, b) for a, b in zip(follow(early, calls), follow(fresh, calls), strict=True))


def test_forms_of_masks_and_frames() -> None:
    ids = (DISCS[0, 0] * 4 + (DISCS[0, 1] & ~DISCS[0, 0]) * 7).to(torch.uint8)
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    image = ((FRAMES[0] * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    from_ids, from_masks = Propagator(tiny_xmem()), Propagator(tiny_xmem())
    from_ids.step(image, ids)
    from_masks.step((image / 255 - mean) / std, torch.stack([ids == 4, ids == 7]), [4, 7])
    assert from_ids.objects == from_masks.objects == (4, 7)
    torch.testing.assert_close(from_ids.step(FRAMES[1]), from_masks.step(FRAMES[1]))


def test_a_mask_without_objects_is_ignored_but_a_listed_object_may_be_invisible() -> None:
    propagator = Propagator(tiny_xmem())
    propagator.step(FRAMES[0], torch.zeros(48, 64, dtype=torch.int64))
    assert propagator.objects == ()
    out = propagator.step(FRAMES[1], torch.zeros(48, 64, dtype=torch.int64), [3])
    assert propagator.objects == (3,)
    assert out[1].max() < 1e-5


@pytest.mark.parametrize("size", [(33, 50), (47, 64), (16, 16)])
@pytest.mark.parametrize("short_side", [None, 32, 80])
def test_any_frame_size_and_working_size(size: tuple[int, int], short_side: int | None) -> None:
    propagator = Propagator(tiny_xmem(), SHORT, short_side)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[4:12, 6:14] = True
    out = propagator.step(torch.randn(3, *size), mask[None], [1])
    assert out.shape == (2, *size)
    if short_side is None:
        assert torch.equal(out[1] > 0.5, mask)
    assert propagator.step(torch.randn(3, *size)).shape == (2, *size)


def test_scaled_masks_stay_in_place() -> None:
    mask = torch.zeros(60, 100, dtype=torch.bool)
    mask[20:40, 30:70] = True
    out = Propagator(tiny_xmem(), SHORT, 120).step(torch.randn(3, 60, 100), mask[None], [1])
    assert ((out[1] > 0.5) ^ mask).sum() <= 4  # of 800: the corners


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ((torch.zeros(3, 48, 60),), r"frame: 48x60 in a video of 48x64"),
        ((torch.zeros(48, 64),), r"frame: must be \(3, H, W\), got \(48, 64\)"),
        ((FRAMES[1], torch.zeros(40, 64)), r"mask: shape \(40, 64\).*48x64"),
        ((FRAMES[1], torch.zeros(1, 48, 64)), "needs `objects`"),
        ((FRAMES[1], torch.zeros(2, 48, 64), [1]), "2 masks for 1 objects"),
        ((FRAMES[1], torch.zeros(2, 48, 64), [1, 1]), "distinct ids"),
        ((FRAMES[1], torch.zeros(48, 64), [0]), "1 or more"),
        ((FRAMES[1], None, [1]), "without a mask"),
    ],
)
def test_errors_leave_the_state_unchanged(call: tuple, message: str) -> None:
    propagator, untouched = Propagator(tiny_xmem()), Propagator(tiny_xmem())
    for instance in (propagator, untouched):
        instance.step(FRAMES[0], DISCS[0, :1], [8])
    with pytest.raises(UserError, match=message) as caught:
        propagator.step(*call)
    assert "\n" not in str(caught.value)
    assert torch.equal(propagator.step(FRAMES[1]), untouched.step(FRAMES[1]))
