import stat

import pytest

from avseg.utils.files import atomic_file, atomic_folder, replace_folder


def interrupted(context, method):
    with context as temporary:
        getattr(temporary, method)("half")
        raise KeyboardInterrupt


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_complete_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "x.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("complete")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "complete"
    with pytest.raises(KeyboardInterrupt):
        interrupted(atomic_file(path), "write_text")
    assert path.read_text() == "complete"
    assert names(path.parent) == ["x.txt"]


def test_a_folder_appears_complete_or_not_at_all(tmp_path):
    folder = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        interrupted(atomic_folder(folder), "joinpath")
    assert names(tmp_path) == []
    with atomic_folder(folder) as temporary:
        (temporary / "a").touch()
    assert (folder / "a").exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    with pytest.raises(FileExistsError), atomic_folder(folder):
        pass


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "set").mkdir()
    with atomic_folder(tmp_path / "set") as temporary:
        (temporary / "a").touch()
    assert names(tmp_path / "set") == ["a"]


def test_a_folder_that_was_filled_meanwhile_is_kept(tmp_path):
    folder = tmp_path / "set"
    with pytest.raises(OSError, match="not empty"), atomic_folder(folder):
        folder.joinpath("b").mkdir(parents=True)
    assert names(tmp_path) == ["set"]
    assert names(folder) == ["b"]


@pytest.mark.parametrize("link", [False, True])
def test_a_folder_is_replaced_only_on_success(tmp_path, link):
    folder = tmp_path / "deep" / "set"
    given = tmp_path / "link" if link else folder
    if link:
        given.symlink_to(folder)
    for name in ("a", "b"):
        with replace_folder(given) as temporary:
            (temporary / name).touch()
            assert name == "a" or names(folder) == ["a"]
        assert names(folder) == [name]
    with pytest.raises(KeyboardInterrupt):
        interrupted(replace_folder(given), "joinpath")
    assert names(folder) == ["b"]
    assert names(folder.parent) == ["set"]
    assert given.is_symlink() == link


def test_a_failed_exchange_restores_the_old_folder(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a").touch()
    with pytest.raises(FileNotFoundError), replace_folder(folder) as temporary:
        temporary.rmdir()
    assert names(tmp_path) == ["set"]
    assert names(folder) == ["a"]
