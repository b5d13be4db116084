"""Working and long-term memory (XMem, section 3.3): prototype selection, potentiation, forgetting.

Every group of objects that entered the video together has its own `MemoryBank`, as if the video began with them: their
first frame is never forgotten, and only their reads decide what is consolidated and what is forgotten. Banks are
independent of each other, so groups of different age need not be matched, and each bank bounds its elements itself.

The official code keeps one memory for all objects and consolidates it once for all of them. With objects that enter
the video late, its probabilities after a consolidation therefore differ from these by up to about 1e-2; with objects of
one age, or before the first consolidation, they are equal.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from avseg.nn.xmem.elements import Elements, join
from avseg.nn.xmem.similarity import Affinity, similarity, top_k_affinity
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class MemorySettings:
    """Sizes of the memory; the defaults are those of the paper's evaluation.

    Raises:
        UserError: a number is out of its range.
    """

    top_k: int = 30  # memory elements that each query cell reads
    mem_every: int = 5  # interval in frames at which one enters the working memory (10 for long videos)
    min_mid_term_frames: int = 5  # T_min, frames that a consolidation keeps in the working memory, including the first
    max_mid_term_frames: int = 10  # T_max, frames in the working memory at which a consolidation starts
    num_prototypes: int = 128  # P, elements that a consolidation adds to the long-term memory
    max_long_term_elements: int = 10_000  # LT_max, elements of the long-term memory
    # interval in frames of the deep update, in which the value encoder refreshes the sensory memory of a frame that
    # enters the working memory; all other frames update it by the decoder. -1: with every such frame, as in the paper
    deep_update_every: int = -1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1 and (field.name, value) != ("deep_update_every", -1):
                raise UserError(f"{field.name}: {value} is not allowed; give 1 or more")
        _check_less("min_mid_term_frames", self.min_mid_term_frames, "max_mid_term_frames", self.max_mid_term_frames)
        _check_less("num_prototypes", self.num_prototypes, "max_long_term_elements", self.max_long_term_elements)


def _check_less(key: str, value: int, limit_key: str, limit: int) -> None:
    if value >= limit:
        raise UserError(f"{key}: {value} must be less than {limit_key} ({limit})")


class MemoryBank:
    """The memory of the objects of one group, from the elements of its first frame (h * w cells) or of a saved bank.

    Holds at most `max_long_term_elements` elements in the long-term and, between two frames, (`max_mid_term_frames` -
    1) * h * w in the working memory. `elements` are the `long` ones of the long-term memory, then the working memory,
    frame after frame.
    """

    def __init__(self, settings: MemorySettings, elements: Elements, cells: int, long: int = 0) -> None:
        self.settings = settings
        self.elements = elements
        self.cells = cells
        self.long = long

    def look_up(self, query: Tensor, selection: Tensor) -> Affinity:
        """Compare the cells of a frame, query and selection (Q, CK), with the memory, and count the use."""
        affinity = top_k_affinity(self.elements.key, self.elements.shrinkage, query, selection, self.settings.top_k)
        self.elements = self.elements.with_read(affinity.position, affinity.weight)
        return affinity

    def add(self, frame: Elements) -> None:
        """Add the elements of a frame to the working memory, and consolidate when that is full."""
        self.elements = join([self.elements, frame])
        # the working memory is full
        if len(self.elements) - self.long >= self.settings.max_mid_term_frames * self.cells:
            self._consolidate()

    def _consolidate(self) -> None:
        """Turn all working frames except the first and the newest into prototypes."""
        # elements: long-term memory | first frame | candidates | newest frames
        first_end = self.long + self.cells
        newest_start = len(self.elements) - (self.settings.min_mid_term_frames - 1) * self.cells
        first_frame = self.elements.pick(slice(self.long, first_end))
        candidates = self.elements.pick(slice(first_end, newest_start))
        newest_frames = self.elements.pick(slice(newest_start, len(self.elements)))
        prototypes = potentiate(candidates, self.settings.num_prototypes)
        long_term = self._most_used(self.settings.max_long_term_elements - len(prototypes))
        self.elements = join([long_term, prototypes, first_frame, newest_frames])
        self.long = len(long_term) + len(prototypes)

    def _most_used(self, count: int) -> Elements:
        """Return the `count` most used elements of the long-term memory, in their order; of equals the newer."""
        long_term = self.elements.pick(slice(0, self.long))
        surplus = self.long - count
        if surplus <= 0:
            return long_term
        # ascending and stable: of equal elements the older, which come first, are dropped
        by_use = long_term.usage().argsort(stable=True)
        return long_term.pick(by_use[surplus:].sort().values)


def potentiate(candidates: Elements, count: int) -> Elements:
    """Consolidate candidates into `count` prototypes (section 3.3.2).

    The most used candidates become prototypes; each takes its value, shrinkage and mask from all candidates, by a
    softmax over the similarity to its key. The key, frame and cell of a prototype stay.
    """
    most_used = candidates.usage().topk(min(count, len(candidates))).indices
    prototypes = candidates.pick(most_used)
    # (prototypes, candidates)
    affinity = similarity(candidates.key, candidates.shrinkage, prototypes.key, prototypes.selection).softmax(1)
    return replace(
        prototypes,
        value=affinity @ candidates.value,
        mask=affinity @ candidates.mask,
        shrinkage=affinity @ candidates.shrinkage,
        use=torch.zeros_like(prototypes.use),
        life=torch.zeros_like(prototypes.life),
    )
