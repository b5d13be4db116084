"""Annotation without a page: the operations as steps of a yaml file, for one video after the other.

    - video: dog.mp4                     # or a pattern, "*.mp4": the steps below for each
    - add_object: {label: dog}
    - propose: {object: 1}
    - click: {object: 1, frame: 30, points: [[120, 80, 1]]}
    - propagate: {segment: 1}
    - accept: {segment: 1}
    - export: {format: lu_avs, out: "exports/{video}"}

A plan that runs again does nothing twice: of each video it is written down which steps are done (`plan.json`), each by
the hash of itself and all before it, so that a plan that was interrupted or got further steps goes on where it was. A
video with the status "done" is passed over. Steps that ran and were changed afterwards are refused.
"""

import fnmatch
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from avseg.annotate.document.operations import FIELDS
from avseg.annotate.plan.verbs import VERBS, check_keys, do_step
from avseg.annotate.project import Project
from avseg.annotate.session import Session
from avseg.utils.errors import UserError, nearest
from avseg.utils.files import atomic_file

_DO = tuple(verb for verb in dict.fromkeys((*FIELDS, *VERBS)) if verb not in ("undo", "redo"))


@dataclass(frozen=True)
class Step:
    """One step: its verb and values, and where in the file it stands."""

    verb: str
    values: Any
    where: str


@dataclass(frozen=True)
class Block:
    """The steps for the videos that fit a pattern."""

    pattern: str
    where: str
    steps: list[Step]


def read_plan(path: Path) -> list[Block]:
    """Reads a plan; every typo in it is told before anything is done.

    Raises:
        UserError: no such file, no yaml, no list of steps, an unknown step or key.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: is not yaml ({getattr(error, 'problem', None) or error})") from None
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise UserError(f"{path}: must be a list of steps, the first of them `- video: NAME`")
    return _blocks(path, [_step(path, number, each) for number, each in enumerate(node.value, 1)])


def run_plan(
    path: Path,
    project: Project,
    make_session: Callable[[str], Session],
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Does what a plan says and was not done before.

    Args:
        path: the yaml file.
        project: the folder of videos.
        make_session: gives a video's session by its name.
        say: told what is done, in one line each.

    Returns:
        How many steps were done.

    Raises:
        UserError: tells the step, its line and what is wrong; steps before it stay done.
    """
    blocks = read_plan(path)
    jobs = [(name, block) for block in blocks for name in _videos(project, block)]
    return sum(_run_block(name, block, project, make_session, say) for name, block in jobs)


def _step(path: Path, number: int, node: yaml.Node) -> Step:
    where = f"{path}, line {node.start_mark.line + 1}, step {number}"
    try:
        said = yaml.SafeLoader.construct_document(_loader(), node)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: {getattr(error, 'problem', None) or 'is not plain yaml'}") from None
    if not isinstance(said, dict) or len(said) != 1:
        raise UserError(f"{where}: must be one word and its values, like `- click: {{object: 1, ...}}`")
    (verb, values), = said.items()  # fmt: skip
    if verb not in (*_DO, "video"):
        known = ", ".join(("video", *_DO))
        raise UserError(f"{where}: unknown step '{verb}'; use one of {known}{nearest(str(verb), ('video', *_DO))}")
    step = Step(verb, values, f"{where} ({verb})")
    if verb == "video":
        if not isinstance(values, str) or not values:
            raise UserError(f"{step.where}: give the name of a video, or a pattern like '*.mp4'")
    else:
        _located(step, lambda: check_keys(verb, values))
    return step


def _loader() -> yaml.SafeLoader:
    return yaml.SafeLoader("")


def _blocks(path: Path, steps: list[Step]) -> list[Block]:
    blocks: list[Block] = []
    for step in steps:
        if step.verb == "video":
            blocks.append(Block(step.values, step.where, []))
        elif not blocks:
            raise UserError(f"{step.where}: stands before the first `- video: NAME`; say which video it is for")
        else:
            blocks[-1].steps.append(step)
    return blocks


def _videos(project: Project, block: Block) -> list[str]:
    names = project.names()
    found = [block.pattern] if block.pattern in names else fnmatch.filter(names, block.pattern)
    if not found:
        raise UserError(f"{block.where}: no video '{block.pattern}' in {project.folder}{nearest(block.pattern, names)}")
    return found


def _run_block(
    name: str, block: Block, project: Project, make_session: Callable[[str], Session], say: Callable[[str], None]
) -> int:
    document = project.open(name)
    if document.status == "done":
        say(f"{name}: is done already")
        return 0
    book = project.home(name) / "plan.json"
    hashes, (before, started) = list(_chain(block.steps)), _read_book(book)
    place = _common(before, hashes)
    if place < len(before) and place < len(hashes):
        raise UserError(
            f"{block.steps[place].where}: {name} was annotated by another step here before; "
            f"restore it, or begin anew without {book.parent}"
        )
    if place == len(hashes):
        say(f"{name}: all {place} steps were done before")
        return 0
    session = make_session(name)
    try:
        for number in range(place, len(hashes)):
            step, mark = block.steps[number], hashes[number]
            _write_book(book, hashes[:number], mark)
            _located(step, lambda: _do_once(session, step, f"plan {mark}", mark == started, say))  # noqa: B023
        _write_book(book, hashes)
    finally:
        document.tag = None
        session.close()
    return len(hashes) - place


def _do_once(session: Session, step: Step, tag: str, again: bool, say: Callable[[str], None]) -> None:
    """Does a step; `again`: an earlier run began it, and nobody knows how far it came.

    What it did is found in the history by its tag. It is undone if nothing came after it, and left as it is otherwise.
    """
    document = session.document
    standing = [each for each in document.history if not each["undone"]]
    if again and step.verb != "propagate" and any(each["tag"] == tag for each in standing):
        if standing[-1]["tag"] != tag:
            return
        document.undo()
    document.tag = tag
    said = do_step(session, step.verb, step.values or {}, again)
    document.tag = None
    say(f"{document.video.name}: {step.verb}{f': {said}' if said else ''}")


def _located(step: Step, call: Callable[[], None]) -> None:
    try:
        call()
    except UserError as error:
        raise UserError(f"{step.where}: {error}") from None


def _chain(steps: list[Step]) -> Iterator[str]:
    """A hash for each step, of itself and all before it."""
    so_far = hashlib.sha256()
    for step in steps:
        so_far.update(json.dumps([step.verb, step.values], sort_keys=True, default=str).encode())
        yield so_far.hexdigest()[:16]


def _common(before: list[str], hashes: list[str]) -> int:
    pairs = zip(before, hashes, strict=False)
    return next((place for place, (old, new) in enumerate(pairs) if old != new), min(len(before), len(hashes)))


def _read_book(path: Path) -> tuple[list[str], str | None]:
    """The hashes of the steps that are done, and of the one that was begun."""
    try:
        said = json.loads(path.read_text())
        return [str(each) for each in said["done"]], said["begun"]
    except FileNotFoundError:
        return [], None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is damaged; remove it, and the plan runs from its first step") from None


def _write_book(path: Path, done: list[str], begun: str | None = None) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps({"done": done, "begun": begun}) + "\n")
