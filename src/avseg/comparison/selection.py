"""Choose the clips that panels and videos show: by id, by disagreement, by gain, or at random."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from avseg.comparison.table import ComparisonTable
from avseg.utils.errors import UserError, nearest

RULES = ("disagreement", "gain", "random")
_DEFAULT = 4  # clips of a rule without a number


def disagreement(masks: np.ndarray) -> float:
    """Compute how much methods disagree on a clip: 1 - IoU of two methods' masks, mean over all pairs and frames.

    Masks are (M, T, H, W) bool; two empty masks agree.

    Example:
        >>> disagreement(np.array([[[[True, True]]], [[[True, False]]]]))
        0.5
    """
    distances = [0.0]
    for first, second in combinations(masks, 2):
        common = (first & second).sum((1, 2))  # (T,)
        union = (first | second).sum((1, 2))
        distances.append(float(np.where(union > 0, 1 - common / np.maximum(union, 1), 0.0).mean()))
    return sum(distances) / max(len(distances) - 1, 1)


def split_rule(word: str) -> tuple[str, int] | None:
    """Split "gain:3" into rule and number of clips; None for a clip's id. A number below 1 is a `UserError`."""
    rule, _, count = word.partition(":")
    if rule not in RULES:
        return None
    if count and not (count.isdecimal() and int(count) > 0):
        raise UserError(f"--show {word}: '{count}' is not a number of clips; write {rule}:{_DEFAULT}")
    return rule, int(count or _DEFAULT)


def choose_clips(
    show: Sequence[str], table: ComparisonTable, disagreements: Sequence[float], seed: int
) -> list[tuple[int, str]]:
    """Return the positions of the clips, each once, with the rule that chose them.

    "gain" is J of the last method minus J of the first, the largest first.

    Raises:
        UserError: no clip has the id; a gain of a single method.
    """
    positions = {entry.name: index for index, entry in enumerate(table.entries)}
    chosen: dict[int, str] = {}
    for word in show:
        rule = split_rule(word)
        if rule is None:
            if word not in positions:
                raise UserError(
                    f"--show {word}: no clip of the split has this id{nearest(word, positions)}; "
                    f"give an id, or {', '.join(f'{name}:N' for name in RULES)}"
                )
            chosen.setdefault(positions[word], "")
            continue
        name, count = rule
        candidates = [item for item in _ranked(name, table, disagreements, seed) if item[0] not in chosen]
        chosen |= dict(candidates[:count])
    return list(chosen.items())


def _ranked(rule: str, table: ComparisonTable, disagreements: Sequence[float], seed: int) -> list[tuple[int, str]]:
    indices = sorted(table.methods[0].clips)
    if rule == "random":
        order = np.random.default_rng(seed).permutation(len(indices))
        return [(indices[number], f"random, seed {seed}") for number in order]
    if rule == "disagreement":
        ranked = sorted(indices, key=lambda index: (-disagreements[index], index))
        return [(index, f"disagreement {100 * disagreements[index]:.0f} %") for index in ranked]
    first, last = table.methods[0], table.methods[-1]
    if first is last:
        raise UserError("--show gain: needs two methods; it is J of the last minus J of the first")
    gains = {index: 100 * (last.clips[index]["miou"] - first.clips[index]["miou"]) for index in indices}
    ranked = sorted(indices, key=lambda index: (-gains[index], index))
    return [(index, f"{last.name} {gains[index]:+.1f} over {first.name}") for index in ranked]
