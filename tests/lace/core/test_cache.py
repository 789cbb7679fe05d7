"""An unwritable cache or folder is reported, with the variable that sets its location."""

import errno
import os
import subprocess
import sys

import pytest

from lace.core.cache import built_folder, share_cache
from lace.core.errors import AssetError, DatasetError
from lace.core.files import publish_bytes
from lace.core.lock import locked_folder
from tests import ROOT


@pytest.mark.parametrize("home", ["/sys", "/dev/null", "/proc/none"])
def test_an_unwritable_home_names_the_variables(home, monkeypatch):
    monkeypatch.delenv("LACE_CACHE", raising=False)
    monkeypatch.setenv("HOME", home)
    with pytest.raises(AssetError, match=r"LACE_CACHE.*WARP_CACHE_PATH.*\n?.*HF_HOME"):
        built_folder("wheels/any", lambda _folder: None)


def test_a_cache_in_a_file_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(AssetError, match="cannot be written"):
        built_folder("wheels/any", lambda _folder: None)


def test_what_is_in_a_read_only_cache_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("LACE_CACHE", str(tmp_path))
    folder = built_folder("a/b", lambda into: (into / "file").write_text("x"))
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: pytest.fail("wrote to the cache"))
    assert built_folder("a/b", lambda _into: pytest.fail("built again")) == folder


def test_variables_that_are_set_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("LACE_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    monkeypatch.delenv("WARP_CACHE_PATH", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", "/there")
    share_cache()
    assert os.environ["HF_HOME"] == "/elsewhere" and os.environ["WARP_CACHE_PATH"] == str(tmp_path / "warp")
    monkeypatch.delenv("WARP_CACHE_PATH")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_read_only_file_system_is_an_error_of_ours(code, tmp_path, monkeypatch):
    """On a read-only mount opening fails, and so does removing the temporary file, which does not exist."""

    def refuses(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuses)
        patch.setattr("pathlib.Path.unlink", refuses)
        with pytest.raises(DatasetError, match=os.strerror(code)):
            publish_bytes(tmp_path / "a.json", b"x")
        patch.setattr("os.open", refuses)
        with pytest.raises(DatasetError, match=os.strerror(code)), locked_folder(tmp_path):
            pass


def test_warp_starts_with_our_message_where_home_cannot_be_written():
    """In a process of its own: Warp is started once for all other tests."""
    program = """
from lace.core.errors import AssetError
try:
    import sim_envs.rendering.warp_start
except AssetError as error:
    print(error)
"""
    free = {name: value for name, value in os.environ.items() if name not in ("LACE_CACHE", "WARP_CACHE_PATH")}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=free | {"HOME": "/sys"}, capture_output=True, text=True
    )
    assert "set LACE_CACHE" in result.stdout, result.stderr
