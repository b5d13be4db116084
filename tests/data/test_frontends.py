"""Another front end changes the sound of training, validation and test batches and of the controls."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from avseg.audio import FrontEnd
from avseg.audio.frontend import NoSound
from avseg.audio.log_mel import read_wav
from avseg.data.avsbench.config import AVSBenchConfig
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.controls import CONTROLS, NOISE_LEVEL, WithControls
from avseg.data.pack import PackedDataset, build_pack
from avseg.utils.errors import UserError
from tests.audio.frontends import MeanSpectrum, RawSeconds
from tests.data.fake import make_avss, make_ms3, make_s4
from tests.data.modules import avsbench_module


@pytest.mark.parametrize(("frontend", "shape"), [(RawSeconds(), (5, 800)), (MeanSpectrum(), (3, 33))])
def test_all_batches_hold_what_the_front_end_computes(
    tmp_path: Path, frontend: FrontEnd, shape: tuple[int, ...]
) -> None:
    layout = make_s4(tmp_path)
    module = avsbench_module(tmp_path, "s4", frontend, batch_size=2)
    for split in ("train", "val", "test"):
        entries = layout.entries(split)
        for clip in getattr(module, f"{split}_dataloader")():
            assert clip.sound.shape == (len(clip), *shape)
            for sound, index in zip(clip.sound, clip.index.tolist(), strict=True):
                items = frontend(*read_wav(layout.wav(entries[index])))
                assert torch.equal(sound, items if frontend.per_frame else items[0])
            assert tuple(clip.controls) == (CONTROLS if split == "test" else ())
            for control in clip.controls.values():
                assert control.shape == clip.sound.shape


def test_controls_go_through_the_front_end(tmp_path: Path) -> None:
    make_ms3(tmp_path)
    dataset = AVSBenchDataset(tmp_path, "ms3", "test", 32, frontend=RawSeconds())
    controls = WithControls(dataset)
    clip = controls[1]
    assert not clip.controls["silence"].any()
    assert clip.controls["noise"].std().item() == pytest.approx(NOISE_LEVEL, rel=0.1)
    other_index = controls.other_index(1)
    assert other_index is not None
    assert torch.equal(clip.controls["other"][0], dataset.sound(other_index))
    assert torch.equal(clip.controls["shuffled"][0], clip.sound[0][controls.shuffled_order(1)])


class WholeWaveform:
    """The samples of the whole clip as one item."""

    name = "whole_waveform"
    sample_rate = 16_000
    window = 5.0
    shape: tuple[int, ...] = (80_000,)
    dim = 1
    per_frame = False

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        return waveform.reshape(1, -1).float()


def test_with_one_item_per_clip_the_seconds_of_the_waveform_are_shuffled(tmp_path: Path) -> None:
    make_ms3(tmp_path)
    controls = WithControls(AVSBenchDataset(tmp_path, "ms3", "test", 32, frontend=WholeWaveform()))
    clip = controls[0]
    seconds = clip.sound[0].reshape(5, 16_000)
    assert torch.equal(clip.controls["shuffled"][0].reshape(5, 16_000), seconds[controls.shuffled_order(0)])


def test_a_model_without_sound_reads_no_sound(tmp_path: Path) -> None:
    layout = make_s4(tmp_path, {"test": 3})
    for entry in layout.entries("test"):
        layout.wav(entry).unlink()
    (clip,) = avsbench_module(tmp_path, "s4", NoSound()).test_dataloader()
    assert clip.sound.shape == (3, 5, 1)
    assert {sound.shape for sound in clip.controls.values()} == {(3, 5, 1)}
    assert isinstance(AVSBenchDataModule(AVSBenchConfig(setting="s4", root=str(tmp_path)), None).frontend, NoSound)


def test_padding_is_zero(tmp_path: Path) -> None:
    make_avss(tmp_path)
    dataset = AVSBenchDataset(tmp_path, "avss", "val", 32, frontend=RawSeconds())
    assert dataset[0].sound.shape == (1, 10, 800)
    assert dataset[0].sound[0, :5].any(1).all()
    assert not dataset[0].sound[0, 5:].any()


def test_released_log_mel_files_and_packs_serve_log_mel_alone(tmp_path: Path) -> None:
    layout = make_ms3(tmp_path)
    build_pack(AVSBenchDataset(tmp_path, "ms3", "val", 32), "fake")
    module = avsbench_module(tmp_path, frontend=RawSeconds())
    module.setup("validate")
    assert not isinstance(module.dataset("val"), PackedDataset)
    assert isinstance(avsbench_module(tmp_path).dataset("val"), PackedDataset)
    with pytest.raises(UserError, match="a pack holds log-mel patches, but the model reads raw_seconds") as caught:
        avsbench_module(tmp_path, frontend=RawSeconds(), packed=True).setup("validate")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"data.audio=log_mel: the released files hold .* the model reads raw_seconds"):
        avsbench_module(tmp_path, frontend=RawSeconds(), audio="log_mel").dataset("val")
    entry = layout.entries("val")[0]
    layout.log_mel(entry).parent.mkdir(parents=True)
    layout.wav(entry).rename(layout.log_mel(entry))
    with pytest.raises(UserError, match=r"wav is missing, and .* holds log_mel-vggish instead of raw_seconds"):
        module.dataset("val")[0]
