"""The `lace` process handles the streams, environment and signals that it inherits from its caller."""

import os
import signal
import subprocess
import sys

import pytest

from lace.cli import main as cli
from lace.cli.process import Terminated
from tests import ROOT
from tests.synthetic import make_dataset

WAIT = """
import sys, time
import lace.cli.data
def verify():
    try:
        print('started', flush=True)
        time.sleep(60)
    finally:
        print('cleaned up', flush=True)
lace.cli.data.verify = verify
from lace.cli.main import main
sys.argv = ['lace', 'data', 'verify']
sys.exit(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("ds") / "d", 2, 2, 48)


def lace(*words, command='exec "$0" -m lace.cli "$@"', **environment):
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
    )


def test_closed_stdout_is_no_error(folder):
    closed = lace("data", "verify", folder, command='exec "$0" -m lace.cli "$@" >&-')
    assert (closed.returncode, closed.stderr) == (0, b"")


def test_closed_stderr_is_no_error(folder):
    closed = lace("data", "verify", folder / "none", command='exec "$0" -m lace.cli "$@" 2>&-')
    assert closed.returncode == 2


@pytest.mark.parametrize("columns", ["0", "-3", "wide", ""])
def test_an_invalid_width_is_ignored(folder, columns):
    result = lace("data", "verify", folder, COLUMNS=columns)
    assert result.returncode == 0 and b"every check passed" in result.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("words", [("data", "stats"), ("data", "verify")])
def test_an_encoding_that_lacks_characters_is_no_error(folder, encoding, words):
    result = lace(*words, folder, PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr
    result = lace(*words, folder / "gar\u00e7on\u4e2d", PYTHONIOENCODING=encoding)
    assert result.returncode == 2 and b"no such folder" in result.stderr


def test_a_path_that_the_encoding_lacks_is_printed_with_marks(folder, tmp_path):
    out = tmp_path / "gar\u00e7on\u4e2d.png"
    result = lace("data", "show", folder, "--count", "1", "--out", out, PYTHONIOENCODING="ascii")
    assert result.returncode == 0 and b"gar?on?.png" in result.stdout and out.is_file()


@pytest.mark.parametrize("given", [{}, {"HF_HOME": "/elsewhere"}])
def test_the_caches_of_other_libraries_follow_ours(tmp_path, given):
    program = "import os; from lace.cli.process import prepare_process as p; p(); print(os.environ['HF_HOME'])"
    free = {name: value for name, value in os.environ.items() if name not in ("HF_HOME", "WARP_CACHE_PATH")}
    environment = free | {"LACE_CACHE": str(tmp_path)} | given
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == given.get("HF_HOME", str(tmp_path / "huggingface"))


def test_sigterm_cleans_up_and_exits_143():
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, "cleaned up\n"), err
    assert "run the same command to resume" in err and "Traceback" not in err


@pytest.mark.parametrize("moment", ["lace.cli.process.share_cache", "lace.cli.main._complain"])
def test_sigterm_before_and_after_a_command_exits_143(moment):
    """While the process prepares itself, and while an error is being printed."""
    module, _, name = moment.rpartition(".")
    program = f"""
import os, signal, sys
import {module} as module
from lace.cli.main import main
original = module.{name}
def terminated(*args):
    module.{name} = original
    os.kill(os.getpid(), signal.SIGTERM)
    return original(*args)
module.{name} = terminated
sys.argv = ["lace", "no", "such", "command"]
sys.exit(main())
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 143 and "Traceback" not in result.stderr, result.stderr
    assert "run the same command to resume" in result.stderr


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_stop_of_which_a_library_made_an_error_of_its_own_is_a_stop(monkeypatch, stop, code):
    def importing(args):
        try:
            raise stop
        except BaseException as signalled:
            raise RuntimeError("initialization failed") from signalled

    monkeypatch.setattr(cli, "_dispatch", importing)
    assert cli.main(["list"]) == code
