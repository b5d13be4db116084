import pytest

from avseg.utils.lazy_sequence import LazySequence


def test_items_are_computed_when_they_are_read_and_only_once():
    computed = []

    def items():
        for number in range(4):
            computed.append(number)
            yield 10 * number

    sequence = LazySequence(items())
    assert computed == []
    assert sequence[1] == 10
    assert computed == [0, 1]
    assert sequence[0] == 0
    assert [item for item, _ in zip(sequence, range(2), strict=False)] == [0, 10]
    assert len(sequence) == 4
    assert computed == [0, 1, 2, 3]
    assert (list(sequence), sequence[-1], sequence[1:3]) == ([0, 10, 20, 30], 30, (10, 20))
    first, *rest = sequence
    assert (first, rest) == (0, [10, 20, 30])
    assert computed == [0, 1, 2, 3]


def test_an_index_beyond_the_end_is_an_error():
    sequence = LazySequence(iter("ab"))
    for index in (2, -3):
        with pytest.raises(IndexError):
            _ = sequence[index]
    assert list(sequence) == ["a", "b"]


def test_what_cannot_be_computed_is_an_error_whenever_it_is_read():
    def items():
        yield 1
        raise MemoryError("too large")

    sequence = LazySequence(items())
    assert sequence[0] == 1
    for read in (lambda: sequence[1], lambda: len(sequence), lambda: list(sequence)):
        with pytest.raises(MemoryError, match="too large"):
            read()
    assert sequence[0] == 1
