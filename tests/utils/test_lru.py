import pytest

from avseg.utils.lru import LRUCache


def test_the_least_recently_used_entry_is_forgotten():
    cache = LRUCache(2)
    cache["a"] = 1
    cache["b"] = 2
    assert cache["a"] == 1
    cache["c"] = 3
    assert "b" not in cache
    assert cache.get("b") is None
    assert cache.get("a") == 1
    assert len(cache) == 2
    with pytest.raises(KeyError):
        cache["b"]


def test_entries_are_counted_by_their_size():
    cache = LRUCache(10, size=len)
    cache["a"] = b"x" * 6
    cache["b"] = b"x" * 4
    assert len(cache) == 2
    cache["a"] = b"x" * 3  # replaced, so 7 in all
    cache["c"] = b"x" * 3
    assert len(cache) == 3
    cache["d"] = b"x" * 20  # too large, but the newest entry always stays
    assert "d" in cache
    assert len(cache) == 1
    cache["e"] = b"x"
    assert "d" not in cache


def test_values_are_computed_once():
    calls = []
    cache = LRUCache(1)
    for key in ("a", "a", "b", "a"):
        assert cache.get_or_compute(key, lambda key=key: calls.append(key) or key.upper()) == key.upper()
    assert calls == ["a", "b", "a"]
    cache.clear()
    assert len(cache) == 0
