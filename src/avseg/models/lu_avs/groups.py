"""Appearance groups: labels that sound different but look alike (our definition, for the aggregation "group")."""

from collections.abc import Sequence

APPEARANCE: dict[str, tuple[str, ...]] = {
    "person": (
        "man speaking",
        "woman speaking",
        "kid speaking",
        "male singing",
        "female singing",
        "child singing",
        "people eating",
        "people whispering",
        "people whistling",
        "people laughing",
        "people sobbing",
        "people burping",
        "people slapping",
        "people coughing",
        "people sneezing",
        "people nose blowing",
        "people slurping",
        "people shouting",
        "people cheering",
        "people battle cry",
        "beat boxing",
        "tap dancing",
    ),
    "baby": ("baby crying", "baby laughter", "baby babbling"),
    "dog": ("dog barking", "dog howling"),
    "guitar": ("playing acoustic guitar", "playing base guitar", "playing ukulele", "playing banjo"),
    "keyboard": ("playing electronic organ", "playing piano", "playing synthesizer"),
    "violin": ("playing violin", "playing cello"),
    "trumpet": ("playing trumpet", "playing cornet", "playing trombone"),
    "drum": ("playing drum kit", "playing snare drum"),
    "car": ("car passing by", "auto racing", "skidding", "vehicle honking", "engine knocking"),
    "emergency vehicle": ("fire truck siren", "police car siren", "ambulance siren"),
    "train": ("train wheels squealing", "train horning"),
}
"""Groups of the 88 labels of LU-AVS; each label that is not listed is a group by itself."""

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
