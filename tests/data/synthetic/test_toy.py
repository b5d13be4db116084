import dataclasses
import itertools

import numpy as np
import pytest
import torch

from avseg.audio.log_mel import log_mel_patches
from avseg.data.synthetic.generate import SyntheticClipConfig, generate_clip
from avseg.data.synthetic.schedule import ScheduleRules
from avseg.data.synthetic.soundtrack import SAMPLE_RATE, mix_voices
from avseg.data.synthetic.toy import ToyCast
from avseg.data.synthetic.toy.classes import draw_sprite, look_alikes, make_classes
from avseg.data.synthetic.toy.sounds import frequency_band, synthesise
from avseg.utils.errors import UserError


@pytest.mark.parametrize("count", [6, 8, 10, 12])
def test_every_class_has_one_look_alike_by_shape_and_one_by_hue(count):
    classes = make_classes(count)
    assert len({toy_class.name for toy_class in classes}) == count
    for toy_class in classes:
        alike = look_alikes(toy_class, classes)
        assert [candidate.shape for candidate in alike].count(toy_class.shape) == 1
        assert [candidate.hue for candidate in alike].count(toy_class.hue) == 1


@pytest.mark.parametrize("count", [5, 13])
def test_too_few_or_many_classes_are_reported(count):
    with pytest.raises(UserError, match=f"kinds is {count}; allowed: 6 to 12"):
        ToyCast(count)


def test_sprites_fill_their_image_and_have_their_hue():
    for toy_class in make_classes(12):
        sprite = draw_sprite(toy_class, np.random.default_rng(0))
        solid = sprite[..., 3] > 127
        assert solid.any(axis=0).mean() > 0.85
        red, green, blue = sprite[solid][:, :3].mean(axis=0)
        assert {"red": red > 2 * green, "green": green > 2 * red, "blue": blue > 2 * red}.get(toy_class.colour, True)


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10, 11, 12])
def test_classes_sound_in_separate_bands(count):
    bands = sorted(frequency_band(class_id, count) for class_id in range(count))
    assert all(high < low for (_, high), (low, _) in itertools.pairwise(bands))
    for class_id in range(count):
        wave = synthesise(class_id, count, 2 * SAMPLE_RATE, np.random.default_rng(class_id))
        assert np.sqrt(np.mean(wave**2)) == pytest.approx(1, abs=1e-3)
        power = np.abs(np.fft.rfft(wave)) ** 2
        frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
        low, high = frequency_band(class_id, count)
        assert power[(frequency > 0.9 * low) & (frequency < 1.1 * high)].sum() > 0.9 * power.sum()


def mel_statistics(wave):
    patches = log_mel_patches(torch.from_numpy(wave), SAMPLE_RATE)[:5, 0]
    return torch.cat([patches.mean(1), patches.std(1)], 1).numpy()


def draw_mixtures(num_classes, clips, rng):
    """Draw mel statistics of one to three sounding classes, and their labels."""
    features, labels = [], []
    for _ in range(clips):
        class_ids = rng.choice(num_classes, 3, replace=False)
        sounding = rng.uniform(size=(5, 3)) < 0.5
        voices = [synthesise(int(i), num_classes, 5 * SAMPLE_RATE, rng) for i in class_ids]
        features.append(mel_statistics(mix_voices(voices, sounding, rng.uniform(-5, 5, 3), rng)))
        label = np.zeros((5, num_classes))
        label[:, class_ids] = sounding
        labels.append(label)
    return np.concatenate(features), np.concatenate(labels)


@pytest.mark.slow
def test_a_linear_classifier_of_mel_statistics_detects_who_sounds_in_a_mixture():
    rng = np.random.default_rng(0)
    train, targets = draw_mixtures(8, 100, rng)
    test, truth = draw_mixtures(8, 40, rng)
    mean, scale = train.mean(0), train.std(0) + 1e-3
    train, test = ((np.c_[(x - mean) / scale, np.ones(len(x))]) for x in (train, test))
    ridge = np.linalg.solve(train.T @ train + 3 * np.eye(train.shape[1]), train.T @ targets)
    assert ((test @ ridge > 0.5) == (truth > 0.5)).mean() > 0.97


def silent_cast():
    """Toy cast without its sounds, for tests of the images."""
    cast = ToyCast(8)

    class SilentCast:
        prefix, categories = "silent", cast.categories

        def draw(self, rng, count, split):
            silence = lambda sound_rng, samples: np.ones(samples, np.float32)  # noqa: E731
            return [dataclasses.replace(actor, voice=silence) for actor in cast.draw(rng, count, split)]

    return SilentCast()


