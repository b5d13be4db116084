import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.aggregation import Aggregation, RegionPrediction, aggregate
from avseg.models.lu_avs.queries import QueryOutput, to_corners, to_pixels
from avseg.models.lu_avs.spans import Spans
from avseg.utils.errors import UserError

SIZE = (12, 16)
BARK, HOWL, ENGINE = 0, 1, 2
GROUPS = (0, 0, 1)


def _queries(*probabilities: list[float]) -> QueryOutput:
    """One frame; query i has these class probabilities ("no object" last) and masks column i of four."""
    masks = torch.full((1, len(probabilities), 3, 4), -20.0)
    for query in range(len(probabilities)):
        masks[0, query, :, query] = 20
    return QueryOutput(torch.tensor(probabilities).log()[None], masks=masks)


def _sound(*scores: float, threshold: float = 0.5) -> SoundActivity:
    a = torch.tensor([scores])
    return SoundActivity(a, a > threshold)


def _columns(prediction: RegionPrediction) -> dict[int, list[int]]:
    """Return the columns of 4 pixels that the mask of each class covers in the only frame."""
    return {
        label: [column for column in range(4) if mask[0, 6, 4 * column + 1]]
        for label, mask in prediction.masks.items()
        if mask[0].any()
    }


def _run(queries: QueryOutput, sound: SoundActivity | None, **options: object) -> dict[int, list[int]]:
    return _columns(aggregate(queries, torch.tensor([0.2]), SIZE, sound, Aggregation(**options)))  # type: ignore[arg-type]


# a dog that looks as if it barks, a car, no object, a second dog with a lower score
SCENE = ([0.7, 0.1, 0.1, 0.1], [0.1, 0.0, 0.8, 0.1], [0.05, 0.05, 0.0, 0.9], [0.45, 0.15, 0.0, 0.4])


def test_argmax_keeps_every_query_whose_most_probable_class_sounds() -> None:
    queries = _queries(*SCENE)
    assert _run(queries, _sound(0.9, 0.9, 0.9), mode="argmax") == {BARK: [0, 3], ENGINE: [1]}
    assert _run(queries, _sound(0.9, 0.9, 0.1), mode="argmax") == {BARK: [0, 3]}
    assert _run(queries, _sound(0.1, 0.9, 0.1), mode="argmax") == {}  # the dog looks as if it barks: recall is lost
    assert _run(queries, _sound(0.9, 0.9, 0.9), mode="argmax", threshold=0.5) == {BARK: [0], ENGINE: [1]}


def test_product_relabels_to_the_sounding_class() -> None:
    queries = _queries(*SCENE)
    assert _run(queries, _sound(0.1, 0.9, 0.1)) == {HOWL: [3]}  # 0.15 there, 0.1 on the dog with the higher score
    assert _run(queries, _sound(0.9, 0.1, 0.9)) == {BARK: [0], ENGINE: [1]}
    assert _run(queries, _sound(0.9, 0.1, 0.9), keep="all", threshold=0.3) == {BARK: [0, 3], ENGINE: [1]}
    assert _run(queries, _sound(0.9, 0.1, 0.9), threshold=0.65) == {ENGINE: [1]}  # 0.63 and 0.72


def test_group_finds_the_dog_that_looks_like_another_sound() -> None:
    queries = _queries(*SCENE)
    assert _run(queries, _sound(0.1, 0.9, 0.1), mode="group", groups=GROUPS) == {HOWL: [0]}  # 0.7 + 0.1 for dogs
    assert _run(queries, _sound(0.1, 0.9, 0.1), mode="group", groups=GROUPS, keep="all", threshold=0.3) == {
        HOWL: [0, 3]
    }
    assert _run(queries, _sound(0.9, 0.9, 0.1), mode="group", groups=GROUPS) == {BARK: [0], HOWL: [0]}


def test_modality_v_keeps_the_most_probable_class_for_any_sound() -> None:
    queries = _queries(*SCENE)
    for mode in ("argmax", "product"):
        assert _run(queries, None, modality="V", mode=mode) == {BARK: [0, 3], ENGINE: [1]}
    assert aggregate(queries, torch.tensor([0.0]), SIZE, None, Aggregation(modality="V")).sounding == {}


def test_modality_a_returns_intervals() -> None:
    activity = SoundActivity(torch.rand(3, 2), torch.tensor([[True, False], [False, False], [True, True]]))
    seconds = torch.tensor([0.0, 0.5, 1.0, 2.9])
    prediction = aggregate(None, seconds, SIZE, activity, Aggregation(modality="A"))
    assert {k: v.tolist() for k, v in prediction.sounding.items()} == {
        0: [True, True, False, True],
        1: [False, False, False, True],
    }
    assert prediction.masks == prediction.boxes == {}


