import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avseg.data.avsbench.writer import write_set
from avseg.data.synthetic.background import photo_background
from avseg.data.synthetic.composer import CutoutCast, loop_sound, read_sound, read_sprite, without_pauses
from avseg.data.synthetic.generate import SyntheticClipConfig, generate_clip
from avseg.data.synthetic.schedule import ScheduleRules
from avseg.utils.errors import UserError
from tests.data.synthetic.make_cutouts import RATE, tone, write_cutouts, write_image


@pytest.fixture
def folder(tmp_path):
    return write_cutouts(tmp_path / "cutouts")


def test_a_clip_shows_and_plays_the_cut_outs(folder):
    cast = CutoutCast(folder)
    assert cast.categories == ["bell", "drum", "flute", "horn"]
    config = SyntheticClipConfig(
        cast, ScheduleRules(silent_clips=0, silent_seconds=0), size=64, object_sizes=(0.35, 0.6)
    )
    tones = {name: 300 * (i + 1) for i, name in enumerate(cast.categories)}
    colours = {"bell": (0,), "drum": (1,), "flute": (2,), "horn": (0, 1)}
    for index in range(8):
        clip = generate_clip(config, "train", index)
        spectrum = np.abs(np.fft.rfft(clip.waveform))
        frequency = np.fft.rfftfreq(len(clip.waveform), 1 / 16000)
        peaks = {f: spectrum[np.abs(frequency - f) < 12].max() for f in tones.values()}
        active = {tones[name] for n, name in enumerate(clip.categories) if clip.sounding[:, n].any()}
        silent_peaks = [peak for f, peak in peaks.items() if f not in active]
        assert min(peaks[f] for f in active) > 5 * max(silent_peaks, default=0)
        for n, name in enumerate(clip.categories):
            colour = clip.frames[0][clip.visible[0, n]].mean(axis=0)
            assert all(colour[c] > 180 for c in colours[name])


def test_levels_in_the_mixture_are_those_recorded(folder):
    cast = CutoutCast(folder)
    clip = generate_clip(
        SyntheticClipConfig(cast, ScheduleRules(silent_clips=0, silent_seconds=0), size=32), "train", 0
    )
    tones = {name: 300 * (i + 1) for i, name in enumerate(cast.categories)}
    power = np.abs(np.fft.rfft(clip.waveform) / len(clip.waveform)) ** 2 * 2
    frequency = np.fft.rfftfreq(len(clip.waveform), 1 / 16000)
    for n, name in enumerate(clip.categories):
        if clip.sounding[:, n].all():
            level = 10 * np.log10(power[np.abs(frequency - tones[name]) < 60].sum())
            assert level == pytest.approx(-20 + clip.levels_db[n], abs=1.0)


def test_files_may_share_a_class(folder):
    (folder / "classes.csv").write_text("file,class\nbell,metal\nhorn,metal\n")
    cast = CutoutCast(folder)
    assert cast.categories == ["drum", "flute", "metal"]
    assert [cutout.stem for cutout in cast.by_class["metal"]] == ["bell", "horn"]


def test_held_out_classes_are_seen_in_the_test_split_only(tmp_path):
    cast = CutoutCast(write_cutouts(tmp_path, [f"c{i}" for i in range(8)]), held_out=0.4)
    assert set(cast.pool("train")).isdisjoint(cast.pool("test"))
    assert cast.pool("val") == cast.pool("train")
    assert sorted(cast.pool("train") + cast.pool("test")) == cast.categories
    rng = np.random.default_rng(0)
    assert {actor.category for _ in range(20) for actor in cast.draw(rng, 2, "test")} == set(cast.pool("test"))


