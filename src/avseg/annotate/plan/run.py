"""Annotation without the web page: a yaml file of steps, run for one video after the other.

    - video: dog.mp4                     # or a pattern, "*.mp4": the steps below run for each match
    - add_object: {label: dog}
    - propose: {object: 1}
    - click: {object: 1, frame: 30, points: [[120, 80, 1]]}
    - propagate: {segment: 1}
    - accept: {segment: 1}
    - export: {format: lu_avs, out: "exports/{video}"}

A plan that runs again repeats nothing: `plan.json` next to the journal lists the finished steps, each by the hash of
itself and all steps before it, so an interrupted or extended plan continues where it stopped. Videos with the status
"done" are skipped. A plan in which a finished step was changed is refused.
"""

import fnmatch
import hashlib
import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from avseg.annotate.document.operations import OPERATIONS
from avseg.annotate.plan.verbs import VERBS, check_keys, run_step
from avseg.annotate.project import Project
from avseg.annotate.session import Session
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file

_ALLOWED = tuple(verb for verb in dict.fromkeys(("video", *OPERATIONS, *VERBS)) if verb not in ("undo", "redo"))


@dataclass(frozen=True)
class Step:
    """A step: its verb, its values, and its location in the file for messages."""

    verb: str
    values: Any
    where: str


@dataclass(frozen=True)
class Block:
    """The steps for all videos that match a pattern."""

    pattern: str
    where: str
    steps: list[Step]


@dataclass(frozen=True)
class _Progress:
    """Content of `plan.json`: hashes of the finished steps, and of the one that was begun."""

    done: list[str]
    begun: str | None


def read_plan(path: Path) -> list[Block]:
    """Read a plan and check all verbs and keys before anything runs.

    Raises:
        UserError: no such file, invalid yaml, not a list of steps, an unknown step or key.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: invalid yaml ({getattr(error, 'problem', None) or error})") from None
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise UserError(f"{path}: must be a list of steps that starts with `- video: NAME`")
    blocks: list[Block] = []
    # all steps are parsed before blocks are built: a typo is reported before a missing video
    for step in [_parse_step(path, number, item) for number, item in enumerate(node.value, 1)]:
        if step.verb == "video":
            blocks.append(Block(step.values, step.where, []))
        elif not blocks:
            raise UserError(f"{step.where}: is before the first `- video: NAME`; say which video it is for")
        else:
            blocks[-1].steps.append(step)
    return blocks


def run_plan(
    path: Path,
    project: Project,
    make_session: Callable[[str], Session],  # by the name of the video
    report: Callable[[str], None] = lambda _: None,  # called with one line per step
) -> int:
    """Run the steps of a plan that have not been run yet, and return their number.

    Raises:
        UserError: names the step, its line and what is wrong; earlier steps stay done.
    """
    jobs = []
    for block in read_plan(path):
        for name in _matching_videos(project, block):
            jobs.append((name, block))
    count = 0
    for name, block in jobs:
        count += _run_block(name, block, project, make_session, report)
    return count


def _parse_step(path: Path, number: int, node: yaml.Node) -> Step:
    where = f"{path}, line {node.start_mark.line + 1}, step {number}"
    try:
        content = yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: {getattr(error, 'problem', None) or 'invalid yaml'}") from None
    if not isinstance(content, dict) or len(content) != 1:
        raise UserError(f"{where}: must be one verb and its values, like `- click: {{object: 1, ...}}`")
    verb, values = next(iter(content.items()))
    if verb not in _ALLOWED:
        raise UserError(
            f"{where}: unknown step '{verb}'; use one of {', '.join(_ALLOWED)}{nearest(str(verb), _ALLOWED)}"
        )
    step = Step(verb, values, f"{where} ({verb})")
    if verb != "video":
        _with_location(step, lambda: check_keys(verb, values))
    elif not isinstance(values, str) or not values:
        raise UserError(f"{step.where}: give the name of a video, or a pattern like '*.mp4'")
    return step


def _matching_videos(project: Project, block: Block) -> list[str]:
    names = project.names()
    matches = [block.pattern] if block.pattern in names else fnmatch.filter(names, block.pattern)
    if not matches:
        raise UserError(f"{block.where}: no video '{block.pattern}' in {project.folder}{nearest(block.pattern, names)}")
    return matches


def _run_block(
    name: str, block: Block, project: Project, make_session: Callable[[str], Session], report: Callable[[str], None]
) -> int:
    document = project.open(name)
    if document.status == "done":  # by a person, or by an earlier run
        report(f"{name}: is done already")
        return 0
    progress_file = project.home(name) / "plan.json"
    progress = _read_progress(progress_file)
    hashes = list(_chained_hashes(block.steps))
    # finished steps are a prefix of the plan, unless it was changed: then all hashes from there on differ
    first: int = sum(map(operator.eq, progress.done, hashes))
    if first < len(progress.done) and first < len(hashes):
        raise UserError(
            f"{block.steps[first].where}: {name} was annotated by another step here before; "
            f"restore it, or start over without {progress_file.parent}"
        )
    if first == len(hashes):
        report(f"{name}: all {first} steps were done before")
        return 0
    session = make_session(name)
    try:
        for index in range(first, len(hashes)):
            step = block.steps[index]
            # written before the step runs: a killed process leaves a trace of it
            _write_progress(progress_file, _Progress(hashes[:index], hashes[index]))
            _with_location(step, lambda: _run_once(session, step, hashes[index], progress, report))  # noqa: B023
        _write_progress(progress_file, _Progress(hashes, None))
    finally:
        document.tag = None
        session.close()
    return len(hashes) - first


def _run_once(session: Session, step: Step, step_hash: str, progress: _Progress, report: Callable[[str], None]) -> None:
    """Run a step that an interrupted run may have begun, and completed to an unknown extent.

    Its changes are found in the history by their tag: they are undone if nothing came after them, and kept otherwise.
    """
    document = session.document
    tag = f"plan {step_hash}"
    begun = step_hash == progress.begun
    in_effect = [entry for entry in document.history if not entry.undone]
    if begun and step.verb != "propagate" and any(entry.tag == tag for entry in in_effect):
        if in_effect[-1].tag != tag:
            return  # somebody has built on it
        document.undo()  # the step may be incomplete
    document.tag = tag
    summary = run_step(session, step.verb, step.values or {}, begun)
    document.tag = None
    report(f"{document.video.name}: {step.verb}{f': {summary}' if summary else ''}")


def _with_location(step: Step, function: Callable[[], None]) -> None:
    try:
        function()
    except UserError as error:
        raise UserError(f"{step.where}: {error}") from None


def _chained_hashes(steps: list[Step]) -> Iterator[str]:
    """Yield a hash for each step, of itself and all steps before it."""
    digest = hashlib.sha256()
    for step in steps:
        # `default`: yaml has dates
        digest.update(json.dumps([step.verb, step.values], sort_keys=True, default=str).encode())
        yield digest.hexdigest()[:16]


def _read_progress(path: Path) -> _Progress:
    try:
        content = json.loads(path.read_text())
        return _Progress(list(map(str, content["done"])), content["begun"])
    except FileNotFoundError:
        return _Progress([], None)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is damaged; remove it, and the plan runs from its first step") from None


def _write_progress(path: Path, progress: _Progress) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps({"done": progress.done, "begun": progress.begun}) + "\n")
