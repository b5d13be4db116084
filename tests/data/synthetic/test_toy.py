import dataclasses
import itertools

import numpy as np
import pytest
import torch

from avseg.audio.log_mel import log_mel_patches
from avseg.data.synthetic.generate import ClipRecipe, make_clip
from avseg.data.synthetic.schedule import ScriptRules
from avseg.data.synthetic.soundtrack import SAMPLE_RATE, mix
from avseg.data.synthetic.toy import ToyCast
from avseg.data.synthetic.toy.kinds import draw_sprite, look_alikes, make_kinds
from avseg.data.synthetic.toy.sounds import band, synthesise
from avseg.utils.errors import UserError


@pytest.mark.parametrize("count", [6, 8, 10, 12])
def test_every_kind_has_a_look_alike_by_shape_and_one_by_hue(count):
    kinds = make_kinds(count)
    assert len({kind.name for kind in kinds}) == count
    for kind in kinds:
        others = look_alikes(kind, kinds)
        assert [other.shape for other in others].count(kind.shape) == 1
        assert [other.hue for other in others].count(kind.hue) == 1


@pytest.mark.parametrize("count", [5, 13])
def test_too_few_or_many_kinds_are_told(count):
    with pytest.raises(UserError, match=f"kinds is {count}; allowed: 6 to 12"):
        ToyCast(count)


def test_sprites_fill_their_picture_and_have_their_hue():
    for kind in make_kinds(12):
        sprite = draw_sprite(kind, np.random.default_rng(0))
        solid = sprite[..., 3] > 127
        assert solid.any(axis=0).mean() > 0.85
        red, green, blue = sprite[solid][:, :3].mean(axis=0)
        assert {"red": red > 2 * green, "green": green > 2 * red, "blue": blue > 2 * red}.get(kind.colour, True)


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10, 11, 12])
def test_kinds_sound_in_bands_of_their_own(count):
    bands = sorted(band(kind, count) for kind in range(count))
    assert all(high < low for (_, high), (low, _) in itertools.pairwise(bands))
    for kind in range(count):
        wave = synthesise(kind, count, 2 * SAMPLE_RATE, np.random.default_rng(kind))
        assert np.sqrt(np.mean(wave**2)) == pytest.approx(1, abs=1e-3)
        power = np.abs(np.fft.rfft(wave)) ** 2
        frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
        low, high = band(kind, count)
        assert power[(frequency > 0.9 * low) & (frequency < 1.1 * high)].sum() > 0.9 * power.sum()


def mel_statistics(wave):
    patches = log_mel_patches(torch.from_numpy(wave), SAMPLE_RATE)[:5, 0]
    return torch.cat([patches.mean(1), patches.std(1)], 1).numpy()


def draw_mixtures(kinds, clips, rng):
    """Mel statistics of one to three sounding kinds, and which they are."""
    features, labels = [], []
    for _ in range(clips):
        chosen = rng.choice(kinds, 3, replace=False)
        sounding = rng.uniform(size=(5, 3)) < 0.5
        voices = [synthesise(int(kind), kinds, 5 * SAMPLE_RATE, rng) for kind in chosen]
        features.append(mel_statistics(mix(voices, sounding, rng.uniform(-5, 5, 3), rng)))
        label = np.zeros((5, kinds))
        label[:, chosen] = sounding
        labels.append(label)
    return np.concatenate(features), np.concatenate(labels)


def test_a_linear_reader_of_mel_statistics_hears_who_sounds_in_a_mixture():
    rng = np.random.default_rng(0)
    train, wanted = draw_mixtures(8, 100, rng)
    test, truth = draw_mixtures(8, 40, rng)
    mean, scale = train.mean(0), train.std(0) + 1e-3
    train, test = ((np.c_[(x - mean) / scale, np.ones(len(x))]) for x in (train, test))
    ridge = np.linalg.solve(train.T @ train + 3 * np.eye(train.shape[1]), train.T @ wanted)
    assert ((test @ ridge > 0.5) == (truth > 0.5)).mean() > 0.97


def quiet_cast(kinds=8):
    """The toy's cast without its sounds: only what is seen matters."""
    cast = ToyCast(kinds)

    class Quiet:
        prefix, categories = "quiet", cast.categories

        def draw(self, rng, count, split):
            silence = lambda sound_rng, samples: np.ones(samples, np.float32)  # noqa: E731
            return [dataclasses.replace(actor, voice=silence) for actor in cast.draw(rng, count, split)]

    return Quiet()