def _random(seed: int, frames: int = 3, box: bool = False) -> tuple[QueryOutput, SoundActivity, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(frames, 5, 4, generator=generator)
    region = {"boxes": torch.rand(frames, 5, 4, generator=generator)}
    if not box:
        region = {"masks": 3 * torch.randn(frames, 5, 3, 4, generator=generator)}
    scores = torch.rand(2, 3, generator=generator)
    seconds = torch.rand(frames, generator=generator) * 2
    return QueryOutput(logits, **region), SoundActivity(scores, scores > 0.5), seconds


options = st.builds(
    Aggregation,
    mode=st.sampled_from(["argmax", "product", "group"]),
    keep=st.sampled_from(["best", "all"]),
    threshold=st.sampled_from([0.0, 0.2, 0.5]),
    groups=st.just(GROUPS),
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rules=options, box=st.booleans())
def test_silent_classes_have_no_regions(seed: int, rules: Aggregation, box: bool) -> None:
    queries, activity, seconds = _random(seed, box=box)
    prediction = aggregate(queries, seconds, SIZE, activity, rules)
    sounding = activity.at(seconds).active
    for label, masks in prediction.masks.items():
        assert not masks[~sounding[:, label]].any()
        assert masks.any()
    for label, boxes in prediction.boxes.items():
        assert all(len(k) == 0 for k, on in zip(boxes, sounding[:, label], strict=True) if not on)
        assert any(map(len, boxes))
    silence = SoundActivity(activity.scores, torch.zeros_like(activity.active))
    assert aggregate(queries, seconds, SIZE, silence, rules) == RegionPrediction()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rules=options, box=st.booleans())
def test_chunks_equal_the_whole_video(seed: int, rules: Aggregation, box: bool) -> None:
    queries, activity, seconds = _random(seed, frames=4, box=box)
    video = aggregate(queries, seconds, SIZE, activity, rules)
    for frame in range(4):
        chunk = QueryOutput(*(None if x is None else x[frame : frame + 1] for x in queries[:3]))  # type: ignore[arg-type]
        prediction = aggregate(chunk, seconds[frame : frame + 1], SIZE, activity, rules)
        assert set(prediction.masks) == {label for label, masks in video.masks.items() if masks[frame].any()}
        assert all(torch.equal(masks[0], video.masks[label][frame]) for label, masks in prediction.masks.items())
        assert set(prediction.boxes) == {label for label, boxes in video.boxes.items() if len(boxes[frame])}
        assert all(torch.equal(boxes[0], video.boxes[label][frame]) for label, boxes in prediction.boxes.items())
        assert all(prediction.scores[label][0] == video.scores[label][frame] for label in prediction.scores)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_product_keeps_the_best_query_in_loops(seed: int) -> None:
    queries, activity, seconds = _random(seed, box=True)
    prediction = aggregate(queries, seconds, SIZE, activity)
    probabilities = queries.class_logits.softmax(-1)
    for frame, second in enumerate(seconds.tolist()):
        for label in range(3):
            a = activity.scores[int(second), label].item()
            kept = prediction.boxes.get(label, [torch.zeros(0, 4)] * 3)[frame]
            if a <= 0.5:
                assert len(kept) == 0
                continue
            best = max(range(5), key=lambda q: probabilities[frame, q, label].item())
            assert queries.boxes is not None
            assert torch.equal(kept, to_corners(queries.boxes[frame, best][None], SIZE))
            score = prediction.scores[label][frame].item()
            assert score == pytest.approx(a * probabilities[frame, best, label].item(), rel=1e-5)


def test_regions_in_pixels() -> None:
    logits = torch.tensor([[[9.0, -9.0], [9.0, -9.0]]])
    masks = to_pixels(logits, (4, 8))
    assert masks.dtype == torch.bool
    assert masks[0].tolist() == [[True] * 4 + [False] * 4] * 4
    # the probabilities are interpolated, not the logits: a certain pixel does not outweigh an uncertain one
    assert to_pixels(torch.tensor([[[0.5, -50.0]]]), (1, 4))[0].tolist() == [[True, False, False, False]]
    assert to_pixels(logits[:0], (4, 8)).shape == (0, 4, 8)
    corners = to_corners(torch.tensor([[0.5, 0.5, 0.5, 1.0], [0.0, 0.0, 1.0, 0.5]]), (100, 200))
    assert corners.tolist() == [[50, 0, 150, 100], [0, 0, 100, 25]]


def test_spans_extend_from_the_first_to_the_last_region() -> None:
    masks = torch.zeros(3, 2, 2, dtype=torch.bool)
    masks[1] = True
    spans = Spans()
    spans.update(torch.tensor([30, 36, 42]), RegionPrediction(masks={4: masks}))
    spans.update(torch.tensor([12, 18, 24]), RegionPrediction(masks={4: masks, 7: masks}))
    box, no_box = torch.ones(1, 4), torch.ones(0, 4)
    spans.update(torch.tensor([0, 6, 48]), RegionPrediction(boxes={2: [no_box, no_box, box], 9: [no_box] * 3}))
    assert spans.spans == {4: (18, 37), 7: (18, 19), 2: (48, 49)}


def test_invalid_options() -> None:
    queries, activity, seconds = _random(0)
    with pytest.raises(UserError, match=r"mode 'products' is unknown; allowed: .*did you mean 'product'"):
        Aggregation(mode="products")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="modality 'A&V' is unknown; allowed: A, V, AV"):
        Aggregation(modality="A&V")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'group' needs groups"):
        Aggregation(mode="group")
    with pytest.raises(UserError, match="there are groups for 2 classes, but 3 classes"):
        aggregate(queries, seconds, SIZE, activity, Aggregation(mode="group", groups=[0, 1]))
    with pytest.raises(UserError, match="visual branch has 3 classes, the audio branch 2"):
        aggregate(queries, seconds, SIZE, SoundActivity(activity.scores[:, :2], activity.active[:, :2]))
    with pytest.raises(UserError, match="modality 'AV' needs activity"):
        aggregate(queries, seconds, SIZE)