def test_only_the_requested_classes_are_used(folder):
    assert CutoutCast(folder, ["horn", "bell", "drum"]).categories == ["bell", "drum", "horn"]
    with pytest.raises(UserError, match=r"class 'hron' is not among .* did you mean 'horn'\?"):
        CutoutCast(folder, ["hron", "bell", "drum"])


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 3000), st.integers(1, 9000), st.integers(0, 2999))
def test_a_looped_sound_has_the_requested_length_and_no_jump(length, samples, start):
    wave = np.linspace(-1, 1, length).astype(np.float32)  # the worst case: its end is far from its start
    looped = loop_sound(wave, samples, start % length)
    assert looped.shape == (samples,)
    fade = min(320, length // 4)
    assert np.abs(np.diff(looped)).max(initial=0) <= 2 / fade + 4 / length


def test_pauses_are_shortened():
    sound, pause = np.ones(3200, np.float32), np.zeros(16000, np.float32)
    audible = without_pauses(np.concatenate([pause, sound, pause, sound, pause]))
    assert len(audible) == 2 * 3200 + 5 * 320
    assert audible[0] == audible[-1] == 1


def test_a_sound_has_16_khz_one_channel_and_unit_level(tmp_path):
    stereo = np.stack([tone(1000, 1.0), tone(1000, 1.0)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    wave = read_sound(tmp_path / "a.wav")
    assert len(wave) == pytest.approx(16000, abs=640)
    assert np.sqrt(np.mean(wave**2)) == pytest.approx(1, abs=1e-5)


def test_a_sprite_is_cropped_to_the_opaque_pixels(tmp_path):
    write_image(tmp_path / "a.png")
    sprite = read_sprite(tmp_path / "a.png")
    assert sprite.shape[0] < 40
    assert sprite.shape[1] < 60
    assert (sprite[..., 3].max(axis=0) == 255).all()
    assert (sprite[..., 3].max(axis=1) == 255).all()


def test_photos_serve_as_backgrounds(tmp_path):
    Image.new("RGB", (90, 70), (10, 200, 30)).save(tmp_path / "a.jpg")
    background = photo_background(tmp_path)(np.random.default_rng(0), 48)
    assert background.shape == (48, 48, 3)
    assert np.abs(background.astype(int) - (10, 200, 30)).max() < 8
    (tmp_path / "a.jpg").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"a.jpg is not a readable image"):
        photo_background(tmp_path)(np.random.default_rng(0), 48)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(UserError, match="contains no image"):
        photo_background(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        photo_background(tmp_path / "nowhere")


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


def remove_sound(folder):
    (folder / "bell.wav").unlink()


def silence_sound(folder):
    soundfile.write(folder / "bell.wav", np.zeros(1000, np.float32), RATE)


def empty_sound(folder):
    soundfile.write(folder / "bell.wav", np.zeros(0, np.float32), RATE)


def nan_sound(folder):
    soundfile.write(folder / "bell.wav", np.full(1000, np.nan, np.float32), RATE, subtype="FLOAT")


def damage_sound(folder):
    (folder / "bell.wav").write_bytes(b"RIFF without samples")


def drop_alpha(folder):
    Image.new("RGB", (9, 9)).save(folder / "bell.png")


def make_opaque(folder):
    Image.new("RGBA", (9, 9), (1, 2, 3, 255)).save(folder / "bell.png")


def make_transparent(folder):
    Image.new("RGBA", (9, 9), (1, 2, 3, 0)).save(folder / "bell.png")


def damage_image(folder):
    (folder / "bell.png").write_bytes((folder / "drum.png").read_bytes()[:60])


def remove_classes(folder):
    for name in ("bell", "drum"):
        (folder / f"{name}.png").unlink()


def rename_columns(folder):
    (folder / "classes.csv").write_text("image,label\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_all, r"contains no cut-out .*avseg data cutouts"),
        (remove_sound, r"bell.png has no sound file"),
        (silence_sound, r"bell.wav is silent"),
        (empty_sound, r"bell.wav is silent"),
        (nan_sound, r"bell.wav contains NaN or infinite samples"),
        (damage_sound, r"bell.wav is not a readable sound"),
        (drop_alpha, r"bell.png has no alpha channel"),
        (make_opaque, r"bell.png has no transparent pixel"),
        (make_transparent, r"bell.png has no opaque pixel"),
        (damage_image, r"bell.png is not a readable image"),
        (remove_classes, r"the train split has 2 classes; at least 3 are needed"),
        (rename_columns, r"classes.csv has the columns .*; needed: file, class"),
    ],
)
def test_bad_cut_outs_are_reported_in_one_line(folder, damage, message):
    damage(folder)
    with pytest.raises(UserError, match=message) as error:
        CutoutCast(folder)
    assert "\n" not in str(error.value)


def test_a_missing_folder_and_a_bad_share_are_reported(folder, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        CutoutCast(tmp_path / "nowhere")
    with pytest.raises(UserError, match="held-out is 1"):
        CutoutCast(folder, held_out=1.0)


def test_s4_clips_carry_the_class_that_sounds(folder, tmp_path):
    config = SyntheticClipConfig(CutoutCast(folder), ScheduleRules("s4"), size=32)
    write_set(tmp_path / "set", config, {"val": 6}, {})
    for index in range(6):
        clip = generate_clip(config, "val", index)
        category = clip.categories[clip.lead]
        assert (tmp_path / "set/s4_data/visual_frames/val" / category / clip.name).is_dir()