def seen_of(clip):
    """What is seen of each object: place, motion, area, depth, order, kind, ... as numbers, (N, features)."""
    y, x = np.mgrid[: clip.frames.shape[1], : clip.frames.shape[2]]
    area = clip.visible.sum(axis=(2, 3)) + 1e-9
    cx, cy = ((clip.visible * axis).sum(axis=(2, 3)) / area for axis in (x, y))
    rank = lambda values: values.argsort().argsort() - (len(values) - 1) / 2  # noqa: E731
    speed = np.abs(np.diff(cx, axis=0)).mean(0) + np.abs(np.diff(cy, axis=0)).mean(0)
    rows = [cx.mean(0), cy.mean(0), rank(cx[0]), rank(cy[0]), area.mean(0), rank(area[0]), speed, rank(speed)]
    rows += [np.array(clip.depths) - (len(clip.depths) - 1) / 2, np.arange(len(clip.depths)) + 0.0]
    rows += [np.hypot(cx - 15.5, cy - 15.5).mean(0), (cx[-1] - cx[0]), (cy[-1] - cy[0])]
    kinds = np.array([[name == kind for name in clip.categories] for kind in quiet_cast().categories], float)
    return np.concatenate([np.array(rows), kinds]).T


def strongest_link(seen, sounding):
    """The largest correlation between a feature and who sounds, in standard errors (about N(0, 1) without a link)."""
    seen = (seen - seen.mean(0)) / (seen.std(0) + 1e-9)
    sounding = (sounding - sounding.mean()) / sounding.std()
    return float(np.abs(seen.T @ sounding).max() / np.sqrt(len(sounding)))


@pytest.mark.parametrize("setting", ["ms3", "s4"])
def test_nothing_visible_tells_who_sounds(setting):
    recipe = ClipRecipe(quiet_cast(), ScriptRules(setting, silent_clips=0, silent_seconds=0), size=32, seed=3)
    clips = [clip for clip in (make_clip(recipe, "train", i) for i in range(700)) if len(clip.categories) > 1]
    # one object of each clip, so that the cases are independent
    chosen = [i % len(clip.categories) for i, clip in enumerate(clips)]
    seen = np.stack([seen_of(clip)[n] for clip, n in zip(clips, chosen, strict=True)])
    sounding = np.array([clip.sounding[0, n] for clip, n in zip(clips, chosen, strict=True)], float)
    # 21 features: chance exceeds 4 standard errors once in 750 seeds
    assert strongest_link(seen, sounding) < 4
    # also together: a least-squares reader explains no more than chance does (mean 21 / n, standard error sqrt(42) / n)
    design = np.c_[seen, np.ones(len(seen))]
    explained = np.var(design @ np.linalg.lstsq(design, sounding, rcond=None)[0]) / np.var(sounding)
    assert explained * len(seen) < 21 + 4 * np.sqrt(42)
    # the test is able to fail: it finds a give-away as weak as "the left one sounds in 70 % of the cases"
    left = seen[:, 2] < 0
    rigged = np.where(np.random.default_rng(0).uniform(size=len(left)) < 0.7, left, ~left).astype(float)
    assert strongest_link(seen, rigged) > 4


def test_look_alikes_often_meet_and_kinds_differ_in_a_clip():
    cast, rng = ToyCast(8), np.random.default_rng(0)
    casts = [[actor.category for actor in cast.draw(rng, 2, "train")] for _ in range(300)]
    assert all(len(set(names)) == 2 for names in casts)
    shared = [any(word in names[1].split("_") for word in names[0].split("_")) for names in casts]
    assert 0.5 < np.mean(shared) < 0.8


def test_the_same_seed_gives_the_same_clip_and_another_seed_another():
    recipe = ClipRecipe(ToyCast(), ScriptRules(sounding="second"), size=32)
    one, same = make_clip(recipe, "val", 3), make_clip(recipe, "val", 3)
    np.testing.assert_array_equal(one.frames, same.frames)
    np.testing.assert_array_equal(one.waveform, same.waveform)
    others = [make_clip(recipe, "test", 3), make_clip(recipe, "val", 4)]
    others.append(make_clip(dataclasses.replace(recipe, seed=1), "val", 3))
    assert all(not np.array_equal(one.frames, other.frames) for other in others)


def test_shapes_are_wide_enough_at_64_pixels():
    recipe = ClipRecipe(ToyCast(), ScriptRules(), size=64)
    for index in range(10):
        clip = make_clip(recipe, "train", index)
        assert clip.visible.sum(axis=(2, 3)).min() > 25
        front = clip.depths.index(0)
        widths = [mask.any(axis=0).sum() for mask in clip.visible[:, front]]
        assert np.median(widths) >= 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, "size is 8; allowed: 32 to 1024"),
        ({"seed": -1}, "seed is -1; give 0 or more"),
        ({"seconds": 7}, "frames is 7; the layout of ms3 has 5 per clip"),
    ],
)
def test_wrong_recipes_are_told(change, message):
    with pytest.raises(UserError, match=message):
        ClipRecipe(ToyCast(), ScriptRules(), **change)
