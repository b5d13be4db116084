"""What two processes add up to, against the loss of the whole batch."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from avseg.data.clip import Clip
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.distributed_loss import SharedBatch

# the clips of each process; the last one is a stand-in, which counts for nothing
PARTS = {"uneven": ([0, 1, 2], [3, 4]), "even": ([0, 2], [1, 3]), "stand-in": ([0], [4])}
# clips 0 and 1 carry one annotated frame, as S4's and some of AVSS, the others all
ANNOTATED = torch.tensor([[i == 0 or clip > 1 for i in range(3)] for clip in range(5)])


def batch(clips: list[int], classes: int, *, stands_in: bool = False) -> tuple[Clip, Tensor, list[Tensor]]:
    chance = torch.Generator().manual_seed(classes)
    draw = [torch.randn(5, 3, size, 4, 4, generator=chance) for size in (classes, 6, 6, 6, 6)]
    sound = torch.randn(5, 3, 6, generator=chance)
    masks = torch.randint(0, classes + (classes == 1), (5, 3, 4, 4), generator=chance)
    real = torch.full((len(clips), 3), not stands_in)
    names = [str(clip) for clip in clips]
    own = Clip(
        draw[1][clips], sound[clips], masks[clips], ANNOTATED[clips] & real, real, names, names, torch.tensor(clips)
    )
    return own, draw[0][clips], [entry[clips] for entry in draw[1:]]


def losses(clips: list[int], *, stands_in: bool = False) -> dict[str, float]:
    found = {}
    for classes in (1, 4):
        clip, logits, maps = batch(clips, classes, stands_in=stands_in)
        shared = SharedBatch(clip)
        found[f"mask {classes}"] = shared.mean_over_annotated(MaskLoss()(logits, clip.masks, clip.annotated))
        for form, share in (("kl", shared.sum_over_clips), ("euclidean", shared.mean_over_clips)):
            mapping = AudioVisualMappingLoss(form=form)(logits, maps, [clip.sound] * 4, clip.annotated)
            found[f"{form} {classes}"] = (shared.mean_over_annotated if classes > 1 else share)(mapping)
        found[f"clips {classes}"] = shared.clips
    return {name: float(value) for name, value in found.items()}


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        idle = {name: name == "stand-in" and rank == 1 for name in PARTS}
        torch.save({name: losses(part[rank], stands_in=idle[name]) for name, part in PARTS.items()}, folder / f"{rank}")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, float]]]:
    folder = tmp_path_factory.mktemp("two")
    mp.start_processes(_work, args=(folder,), nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", PARTS)
def test_the_average_of_the_processes_is_the_loss_of_the_batch(two, name):
    whole = losses(PARTS[name][0] + ([] if name == "stand-in" else PARTS[name][1]))
    for key, value in whole.items():
        assert (two[0][name][key] + two[1][name][key]) / 2 == pytest.approx(value, rel=1e-5), key


def test_alone_nothing_changes():
    clip, logits, _ = batch([0, 2, 4], 1)
    loss, shared = MaskLoss()(logits, clip.masks, clip.annotated), SharedBatch(clip)
    assert torch.equal(shared.mean_over_annotated(loss), loss)
    assert torch.equal(shared.mean_over_clips(loss), loss)
    assert torch.equal(shared.sum_over_clips(loss), loss)
