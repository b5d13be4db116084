"""Appearance groups: labels that sound different but look alike (our definition, for the aggregation "group")."""

from collections.abc import Sequence
from pathlib import Path

import yaml

# groups of the 88 labels of LU-AVS; each label that is not listed is a group by itself
APPEARANCE: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("groups.yaml").read_text())
GROUP_OF: dict[str, str] = {}
for _group, _labels in APPEARANCE.items():
    GROUP_OF |= dict.fromkeys(_labels, _group)


def group_names(labels: Sequence[str]) -> list[str]:
    """Return the appearance group of each label; the label itself where it is not in `APPEARANCE`."""
    return [GROUP_OF.get(label, label) for label in labels]


def appearance_groups(labels: Sequence[str]) -> list[int]:
    """Number the appearance group of each class, from 0 in the order in which groups first occur.

    Example:
        >>> appearance_groups(["dog barking", "helicopter", "dog howling"])
        [0, 1, 0]
    """
    names = group_names(labels)
    order = list(dict.fromkeys(names))
    return list(map(order.index, names))
