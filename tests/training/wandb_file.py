"""Reads what an offline run of wandb holds; its file is a log of protobuf records in LevelDB's format."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK = 7, 32 * 1024
WHOLE, LAST = 1, 4  # of the four kinds of parts, those that end a record


@dataclass
class OfflineRun:
    """The content of a run's folder.

    Attributes:
        folder: the `offline-run-...` folder.
        run: id, name, group, tags, job type.
        exit_code: None if the run did not end.
        history: a row per step, nested keys joined by dots.
        summary: likewise, as it stood at the end.
        config: plain values.
        artifacts: for each artifact its files, by name.
    """

    folder: Path
    run: Any = None
    exit_code: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    artifacts: list[dict[str, Path]] = field(default_factory=list)

    @property
    def media(self) -> Path:
        return self.folder / "files"

    @property
    def epochs(self) -> list[int]:
        """The epochs of the history, in its order."""
        return [row["epoch"] for row in self.history if "epoch" in row]


def folders(run: Path) -> list[Path]:
    """The folders of wandb's offline runs in a run directory."""
    return sorted(path for path in run.glob("wandb/offline-run-*") if path.is_dir())


def read_offline_run(folder: Path) -> OfflineRun:
    (file,) = folder.glob("*.wandb")
    result = OfflineRun(folder)
    for record in _records(file.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            result.run = record.run
            result.config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        elif kind == "exit":
            result.exit_code = record.exit.exit_code
        elif kind == "config":
            result.config |= {item.key: json.loads(item.value_json) for item in record.config.update}
        elif kind == "history":
            result.history.append(_values(record.history.item))
        elif kind == "summary":
            result.summary |= _values(record.summary.update)
        elif kind == "artifact":
            result.artifacts.append({entry.path: Path(entry.local_path) for entry in record.artifact.manifest.contents})
    return result


def _values(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[Record]:
    assert data[:4] == b":W&B"
    place, body = HEADER, b""
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:  # too little for another part: zeros up to the next block
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        body += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (WHOLE, LAST):
            record = Record()
            record.ParseFromString(body)
            body = b""
            yield record
