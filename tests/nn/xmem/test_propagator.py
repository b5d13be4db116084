import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from avseg.nn.normalise import IMAGENET_MEAN, IMAGENET_STD
from avseg.nn.xmem import MemorySettings, Propagator, tiny_xmem
from avseg.utils.errors import UserError
from tests.nn.xmem.discs import moving_discs
from tests.nn.xmem.plain import PlainXMem

SHORT = MemorySettings(10, 2, 2, 4, num_prototypes=8, max_long_term_elements=20)
FRAMES, DISCS = moving_discs(40, 48, 64, 3)
Calls = dict[int, dict[int, Tensor]]
# objects 5, 2 and 9 come on frames 0, 3 and 10; object 5 is corrected on frame 6
CALLS: Calls = {0: {5: DISCS[0, 0]}, 3: {2: DISCS[3, 1]}, 6: {5: DISCS[6, 0]}, 10: {9: DISCS[10, 2]}}


def follow(propagator: Propagator, calls: Calls = CALLS, first: int = 0, last: int = 40) -> list[Tensor]:
    out = []
    for i in range(first, last):
        masks = calls.get(i, {})
        given = torch.stack(list(masks.values())) if masks else None
        out.append(propagator.step(FRAMES[i], given, list(masks) or None))
    return out


def test_late_objects_equal_the_plain_form() -> None:
    keep_all = MemorySettings(top_k=7, mem_every=2, max_mid_term_frames=1000)
    propagator, plain = Propagator(tiny_xmem(), keep_all), PlainXMem(tiny_xmem(), 7, 2)
    ours = follow(propagator, last=14)
    for i, probabilities in enumerate(ours):
        expected = plain.step(FRAMES[i], {name: mask.float() for name, mask in CALLS.get(i, {}).items()})
        torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-5)
    assert [len(probabilities) for probabilities in ours] == [2] * 3 + [3] * 7 + [4] * 4
    assert propagator.objects == (5, 2, 9) == tuple(plain.objects)


def test_probabilities_sum_to_1_and_repeat_exactly() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    first = follow(propagator)
    propagator.reset()
    assert propagator.objects == ()
    assert all(torch.equal(a, b) for a, b in zip(first, follow(propagator), strict=True))
    for probabilities in first:
        torch.testing.assert_close(probabilities.sum(0), torch.ones(48, 64))


def test_given_masks_come_back_and_keep_others_out() -> None:
    out = follow(Propagator(tiny_xmem(), SHORT), last=11)
    for i, masks in CALLS.items():
        order = [5, 2, 9]
        for name, mask in masks.items():
            channel = out[i][1 + order.index(name)]
            assert torch.equal(channel > 0.5, mask)
            others = torch.cat([out[i][:1], out[i][1:][[k for k in range(len(out[i]) - 1) if order[k] != name]]])
            assert others[:, mask].max() < 1e-5


def test_a_new_object_takes_its_pixels_from_one_that_was_sure_of_them() -> None:
    sure = tiny_xmem()
    torch.nn.init.constant_(sure.decoder.pred.bias, 30)
    propagator = Propagator(sure, SHORT)
    propagator.step(FRAMES[0], DISCS[0, :1], [1])
    assert propagator.step(FRAMES[1])[1].min() > 0.99
    out = propagator.step(FRAMES[2], DISCS[2, 1:2], [2])
    assert torch.equal(out[2] > 0.99, DISCS[2, 1])
    assert torch.equal(out[1] > 0.99, ~DISCS[2, 1])


@settings(max_examples=4, deadline=None)
@given(order=st.permutations([1, 2, 3]))
def test_the_order_and_the_names_of_objects_do_not_matter(order: list[int]) -> None:
    straight, turned = (Propagator(tiny_xmem(), SHORT) for _ in range(2))
    for i in range(12):
        a = straight.step(FRAMES[i], DISCS[0] if i == 0 else None, [1, 2, 3] if i == 0 else None)
        given = DISCS[0][[k - 1 for k in order]] if i == 0 else None
        b = turned.step(FRAMES[i], given, [10 * k for k in order] if i == 0 else None)
        torch.testing.assert_close(b[1:], a[1:][[k - 1 for k in order]], rtol=0, atol=1e-4)
    assert turned.objects == tuple(10 * k for k in order)


def test_frames_before_the_first_object_do_not_matter() -> None:
    early, fresh = Propagator(tiny_xmem(), SHORT), Propagator(tiny_xmem(), SHORT)
    before = follow(early, {}, 20, 25)
    assert all(torch.equal(probabilities, torch.ones(1, 48, 64)) for probabilities in before)
    calls = {0: {1: DISCS[0, 0]}}
    assert all(torch.equal(a, b) for a, b in zip(follow(early, calls), follow(fresh, calls), strict=True))


def test_forms_of_masks_and_frames() -> None:
    ids = (DISCS[0, 0] * 4 + (DISCS[0, 1] & ~DISCS[0, 0]) * 7).to(torch.uint8)
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    picture = ((FRAMES[0] * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    one, two = Propagator(tiny_xmem()), Propagator(tiny_xmem())
    one.step(picture, ids)
    two.step((picture / 255 - mean) / std, torch.stack([ids == 4, ids == 7]), [4, 7])
    assert one.objects == two.objects == (4, 7)
    torch.testing.assert_close(one.step(FRAMES[1]), two.step(FRAMES[1]))


def test_a_mask_without_objects_says_nothing_but_a_named_object_may_be_invisible() -> None:
    propagator = Propagator(tiny_xmem())
    propagator.step(FRAMES[0], torch.zeros(48, 64, dtype=torch.int64))
    assert propagator.objects == ()
    out = propagator.step(FRAMES[1], torch.zeros(48, 64, dtype=torch.int64), [3])
    assert propagator.objects == (3,)
    assert out[1].max() < 1e-5


@pytest.mark.parametrize("size", [(33, 50), (47, 64), (16, 16)])
@pytest.mark.parametrize("short_side", [None, 32, 80])
def test_any_size_of_frame_and_of_work(size: tuple[int, int], short_side: int | None) -> None:
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
    ("call", "told"),
    [
        ((torch.zeros(3, 48, 60),), r"frame: 48x60 in a video of 48x64"),
        ((torch.zeros(48, 64),), r"frame: shape \(48, 64\)"),
        ((FRAMES[1], torch.zeros(40, 64)), r"mask: shape \(40, 64\).*48x64"),
        ((FRAMES[1], torch.zeros(1, 48, 64)), "needs `objects`"),
        ((FRAMES[1], torch.zeros(2, 48, 64), [1]), "2 masks for 1 objects"),
        ((FRAMES[1], torch.zeros(2, 48, 64), [1, 1]), "distinct ids"),
        ((FRAMES[1], torch.zeros(48, 64), [0]), "1 or more"),
        ((FRAMES[1], None, [1]), "without a mask"),
    ],
)
def test_mistakes_are_told_and_change_nothing(call: tuple, told: str) -> None:
    propagator, other = Propagator(tiny_xmem()), Propagator(tiny_xmem())
    for either in (propagator, other):
        either.step(FRAMES[0], DISCS[0, :1], [8])
    with pytest.raises(UserError, match=told) as caught:
        propagator.step(*call)
    assert "\n" not in str(caught.value)
    assert torch.equal(propagator.step(FRAMES[1]), other.step(FRAMES[1]))
