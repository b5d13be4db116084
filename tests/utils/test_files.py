import pytest

from avseg.utils.files import atomic_file, atomic_folder


def interrupted(context, method):
    with context as temporary:
        getattr(temporary, method)("half")
        raise KeyboardInterrupt


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "x.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "whole"
    with pytest.raises(KeyboardInterrupt):
        interrupted(atomic_file(path), "write_text")
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["x.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        interrupted(atomic_folder(folder), "joinpath")
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(folder) as temporary:
        (temporary / "a").touch()
    assert (folder / "a").exists()
    with pytest.raises(FileExistsError), atomic_folder(folder):
        pass
