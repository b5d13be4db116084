"""The sum of the losses of two processes against the loss of the whole batch."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from avseg.data.clip import Clip
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.distributed_loss import SharedBatch

# the clips of each process; the last one is a placeholder, which is not counted
PARTS = {"uneven": ([0, 1, 2], [3, 4]), "even": ([0, 2], [1, 3]), "placeholder": ([0], [4])}
# clips 0 and 1 carry one annotated frame, as S4's and some of AVSS, the others all
ANNOTATED = torch.tensor([[i == 0 or clip > 1 for i in range(3)] for clip in range(5)])


def batch(clips: list[int], classes: int, *, placeholder: bool = False) -> tuple[Clip, Tensor, list[Tensor]]:
    chance = torch.Generator().manual_seed(classes)
    draw = [torch.randn(5, 3, size, 4, 4, generator=chance) for size in (classes, 6, 6, 6, 6)]
    sound = torch.randn(5, 3, 6, generator=chance)
    masks = torch.randint(0, classes + (classes == 1), (5, 3, 4, 4), generator=chance)
    real = torch.full((len(clips), 3), not placeholder)
    names = [str(clip) for clip in clips]
    clip = Clip(
        draw[1][clips], sound[clips], masks[clips], ANNOTATED[clips] & real, real, names, names, torch.tensor(clips)
    )
    return clip, draw[0][clips], [entry[clips] for entry in draw[1:]]


def losses(clips: list[int], *, placeholder: bool = False) -> dict[str, float]:
    """Compute every loss term of this process's share, scaled as in training."""
    terms = {}
    for classes in (1, 4):
        clip, logits, maps = batch(clips, classes, placeholder=placeholder)
        shared = SharedBatch(clip)
        terms[f"mask {classes}"] = shared.scale(MaskLoss()(logits, clip.masks, clip.annotated), "annotated")
        for form, over in (("kl", "sum"), ("euclidean", "clips")):
            mapping = AudioVisualMappingLoss(form=form)(logits, maps, [clip.sound] * 4, clip.annotated)
            terms[f"{form} {classes}"] = shared.scale(mapping, "annotated" if classes > 1 else over)
        terms[f"clips {classes}"] = shared.clips
    return {name: float(value) for name, value in terms.items()}


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        idle = {name: name == "placeholder" and rank == 1 for name in PARTS}
        torch.save(
            {name: losses(part[rank], placeholder=idle[name]) for name, part in PARTS.items()}, folder / f"{rank}"
        )
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, float]]]:
    folder = tmp_path_factory.mktemp("two")
    mp.start_processes(_work, args=(folder,), nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", PARTS)
def test_the_average_of_the_processes_is_the_loss_of_the_batch(processes, name):
    expected = losses(PARTS[name][0] + ([] if name == "placeholder" else PARTS[name][1]))
    for key, value in expected.items():
        assert (processes[0][name][key] + processes[1][name][key]) / 2 == pytest.approx(value, rel=1e-5), key


def test_a_single_process_is_not_scaled():
    clip, logits, _ = batch([0, 2, 4], 1)
    loss, shared = MaskLoss()(logits, clip.masks, clip.annotated), SharedBatch(clip)
    for over in ("annotated", "clips", "sum"):
        assert torch.equal(shared.scale(loss, over), loss)
