import errno
import itertools
import json
import os
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.document.document import Document
from avseg.annotate.document.journal import Journal
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import BEGUN, FACTS, document, killed, operations, refusal, rle, state_of


def begun(folder: Path) -> Document:
    doc = document(folder)
    for op in BEGUN:
        doc.do(op)
    return doc


@given(st.lists(operations, max_size=15))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_journal_gives_the_same_again(tmp_path_factory, ops):
    folder = tmp_path_factory.mktemp("journal")
    doc = begun(folder)
    for op in [*ops, {"op": "spend", "segment": 1, "seconds": 0.1, "clicks": 1}]:
        refusal(lambda op=op: doc.do(op))
    doc.close()
    again = document(folder)
    assert again.snapshot() == doc.snapshot()
    assert state_of(again) == state_of(doc)
    assert again.history == doc.history
    while (message := refusal(doc.undo)) is None:
        assert refusal(again.undo) is None
        assert state_of(again) == state_of(doc)
    assert refusal(again.undo) == message


def test_what_failed_halfway_is_rolled_back_in_the_journal_too(tmp_path):
    doc = begun(tmp_path)
    before = state_of(doc)

    def half():
        with doc.transaction("import"):
            doc.do({"op": "add_object", "label": "cat"})
            doc.do({"op": "add_segment", "object": 9, "start": 0, "end": 2})

    assert "no object 9" in refusal(half)
    doc.close()
    assert state_of(document(tmp_path)) == before


def test_lines_are_json_and_refused_operations_leave_none(tmp_path):
    doc = begun(tmp_path)
    before = (tmp_path / "journal.jsonl").read_bytes()
    assert [json.loads(line).get("do", {}).get("op") for line in before.splitlines()][:2] == [None, "add_object"]
    refusal(lambda: doc.do({"op": "accept", "object": 1, "frames": [0]}))
    doc.do({"op": "set_status", "status": "open"})  # changes nothing
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_a_line_torn_at_any_byte_is_left_out_and_the_rest_is_there(tmp_path):
    doc = begun(tmp_path)
    before = state_of(doc)
    path = tmp_path / "journal.jsonl"
    size = path.stat().st_size
    doc.do({"op": "edit_object", "object": 1, "label": "wolf"})
    doc.close()
    whole = path.read_bytes()
    for end in range(size, len(whole)):
        path.write_bytes(whole[:end])
        again = document(tmp_path)
        assert state_of(again) == before
        assert ("torn" in again.note) == (end > size)
        again.do({"op": "edit_object", "object": 1, "label": "fox"})
        again.close()
        third = document(tmp_path)
        assert third.objects[1].label == "fox"
        assert third.note == ""
        third.close()
        (tmp_path / "journal.torn").unlink(missing_ok=True)


