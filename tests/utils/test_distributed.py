import pytest
import torch

from avseg.utils.distributed import all_gather_object, all_reduce_sum, get_rank, get_world_size, is_distributed


def gather(rank, folder):
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    assert is_distributed()
    assert (get_rank(), get_world_size()) == (rank, 2)
    assert all_gather_object({"rank": rank}) == [{"rank": 0}, {"rank": 1}]
    tensor = torch.tensor([1.0 + rank], requires_grad=True)
    assert all_reduce_sum(tensor).item() == 3
    assert tensor.item() == 1 + rank
    torch.distributed.destroy_process_group()


def test_a_single_process_is_its_own_group():
    assert not is_distributed()
    assert (get_rank(), get_world_size()) == (0, 1)
    assert all_gather_object("x") == ["x"]
    tensor = torch.ones(2, requires_grad=True)
    total = all_reduce_sum(tensor)
    assert total.tolist() == [1, 1]
    assert not total.requires_grad


@pytest.mark.slow
def test_two_processes_exchange_values(tmp_path):
    torch.multiprocessing.spawn(gather, (str(tmp_path),), nprocs=2)
