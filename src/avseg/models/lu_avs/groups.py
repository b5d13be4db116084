"""Appearance groups: labels that differ in sound but hardly in looks (our definition, for the aggregation "group")."""

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
"""Of the 88 labels of LU-AVS; each label that is not listed looks like nothing else, and is a group of its own."""

GROUP_OF = {label: group for group, labels in APPEARANCE.items() for label in labels}


def group_names(labels: Sequence[str]) -> list[str]:
    """The appearance group of each label; the label itself where it is not in `APPEARANCE`."""
    return [GROUP_OF.get(label, label) for label in labels]


def appearance_groups(labels: Sequence[str]) -> list[int]:
    """The appearance group of each class as a number, counted from 0 in the order in which groups first occur.

    Example:
        >>> appearance_groups(["dog barking", "helicopter", "dog howling"])
        [0, 1, 0]
    """
    names = group_names(labels)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [numbers[name] for name in names]
