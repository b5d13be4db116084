"""Check a file of published weights before it is used: length, SHA-256, content, names and shapes of its tensors."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from avseg.utils.errors import UserError
from avseg.utils.hashing import file_digest
from avseg.utils.weights_file import read_state_dict
from avseg.weights.registry import PublishedFile, published

_PAGE_STARTS = (b"<!doctype html", b"<html", b"<?xml")


def check_download(record: PublishedFile, path: Path) -> str:
    """Check a downloaded file; returns its SHA-256. Nothing in it is executed.

    Raises:
        UserError: a web page in place of the file, another length or SHA-256, a damaged file, code in it, names or
            shapes that are not those of these weights.
    """
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith(_PAGE_STARTS):
        raise UserError(
            f"{record.name}: {record.link} sent a web page instead of the file (a limit of downloads, or no access); "
            f"open it in a browser and put the file at {record.path}"
        )
    size = path.stat().st_size
    if record.size is not None and size != record.size:
        raise UserError(
            f"{record.name}: {record.link} sent {size} bytes instead of {record.size}, so the file was not kept; "
            "try again, or report it if its authors replaced it"
        )
    digest = file_digest(path)
    if not digest.startswith(record.sha256.lower()):
        raise UserError(
            f"{record.name}: the SHA-256 of {record.link} is {digest[:16]}... instead of {record.sha256[:16]}..., so "
            "the file was not kept; try again, or report it if its authors replaced it"
        )
    check_content(record, path)
    return digest


def check_content(record: PublishedFile, path: Path) -> None:
    """Check that the tensors of a file have the names and shapes of these weights; raises `UserError`."""
    try:
        state_dict = read_state_dict(path)
    except UserError as error:
        # the path of a download is temporary
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise UserError(
            f"{record.name}: {record.link}: {reason}; get it again, or another copy, and put it at {record.path}"
        ) from error
    if differences := key_differences(record, state_dict):
        raise UserError(f"{record.name}: {record.link} is not {record.title}: {differences}; get the right file")


def key_differences(record: PublishedFile, state_dict: Mapping[str, Tensor]) -> str:
    """Describe how names and shapes differ from the record's key list; empty where they do not, or it has none.

    The prefix `module.` of a parallel model and absent counters of BatchNorm do not count.
    """
    if record.key_list is None:
        return ""
    expected = record.shapes()
    shapes = {name.removeprefix("module."): tuple(tensor.shape) for name, tensor in state_dict.items()}
    missing = [name for name in expected if name not in shapes and not name.endswith("num_batches_tracked")]
    unexpected: list[str] = []
    reshaped: list[str] = []
    for name, shape in shapes.items():
        if name not in expected:
            if not name.startswith(record.key_list.optional):
                unexpected.append(name)
        elif shape != expected[name]:
            reshaped.append(f"{name} {shape} instead of {expected[name]}")
    problems: list[str] = []
    for problem, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped)):
        if names:
            problems.append(f"{len(names)} {problem} ({', '.join(names[:2])}{', ...' if len(names) > 2 else ''})")
    return ", ".join(problems)


def identify(path: Path, state_dict: Mapping[str, Tensor]) -> PublishedFile | None:
    """Find the published model whose key list the tensors of a local file have; None if there is none.

    Several data sets share a key list: the record whose data set the file's name contains is preferred.
    """
    fitting: list[PublishedFile] = []
    for record in published().values():
        if record.overrides and record.key_list is not None and not key_differences(record, state_dict):
            fitting.append(record)
    fitting.sort(key=lambda record: record.setting not in path.name.lower())  # stable
    return fitting[0] if fitting else None