def test_a_torn_line_is_kept_beside(tmp_path):
    begun(tmp_path).close()
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"version":7,"do":{"op":"add_obj')
    document(tmp_path).do({"op": "set_status", "status": "done"})
    assert (tmp_path / "journal.torn").read_bytes() == b'{"version":7,"do":{"op":"add_obj'


@pytest.mark.parametrize("line", range(1, 6))
def test_a_damaged_line_in_the_middle_says_what_to_do(tmp_path, line):
    begun(tmp_path).close()
    path = tmp_path / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    spoiled = lines[line - 1].replace(b"1", b"2", 1)
    path.write_bytes(b"".join([*lines[: line - 1], spoiled, *lines[line:]]))
    message = refusal(lambda: document(tmp_path))
    assert f"line {line} is damaged" in message
    assert f"head -n {line - 1} journal.jsonl" in message
    path.write_bytes(b"".join(lines[: line - 1]))  # what it says
    document(tmp_path)


@pytest.mark.parametrize("line", range(len(BEGUN)))
def test_a_lost_line_break_is_told(tmp_path_factory, line):
    """Also that between the last two lines, which are then one that is torn."""
    wrong_byte(tmp_path_factory, lambda data: [k for k, byte in enumerate(data) if byte == ord("\n")][line], 80)


def test_a_line_break_too_many_is_told(tmp_path_factory):
    wrong_byte(tmp_path_factory, lambda data: data.rindex(b"check"), ord("c") ^ ord("\n"))


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_one_wrong_byte_anywhere_never_passes(tmp_path_factory, place, flip):
    wrong_byte(tmp_path_factory, lambda data: place % len(data), flip)


def wrong_byte(tmp_path_factory, where, flip):
    folder = tmp_path_factory.mktemp("journal")
    begun(folder).close()
    path = folder / "journal.jsonl"
    data = bytearray(path.read_bytes())
    last = data[:-1].rindex(b"\n") + 1
    place = where(data)
    data[place] ^= flip
    path.write_bytes(data)
    breaks = data[place] == ord("\n")  # the wrong byte makes two lines of one
    if place >= last - 1 and not breaks:  # taken for a torn line; without a break between them the last two are one
        again = document(folder)
        assert "torn" in again.note
        assert again.version == len(BEGUN) - (1 if place >= last else 2)
    else:
        assert "is damaged" in refusal(lambda: document(folder))


def test_many_threads_write_one_journal(tmp_path):
    doc = begun(tmp_path)

    def work(number):
        chance = random.Random(number)
        for _ in range(30):
            frame = chance.randrange(2, 22)
            ops = [
                {"op": "set_mask", "object": 1, "frame": frame, "mask": rle(number), "source": "brush"},
                {"op": "clear_mask", "object": 1, "frame": frame},
                {"op": "accept", "object": 1, "frames": [frame]},
                {"op": chance.choice(["undo", "redo"])},
            ]
            refusal(lambda ops=ops: doc.do(chance.choice(ops)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    doc.close()
    assert state_of(document(tmp_path)) == state_of(doc)


@pytest.mark.parametrize("how", ["removed", "swapped", "twice"])
def test_lines_that_were_moved_are_damage(tmp_path, how):
    begun(tmp_path).close()
    path = tmp_path / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    moved = {"removed": [*lines[:3], *lines[4:]], "swapped": [*lines[:3], lines[4], lines[3], *lines[5:]]}
    path.write_bytes(b"".join(moved.get(how, [*lines[:3], lines[2], *lines[3:]])))
    assert "line 4 is damaged" in refusal(lambda: document(tmp_path))


def test_another_video_is_refused(tmp_path):
    begun(tmp_path).close()
    from dataclasses import replace

    message = refusal(lambda: document(tmp_path, replace(FACTS, frames=25)))
    assert "frames 24" in message
    assert "25" in message
    document(tmp_path, replace(FACTS, name="renamed.mp4"))


def test_a_newer_format_is_refused(tmp_path):
    Journal(tmp_path / "journal.jsonl").append({"journal": 99, "video": {}})
    assert "update avseg" in refusal(lambda: document(tmp_path))


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_a_full_disk_changes_nothing(tmp_path, monkeypatch, fails):
    doc = begun(tmp_path)
    before, size = state_of(doc), (tmp_path / "journal.jsonl").stat().st_size

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if fails == "fsync":
            patch.setattr(os, "fsync", full)
        else:

            class Full(type(doc._journal._file)):
                def write(self, data):
                    return super().write(data[:20])  # as much as there is room for

            patch.setattr(doc._journal, "_file", Full(tmp_path / "journal.jsonl", "ab"))
        with pytest.raises(UserError, match=r"No space left on device.*nothing was changed"):
            doc.do({"op": "set_status", "status": "done"})
    assert state_of(doc) == before
    assert (tmp_path / "journal.jsonl").stat().st_size == size
    doc._journal.close()
    doc.do({"op": "set_status", "status": "done"})
    assert document(tmp_path).status == "done"


def write_forever(folder: Path) -> None:
    doc = document(folder)
    for op in BEGUN if not doc.version else ():
        doc.do(op)
    print(doc.version, flush=True)
    for number in itertools.count(1):
        mask = {"op": "set_mask", "object": 1, "mask": rle(number), "source": "brush"}
        if number % 7 == 0:
            doc.undo()
        elif number % 5 == 0:
            with doc.transaction():
                for frame in range(2, 22):
                    doc.do({**mask, "frame": frame, "mask": rle(number + frame), "source": "import"})
        else:
            doc.do({**mask, "frame": 2 + number % 20})
        print(doc.version, flush=True)


def test_kill_9_at_random_moments_loses_nothing_that_was_accepted(tmp_path):
    chance = random.Random(0)
    for _ in range(4):
        message = killed(write_forever, tmp_path, chance.randint(1, 60))
        again = document(tmp_path)
        assert again.version >= message
        again.do({"op": "edit_object", "object": 1, "label": f"dog {again.version}"})
        replayed = document(tmp_path)
        assert replayed.note == ""
        assert state_of(replayed) == state_of(again)
        again.close()
        replayed.close()
