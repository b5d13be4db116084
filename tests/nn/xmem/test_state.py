from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from avseg.nn.xmem import Propagator, XMem, tiny_xmem
from avseg.utils.errors import UserError
from tests.nn.xmem.test_propagator import FRAMES, SHORT, follow


@pytest.fixture(scope="module")
def full_run() -> tuple[Propagator, list[Tensor]]:
    propagator = Propagator(tiny_xmem(), SHORT)
    return propagator, follow(propagator, last=30)


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 11, 25])
def test_a_resumed_video_has_equal_values(cut: int, full_run: tuple[Propagator, list[Tensor]], tmp_path: Path) -> None:
    interrupted = Propagator(tiny_xmem(), SHORT)
    follow(interrupted, last=cut)
    interrupted.save(tmp_path / "memory.safetensors")
    continued = Propagator(tiny_xmem(), SHORT)
    continued.load(tmp_path / "memory.safetensors")
    assert continued.objects == interrupted.objects
    assert all(torch.equal(a, b) for a, b in zip(follow(continued, first=cut, last=30), full_run[1][cut:], strict=True))
    for name, tensor in full_run[0].state().items():
        assert torch.equal(tensor, continued.state()[name])


def test_a_snapshot_is_not_changed_by_later_steps() -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    follow(propagator, last=12)
    snapshot = propagator.state()
    copies = {name: tensor.clone() for name, tensor in snapshot.items()}
    later = follow(propagator, first=12, last=24)
    assert all(torch.equal(copies[name], snapshot[name]) for name in copies)
    propagator.load_state(snapshot)
    assert all(torch.equal(a, b) for a, b in zip(follow(propagator, first=12, last=24), later, strict=True))


def test_the_file_is_safetensors_without_leftovers(tmp_path: Path) -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    follow(propagator, last=12)
    propagator.save(tmp_path / "folder" / "memory.safetensors")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["memory.safetensors"]
    assert load_file(tmp_path / "folder" / "memory.safetensors")["objects"].tolist() == [5, 2, 9]


def test_errors_leave_the_state_unchanged(tmp_path: Path) -> None:
    propagator = Propagator(tiny_xmem(), SHORT)
    follow(propagator, last=12)
    state = propagator.state()
    wide = XMem(8, 16, 4, width=4, key_blocks=(1, 1, 1), value_blocks=(1, 1, 1))
    broken, empty = tmp_path / "broken.safetensors", tmp_path / "empty.safetensors"
    broken.write_bytes(b"\0" * 40)
    save_file({"x": torch.zeros(1)}, empty)
    refused = [
        (lambda: Propagator(tiny_xmem(), replace(SHORT, top_k=9)).load_state(state), "settings top_k=10.*not top_k=9"),
        (lambda: Propagator(tiny_xmem(), SHORT, short_side=32).load_state(state), "short_side=0.*short_side=32"),
        (lambda: Propagator(wide, SHORT).load_state(state), r"\(8, 16, 8\) channels.*not \(8, 16, 4\)"),
        (lambda: propagator.load_state({k: v for k, v in state.items() if k != "group.1.key"}), "group.1.key.*missing"),
        (lambda: propagator.load(broken), "cannot be read"),
        (lambda: propagator.load(tmp_path / "none.safetensors"), "cannot be read"),
        (lambda: propagator.load(empty), "not a saved memory"),
    ]
    for call, message in refused:
        with pytest.raises(UserError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    untouched = Propagator(tiny_xmem(), SHORT)
    follow(untouched, last=12)
    assert torch.equal(propagator.step(FRAMES[12]), untouched.step(FRAMES[12]))


def test_deep_updates_of_their_own_interval_are_resumed() -> None:
    settings = replace(SHORT, deep_update_every=3)
    full = Propagator(tiny_xmem(), settings)
    expected = follow(full, last=14)
    interrupted, continued = Propagator(tiny_xmem(), settings), Propagator(tiny_xmem(), settings)
    follow(interrupted, last=8)
    continued.load_state(interrupted.state())
    assert all(torch.equal(a, b) for a, b in zip(follow(continued, first=8, last=14), expected[8:], strict=True))
    assert not torch.equal(expected[9], follow(Propagator(tiny_xmem(), SHORT), last=10)[9])
    with pytest.raises(UserError, match=r"short_side=0, deep_update_every=3, not top_k=.*short_side=0; use the same"):
        Propagator(tiny_xmem(), SHORT).load_state(full.state())