def visual_features(clip):
    """Compute position, motion, area, depth, order, class, ... of each object, (N, features)."""
    y, x = np.mgrid[: clip.frames.shape[1], : clip.frames.shape[2]]
    area = clip.visible.sum(axis=(2, 3)) + 1e-9
    cx, cy = ((clip.visible * axis).sum(axis=(2, 3)) / area for axis in (x, y))
    rank = lambda values: values.argsort().argsort() - (len(values) - 1) / 2  # noqa: E731
    speed = np.abs(np.diff(cx, axis=0)).mean(0) + np.abs(np.diff(cy, axis=0)).mean(0)
    rows = [cx.mean(0), cy.mean(0), rank(cx[0]), rank(cy[0]), area.mean(0), rank(area[0]), speed, rank(speed)]
    rows += [np.array(clip.depths) - (len(clip.depths) - 1) / 2, np.arange(len(clip.depths)) + 0.0]
    rows += [np.hypot(cx - 15.5, cy - 15.5).mean(0), (cx[-1] - cx[0]), (cy[-1] - cy[0])]
    one_hot = np.array([[name == category for name in clip.categories] for category in silent_cast().categories], float)
    return np.concatenate([np.array(rows), one_hot]).T


def strongest_link(features, sounding):
    """Compute the largest correlation of a feature with the sounding, in standard errors (N(0, 1) without a link)."""
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    sounding = (sounding - sounding.mean()) / sounding.std()
    return float(np.abs(features.T @ sounding).max() / np.sqrt(len(sounding)))


@pytest.mark.parametrize("setting", ["ms3", pytest.param("s4", marks=pytest.mark.slow)])
def test_nothing_visible_reveals_who_sounds(setting):
    config = SyntheticClipConfig(
        silent_cast(), ScheduleRules(setting, silent_clips=0, silent_seconds=0), size=32, seed=3
    )
    clips = [clip for clip in (generate_clip(config, "train", i) for i in range(700)) if len(clip.categories) > 1]
    # one object of each clip, so that the cases are independent
    object_ids = [i % len(clip.categories) for i, clip in enumerate(clips)]
    features = np.stack([visual_features(clip)[n] for clip, n in zip(clips, object_ids, strict=True)])
    sounding = np.array([clip.sounding[0, n] for clip, n in zip(clips, object_ids, strict=True)], float)
    # 21 features: chance exceeds 4 standard errors once in 750 seeds
    assert strongest_link(features, sounding) < 4
    # also together: a least-squares fit explains no more than chance (mean 21 / n, standard error sqrt(42) / n)
    design = np.c_[features, np.ones(len(features))]
    explained = np.var(design @ np.linalg.lstsq(design, sounding, rcond=None)[0]) / np.var(sounding)
    assert explained * len(features) < 21 + 4 * np.sqrt(42)
    # the test is able to fail: it detects a link as weak as "the left one sounds in 70 % of the cases"
    left = features[:, 2] < 0
    rigged = np.where(np.random.default_rng(0).uniform(size=len(left)) < 0.7, left, ~left).astype(float)
    assert strongest_link(features, rigged) > 4


def test_look_alikes_often_meet_and_classes_differ_in_a_clip():
    cast, rng = ToyCast(8), np.random.default_rng(0)
    casts = [[actor.category for actor in cast.draw(rng, 2, "train")] for _ in range(300)]
    assert all(len(set(names)) == 2 for names in casts)
    shared = [any(word in names[1].split("_") for word in names[0].split("_")) for names in casts]
    assert 0.5 < np.mean(shared) < 0.8


def test_a_clip_depends_on_the_seed_only():
    config = SyntheticClipConfig(ToyCast(), ScheduleRules(sounding="second"), size=32)
    clip = generate_clip(config, "val", 3)
    same = generate_clip(config, "val", 3)
    np.testing.assert_array_equal(clip.frames, same.frames)
    np.testing.assert_array_equal(clip.waveform, same.waveform)
    different = [generate_clip(config, "test", 3), generate_clip(config, "val", 4)]
    different.append(generate_clip(dataclasses.replace(config, seed=1), "val", 3))
    assert all(not np.array_equal(clip.frames, another.frames) for another in different)


def test_shapes_are_wide_enough_at_64_pixels():
    config = SyntheticClipConfig(ToyCast(), ScheduleRules(), size=64)
    for index in range(10):
        clip = generate_clip(config, "train", index)
        assert clip.visible.sum(axis=(2, 3)).min() > 25
        front = clip.depths.index(0)
        widths = [mask.any(axis=0).sum() for mask in clip.visible[:, front]]
        assert np.median(widths) >= 13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, "size is 8; allowed: 32 to 1024"),
        ({"seed": -1}, "seed is -1; use 0 or more"),
        ({"seconds": 7}, "frames is 7; the layout of ms3 has 5 per clip"),
    ],
)
def test_bad_configurations_are_reported(change, message):
    with pytest.raises(UserError, match=message):
        SyntheticClipConfig(ToyCast(), ScheduleRules(), **change)
