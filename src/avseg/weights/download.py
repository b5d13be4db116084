"""Download a published file: gdown for Google Drive and plain addresses, huggingface_hub for the Hub."""

import contextlib
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from avseg.utils.console import new_console
from avseg.utils.errors import UserError
from avseg.weights.client_errors import is_local, reason
from avseg.weights.hub import hub_client
from avseg.weights.registry import PublishedFile

RETRIES = 3  # of a connection that is cut; each continues where the one before stopped
TIMEOUT = 30  # seconds without a byte
Report = Callable[[int, int | None], None]  # bytes so far, and of the whole file


def download(record: PublishedFile, target: Path) -> None:
    """Download to `target`, a file (of a repository: a folder). What an earlier call left next to it is continued.

    Raises:
        UserError: no network, no such file, no permission: one line with the link and where to put the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if record.kind == "hf":
            _from_hub(record, target)
        else:
            with _progress(record.name) as report, contextlib.redirect_stdout(io.StringIO()):
                _from_web(record, target, report)
    except UserError:
        raise
    except Exception as error:  # the clients raise dozens of types
        if is_local(error):
            raise
        begun = any(target.parent.glob("*.part"))
        raise UserError(
            f"{record.name}: could not be downloaded ({reason(error)}); "
            f"{'the same command continues it; or ' if begun else ''}open {record.link} in a browser and put "
            f"{'its files into' if record.hub_files else 'the file at'} {record.path}"
        ) from error


def _from_web(record: PublishedFile, target: Path, report: Report) -> None:
    import gdown

    download = partial(
        gdown.download,
        output=str(target),
        quiet=True,
        use_cookies=False,
        resume=True,
        retries=RETRIES,
        timeout=TIMEOUT,
        progress=report,
    )
    if record.kind == "drive_folder":
        download(id=_file_in_folder(record))
    elif record.kind == "drive":
        download(id=record.reference)
    else:
        download(url=record.source)


def _file_in_folder(record: PublishedFile) -> str:
    """Find the identifier of the one file of a Google Drive folder whose name matches the record's pattern."""
    import gdown

    files: Any = gdown.download_folder(
        id=record.reference, skip_download=True, quiet=True, use_cookies=False, timeout=TIMEOUT, retries=RETRIES
    )
    matching = [file for file in files if re.search(record.pattern, Path(file.path).name, re.IGNORECASE)]
    if len(matching) != 1:
        names = ", ".join(file.path for file in files) or "nothing"
        raise UserError(
            f"{record.name}: {record.link} holds {names}, and not one file that matches {record.pattern}; "
            f"download it in a browser and put the file at {record.path}"
        )
    return str(matching[0].id)


def _from_hub(record: PublishedFile, target: Path) -> None:
    with hub_client() as client:
        client.snapshot_download(record.reference, allow_patterns=list(record.hub_files), local_dir=target)
    # the client's own notes on the folder
    shutil.rmtree(target / ".cache", ignore_errors=True)


@contextmanager
def _progress(title: str) -> Iterator[Report]:
    """Yield a function that draws a progress bar; without a terminal nothing is drawn."""
    columns = (TextColumn(title), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=new_console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
