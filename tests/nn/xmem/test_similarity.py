import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.nn.xmem import similarity as module
from avseg.nn.xmem.similarity import similarity, top_k_affinity
from tests.nn.xmem.reference import reference_read


def memory(elements: int, queries: int, channels: int = 6, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "key": torch.randn(elements, channels, generator=generator),
        "shrinkage": 1 + torch.rand(elements, generator=generator),
        "query": torch.randn(queries, channels, generator=generator),
        "selection": torch.rand(queries, channels, generator=generator),
    }


@settings(max_examples=20, deadline=None)
@given(elements=st.integers(1, 9), queries=st.integers(1, 7), channels=st.integers(1, 8), seed=st.integers(0, 99))
def test_similarity_is_the_weighted_square_of_the_difference(elements, queries, channels, seed) -> None:
    m = memory(elements, queries, channels, seed)
    difference = m["key"][None] - m["query"][:, None]
    expected = -(m["selection"][:, None] * difference**2).sum(2) * m["shrinkage"] / channels**0.5
    torch.testing.assert_close(similarity(**m), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(elements=st.integers(1, 40), k=st.integers(1, 45), seed=st.integers(0, 99))
def test_reading_equals_the_reference(elements: int, k: int, seed: int) -> None:
    m, values = memory(elements, 5, seed=seed), torch.randn(elements, 7)
    expected = reference_read(
        list(m["key"]), list(m["shrinkage"]), list(values), m["query"].T[None], m["selection"].T[None], k
    )
    affinity = top_k_affinity(**m, k=k)
    assert affinity.position.shape == affinity.weight.shape == (5, min(k, elements))
    torch.testing.assert_close(affinity.read(values).T.double(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(affinity.weight.sum(1), torch.ones(5))
    assert (affinity.weight.diff(dim=1) <= 0).all()


def test_queries_in_chunks_equal_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    m, values = memory(50, 23), torch.randn(50, 3)
    at_once = top_k_affinity(**m, k=8)
    monkeypatch.setattr(module, "QUERIES_AT_ONCE", 5)
    in_chunks = top_k_affinity(**m, k=8)
    assert torch.equal(in_chunks.position, at_once.position)
    torch.testing.assert_close(in_chunks.read(values), at_once.read(values))


def test_far_queries_still_read() -> None:
    """Without the shift of the softmax all weights would underflow to 0 / 0."""
    m = memory(40, 3)
    m["query"] += 1000
    assert torch.isfinite(top_k_affinity(**m, k=30).weight).all()
