"""Checks and files that every synthetic data set has in common."""

import json
from collections.abc import Mapping
from pathlib import Path

from avseg.utils.errors import UserError


def check_new_folder(out: Path) -> None:
    """Check that a folder does not exist yet or is empty; raises `UserError`."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"--out {out} exists and is not empty; name another folder or remove it")


def check_counts(counts: Mapping[str, int], unit: str) -> None:
    """Check the number of clips or videos (`unit`) of each split: 0 or more, and not all 0; raises `UserError`."""
    for split, count in counts.items():
        if count < 0:
            raise UserError(f"{split} is {count} {unit}; give 0 or more")
    if not any(counts.values()):
        raise UserError(f"0 {unit} to generate; give at least one of --train, --val, --test")


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write indented JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
