import hashlib
import os

import pytest

from avseg.utils.hashing import ends_digest, file_digest, file_stamp, json_digest


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_stamp_changes_with_size_and_time(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    os.utime(path, ns=(1, 2))
    assert file_stamp(path) == (3, 2)
    with pytest.raises(FileNotFoundError):
        file_stamp(tmp_path / "y")


def test_digests_of_files(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abcdef")
    assert file_digest(path) == sha256(b"abcdef")
    assert ends_digest(path, 2) == sha256(b"abef")
    assert ends_digest(path, 4) == sha256(b"abcdcdef")
    assert ends_digest(path, 100) == sha256(b"abcdefabcdef")


def test_the_digest_of_a_value_does_not_depend_on_the_order_of_keys():
    assert json_digest({"a": 1, "b": [2]}) == json_digest({"b": [2], "a": 1}) == sha256(b'{"a": 1, "b": [2]}')
    assert json_digest({"a": 1}) != json_digest({"a": 2})
