"""Batch norms of two processes against one: values, gradients, running statistics, and the way back."""

import copy
from pathlib import Path

import pytest
import timm
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from timm.layers import BatchNormAct2d, SyncBatchNormAct
from torch import Tensor, nn

from avseg.training.sync_batch_norm import SharedBatchNorm, SyncNorm

# how many of a batch's five clips each process has
SHARES = ((0, 2), (2, 5))
# how far two processes may be from one
DTYPES = {torch.float64: 1e-10, torch.float32: 1e-5}


def models() -> dict[str, nn.Module]:
    torch.manual_seed(3)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(2), nn.BatchNorm1d(4, momentum=None))
    volume = nn.Sequential(nn.Unflatten(1, (3, 1)), nn.BatchNorm3d(3, affine=False, eps=1e-3))
    bare = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    tiny = timm.create_model("test_efficientnet", features_only=True)
    residual = timm.create_model("resnet10t", features_only=True, out_indices=(1, 2))
    return {"plain": plain, "volume": volume, "bare": bare, "timm, act in norm": tiny, "timm, act apart": residual}


def pictures() -> Tensor:
    # far from zero: the difference of squares would lose digits
    return torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(1)) + 30


def passed(model: nn.Module, x: Tensor, steps: int = 2) -> dict[str, Tensor]:
    """Two steps in training mode: outputs, gradients, state, then the output in evaluation mode."""
    model.train()
    x = x.clone().requires_grad_()
    for _ in range(steps):
        y = model(x)
        maps = y if isinstance(y, list) else [y]
        sum((entry.sin() * entry).sum() for entry in maps).backward()
    found = {f"map {i}": entry.detach() for i, entry in enumerate(maps)} | {"gradient x": x.grad}
    found |= {f"gradient {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    found |= {f"state {name}": value.clone() for name, value in model.state_dict().items()}
    y = model.eval()(x)
    return found | {f"eval {i}": entry.detach() for i, entry in enumerate(y if isinstance(y, list) else [y])}


def _work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        own = pictures()[slice(*SHARES[rank])]
        for dtype in DTYPES:
            synced = {name: SyncNorm().apply(model.to(dtype)) for name, model in models().items()}
            torch.save(
                {name: passed(model, own.to(dtype)) for name, model in synced.items()}, folder / f"{rank}-{dtype}"
            )
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    mp.start_processes(_work, args=(folder,), nprocs=2, start_method="fork")
    return folder


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", models())
def test_two_processes_equal_one(two, name, dtype):
    expected = passed(models()[name].to(dtype), pictures().to(dtype))
    first, second = (torch.load(two / f"{rank}-{dtype}", weights_only=True)[name] for rank in range(2))
    assert first.keys() == expected.keys()  # the names of the state too
    if name == "bare":  # without running statistics each evaluation uses its own, as torch's does
        expected.pop("eval 0")
    steepest = max(float(value.abs().max()) for key, value in expected.items() if "gradient" in key)
    for key, value in expected.items():
        if "gradient" in key:
            # behind a norm they are small differences of large sums: in float32 one process is as far from the truth
            both = first[key] + second[key] if key != "gradient x" else torch.cat([first[key], second[key]])
            if dtype == torch.float32:
                continue
        elif key.startswith("state"):
            torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)
            both = first[key]
        else:
            both = torch.cat([first[key], second[key]])
        # a bias before a norm has no gradient but noise; so has the mean of a norm behind a norm
        scale = steepest if "gradient" in key else max(1.0, float(value.abs().max()))
        far = DTYPES[dtype]
        torch.testing.assert_close(both, value, rtol=far, atol=far * scale, msg=lambda text, key=key: f"{key}: {text}")


@pytest.fixture(params=["gloo", "nccl"])
def backend(request, monkeypatch) -> str:
    monkeypatch.setattr(dist, "get_backend", lambda: request.param)
    return request.param


def test_there_and_back(backend):
    model = models()["timm, act in norm"]
    before, kinds = copy.deepcopy(model.state_dict()), [type(module) for module in model.modules()]
    sync = SyncNorm()
    assert sync.apply(model) is model
    kind = SharedBatchNorm if backend == "gloo" else SyncBatchNormAct
    assert sum(isinstance(module, kind) for module in model.modules()) > 10
    assert not any(isinstance(module, BatchNormAct2d) for module in model.modules())
    assert model.state_dict().keys() == before.keys()
    sync.revert(model)
    assert [type(module) for module in model.modules()] == kinds


def test_in_evaluation_it_is_the_norm_it_was(backend):
    """Also its activation, which torch's own conversion of timm's norms loses."""
    one = models()["timm, act in norm"].eval()
    other = SyncNorm().apply(copy.deepcopy(one))
    lost = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(one))
    expected = one(pictures())
    for value, aim in zip(other(pictures()), expected, strict=True):
        torch.testing.assert_close(value, aim, rtol=0, atol=0)
    assert not torch.allclose(lost(pictures())[-1], expected[-1])
