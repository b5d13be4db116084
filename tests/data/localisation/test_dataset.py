"""VGG-SS and Flickr-SoundNet as data to evaluate on, from annotation files written by hand, pictures and videos."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avseg.config.compose import compose_train
from avseg.data.localisation import flickr_truth, read_flickr
from avseg.data.localisation.datamodule import BoxesDataModule
from avseg.media.video_writer import make_clip_video
from avseg.metrics import SuccessAUC, SuccessRate, consensus_iou, success_auc, success_rate
from avseg.models.lvs.frontend import Spectrogram
from avseg.utils.errors import UserError
from tests.data.localisation.test_boxes import FLICKR

RATE = 16_000


def write_files(root: Path, name: str) -> None:
    """A red picture with a green right half, and 10 s of silence with a click in the middle."""
    picture = np.zeros((30, 60, 3), np.uint8)
    picture[..., 0] = 200
    picture[:, 30:] = (0, 200, 0)
    for folder in ("frames", "audio"):
        (root / folder).mkdir(exist_ok=True)
    Image.fromarray(picture).save(root / "frames" / f"{name}.jpg", quality=95)
    sound = np.zeros(10 * RATE, np.float32)
    sound[5 * RATE] = 0.5
    soundfile.write(root / "audio" / f"{name}.wav", sound, RATE)


def vgg_ss(root: Path, *names: str) -> None:
    entries = [{"file": name, "class": "dog", "bbox": [[0.5, -0.2, 1.3, 0.5]]} for name in names]
    (root / "vggss.json").write_text(json.dumps(entries), encoding="utf-8")


def data_of(root: Path, name: str = "vgg_ss", *, per_frame: bool = False) -> BoxesDataModule:
    config = compose_train(["model=prior", f"data={name}", f"data.root={root}", "data.image_size=64"]).data
    return BoxesDataModule(config, Spectrogram("second" if per_frame else "clip"))


def test_the_truth_is_drawn_on_the_whole_picture_squashed_to_a_square(tmp_path: Path) -> None:
    vgg_ss(tmp_path, "a_000030", "gone")
    write_files(tmp_path, "a_000030")
    dataset = data_of(tmp_path).dataset("test")
    assert [entry.name for entry in dataset.entries] == ["a_000030"]  # the other clip has no files
    clip = dataset[0]
    assert clip.frames.shape == (1, 1, 3, 64, 64)
    expected = torch.zeros(64, 64, dtype=torch.uint8)
    expected[:32, 32:] = 1
    assert torch.equal(clip.masks[0, 0], expected)
    green = clip.frames[0, 0, 1].int() - clip.frames[0, 0, 0].int()
    assert (green[:, 36:] > 100).all()
    assert (green[:, :28] < -100).all()
    assert clip.annotated.all()


@pytest.mark.parametrize("per_frame", [False, True])
def test_a_model_hears_all_of_the_sound_or_its_middle_second(tmp_path: Path, per_frame: bool) -> None:
    vgg_ss(tmp_path, "a")
    write_files(tmp_path, "a")
    dataset = data_of(tmp_path, per_frame=per_frame).dataset("test")
    waveform, rate = dataset.read_waveform(0)
    assert waveform.shape[-1] == (1 if per_frame else 10) * rate
    assert waveform.abs().max() == pytest.approx(0.5, abs=1e-3)  # the click at 5 s
    assert dataset[0].sound.shape == ((1, 1, 1, 257, 671) if per_frame else (1, 1, 257, 671))


def test_a_video_gives_its_middle_frame_and_its_sound(tmp_path: Path) -> None:
    vgg_ss(tmp_path, "clip")
    (tmp_path / "videos").mkdir()
    frames = np.zeros((5, 32, 64, 3), np.uint8)
    frames[2, :, :, 2] = 220  # the third second is blue
    time = np.arange(5 * RATE) / RATE
    sound = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    make_clip_video(frames, sound, tmp_path / "videos" / "clip.mp4", sample_rate=RATE)
    dataset = data_of(tmp_path, per_frame=True).dataset("test")
    clip = dataset[0]
    assert clip.frames[0, 0, 2].float().mean() > 150
    waveform, rate = dataset.read_waveform(0)
    assert (waveform.shape, rate) == ((1, RATE), RATE)
    assert waveform.abs().max() == pytest.approx(0.3, abs=0.05)


def test_scores_of_flickr_count_half_agreement(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    file = tmp_path / "Annotations" / "b.xml"
    file.write_text(FLICKR)
    write_files(tmp_path, "b")
    clip = data_of(tmp_path, "flickr_soundnet").dataset("test")[0]
    truth = torch.from_numpy(flickr_truth(read_flickr(file), 64))[None]
    assert set(truth.unique().tolist()) == {0.0, 0.5, 1.0}
    generator = torch.Generator().manual_seed(0)
    for logits in torch.randn(5, 1, 1, 64, 64, generator=generator) + 0.3:
        rate, area = SuccessRate(), SuccessAUC()
        for metric in (rate, area):
            metric.update(logits, clip.masks)
        scores = consensus_iou(logits[0] > 0, truth)  # brute force, in floats
        torch.testing.assert_close(rate.scores(), scores)
        assert rate.compute() == success_rate(scores)
        assert area.compute() == pytest.approx(float(success_auc(scores)))


def test_what_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"vggss\.json is not a readable json"):
        data_of(tmp_path).dataset("test")
    vgg_ss(tmp_path, "a", "b")
    with pytest.raises(UserError, match=r"nor videos/NAME\.mp4 of any of 2 annotated clips, such as .a."):
        data_of(tmp_path).dataset("test")
    with pytest.raises(UserError, match="no split 'train'; use split=test"):
        data_of(tmp_path).dataset("train")
    with pytest.raises(UserError, match="Annotations has no xml file"):
        data_of(tmp_path, "flickr_soundnet").dataset("test")
