"""Exports are restored by imports: random documents through LU-AVS and AVSBench."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.export import export
from avseg.annotate.importing import import_
from avseg.media.frames import official_frames
from tests.annotate.export.numbered_videos import GAPS, add_object, annotations_of, blank, open_numbered_video, set_mask

SIZE, FRAMES = (24, 32), 40
LABELS = ("dog barking", "man speaking", "a/b")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return open_numbered_video(tmp_path_factory.mktemp("round"), frames=FRAMES, size=SIZE)


@st.composite
def spans(draw, frames=FRAMES):
    cuts = sorted(draw(st.sets(st.integers(0, frames), min_size=2, max_size=6)))
    return [(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]


@st.composite
def annotations(draw):
    """Objects of few labels and few spans, so that labels repeat and spans coincide; (label, spans, masks)."""
    known = draw(st.lists(spans(), min_size=1, max_size=2))
    objects = []
    for _ in range(draw(st.integers(1, 3))):
        own = draw(st.sampled_from(known))
        heard = [frame for start, end in own for frame in range(start, end)]
        frames = draw(st.sets(st.sampled_from(heard), max_size=8))
        masks = {frame: draw(st.integers(1, 2**32 - 1)) for frame in sorted(frames)}
        objects.append((draw(st.sampled_from(LABELS)), own, masks))
    return objects


def mask_of(seed, size=SIZE):
    """A random mask; often with few pixels, or all of them."""
    rng = np.random.default_rng(seed)
    mask = rng.random(size) < rng.choice([0.01, 0.5, 1.1])
    mask[rng.integers(size[0]), rng.integers(size[1])] = True
    return mask


def build(reader, objects, seeds=mask_of):
    document = blank(reader)
    for place, (label, own, masks) in enumerate(objects):
        number = add_object(document, label, *own, name=f"object {place}")
        for frame, seed in masks.items():
            set_mask(document, number, frame, seeds(seed))
    return document


@settings(max_examples=40, deadline=None)
@given(objects=annotations())
def test_lu_avs(reader, tmp_path_factory, objects):
    document = build(reader, objects)
    out = export(document, reader, "lu_avs", tmp_path_factory.mktemp("out") / "release", split="val")
    restored = blank(reader)
    done = import_(restored, reader, "lu_avs", out)
    assert annotations_of(restored) == annotations_of(document)
    masks = sum(len(masks) for *_, masks in objects)
    assert (done.objects, done.segments, done.masks) == (len(objects), len(document.segments), masks)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    return open_numbered_video(tmp_path_factory.mktemp("round"), "varying.mkv", frames=150, size=SIZE, times=GAPS)


def second_spans(reader, seconds):
    """Runs of seconds as frames."""
    firsts = [second for second in sorted(seconds) if second - 1 not in seconds]
    lasts = [second + 1 for second in sorted(seconds) if second + 1 not in seconds]
    runs = zip(firsts, lasts, strict=True)
    return [reader.frame_span(first, min(last, reader.duration)) for first, last in runs]


def half_mask(seed, half):
    """A random mask in the left (0) or right (1) half of the image."""
    mask = mask_of(seed)
    mask[:, (1 - half) * SIZE[1] // 2 :][:, : SIZE[1] // 2] = False
    mask[0, half * SIZE[1] // 2] = True
    return mask


@settings(max_examples=15, deadline=None)
@given(
    seconds=st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=2, max_size=2),
    setting=st.sampled_from(["ms3", "avss"]),
    seed=st.integers(0, 99),
)
def test_avsbench(long_film, tmp_path_factory, seconds, setting, seed):
    """AVSBench has one frame per second and no silence inside a clip; such annotations are restored exactly."""
    chosen = official_frames(long_film.index.video)
    assert len(chosen) > 6
    labels = {"ms3": ["sounding"], "avss": ["dog barking", "man speaking"]}[setting]
    document = blank(long_film)
    for place, (label, own) in enumerate(zip(labels, seconds, strict=False)):
        number = add_object(document, label, *second_spans(long_film, own))
        for second in own:
            set_mask(document, number, chosen[second], half_mask(seed + second, place))
    out = export(document, long_film, "avsbench", tmp_path_factory.mktemp("out") / "bench", setting=setting)
    restored = blank(long_film)
    import_(restored, long_film, "avsbench", out)
    assert [(label, *rest) for label, _, *rest in annotations_of(restored)] == [
        (label, *rest) for label, _, *rest in annotations_of(document)
    ]
