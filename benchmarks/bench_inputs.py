"""Time of the check that decides whether a complete run still fits its data: 50,000 files, as many as AVSBench has."""

import tempfile
import time
from pathlib import Path

from avseg.utils.file_table import FileTable

FILES = 50_000
PER_FOLDER = 20


def main() -> None:
    """Print the seconds of the record's first digest, and the median of five checks by name, size and time."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths: list[str] = []
        for number in range(FILES):
            path = root / str(number // PER_FOLDER) / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"%300d" % number)
            paths.append(str(path.relative_to(root)))
        start = time.perf_counter()
        table = FileTable.of(root, paths)
        print(f"record of {FILES} files: {time.perf_counter() - start:.2f} s")
        seconds: list[float] = []
        for _ in range(5):
            start = time.perf_counter()
            assert not table.changes(root).describe()
            seconds.append(time.perf_counter() - start)
        print(f"check: {sorted(seconds)[2]:.3f} s (median of 5)")


if __name__ == "__main__":
    main()
