"""Working and long-term memory (XMem, section 3.3): prototype selection, potentiation, forgetting.

Every group of objects that entered the video together has a `MemoryBank` of its own, treated as if the video began with
them: their first frame is the one that is never forgotten, and their own reads decide what is consolidated and what is
forgotten. A bank is complete in itself, so nothing has to be matched between groups of different age, any number of
groups may be consolidated and pruned, and the bound on a bank's elements is a bound on the whole.
"""

from dataclasses import dataclass, fields, replace

from torch import Tensor

from avseg.nn.xmem.elements import Elements, join
from avseg.nn.xmem.similarity import Affinity, similarity, top_k_affinity
from avseg.utils.errors import UserError


@dataclass(frozen=True)
class MemorySettings:
    """How much is remembered; the defaults are those of the paper's evaluation.

    Attributes:
        top_k: memory elements that each query cell reads.
        mem_every: every so many frames one enters the working memory (10 for long videos).
        min_mid_term_frames: T_min, frames left in the working memory by a consolidation, the first among them.
        max_mid_term_frames: T_max, frames in the working memory that start a consolidation.
        num_prototypes: P, elements that a consolidation adds to the long-term memory.
        max_long_term_elements: LT_max, elements of the long-term memory.

    Raises:
        UserError: a number is out of its range.
    """

    top_k: int = 30
    mem_every: int = 5
    min_mid_term_frames: int = 5
    max_mid_term_frames: int = 10
    num_prototypes: int = 128
    max_long_term_elements: int = 10_000

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise UserError(f"{field.name}: {getattr(self, field.name)} is not allowed; give 1 or more")
        for small, large in (
            ("min_mid_term_frames", "max_mid_term_frames"),
            ("num_prototypes", "max_long_term_elements"),
        ):
            if getattr(self, small) >= getattr(self, large):
                raise UserError(f"{small}: {getattr(self, small)} must be less than {large} ({getattr(self, large)})")


class MemoryBank:
    """What is remembered of the objects of one group.

    Holds at most `max_long_term_elements` elements in the long-term and, between two frames,
    (`max_mid_term_frames` - 1) * h * w in the working memory.

    Attributes:
        elements: the long-term memory, then the working memory, frame after frame.
        long: elements in the long-term memory.

    Args:
        settings: how much is remembered.
        elements: of the group's first frame, or of a saved bank.
        cells: h * w, elements of one frame.
        long: how many of the elements are in the long-term memory.
    """

    def __init__(self, settings: MemorySettings, elements: Elements, cells: int, long: int = 0) -> None:
        self.settings, self.elements, self.cells, self.long = settings, elements, cells, long

    def look_up(self, query: Tensor, selection: Tensor) -> Affinity:
        """Compares the cells of a frame, query and selection (Q, CK), with the memory, and counts the use."""
        affinity = top_k_affinity(self.elements.key, self.elements.shrinkage, query, selection, self.settings.top_k)
        self.elements = self.elements.used(*affinity)
        return affinity

    def add(self, frame: Elements) -> None:
        """Puts the elements of a frame into the working memory, and consolidates when that is full."""
        self.elements = join([self.elements, frame])
        if len(self.elements) - self.long >= self.settings.max_mid_term_frames * self.cells:
            self._consolidate()

    def _consolidate(self) -> None:
        """Turns all working frames but the first and the newest into prototypes."""
        first = self.long + self.cells
        newest = len(self.elements) - (self.settings.min_mid_term_frames - 1) * self.cells
        prototypes = potentiate(self.elements.pick(slice(first, newest)), self.settings.num_prototypes)
        kept = self._worth_keeping(self.settings.max_long_term_elements - len(prototypes))
        self.elements = join(
            [
                kept,
                prototypes,
                self.elements.pick(slice(self.long, first)),
                self.elements.pick(slice(newest, len(self.elements))),
            ]
        )
        self.long = len(kept) + len(prototypes)

    def _worth_keeping(self, count: int) -> Elements:
        """The `count` most used elements of the long-term memory, in their order; of equals the newer."""
        long_term = self.elements.pick(slice(0, self.long))
        surplus = self.long - count
        if surplus <= 0:
            return long_term
        by_use = long_term.usage().argsort(stable=True)
        return long_term.pick(by_use[surplus:].sort().values)


def potentiate(candidates: Elements, count: int) -> Elements:
    """Consolidates candidates into `count` prototypes (section 3.3.2).

    The most used candidates become prototypes; each takes its value, shrinkage and mask from all candidates, by a
    softmax over the similarity to its key. Keys, and the place that a prototype came from, stay.
    """
    chosen = candidates.usage().topk(min(count, len(candidates))).indices
    prototypes = candidates.pick(chosen)
    affinity = similarity(candidates.key, candidates.shrinkage, prototypes.key, prototypes.selection).softmax(1)
    return replace(
        prototypes,
        value=affinity @ candidates.value,
        mask=affinity @ candidates.mask,
        shrinkage=affinity @ candidates.shrinkage,
        use=prototypes.use.new_zeros(len(chosen)),
        life=prototypes.life.new_zeros(len(chosen)),
    )
