"""Two runs in one folder: the second is refused by every command that writes, before it changes anything."""

import pytest

from benchmarks.kill_cases import CASES, prepare_case, words_of
from lace.cli import main as cli
from lace.core.lock import LOCK_NAME, locked_folder

OTHERS = {
    "annotate": "several may label one folder: saves are merged",
    "import lerobot": "writes as `import coco` does",
    "import recording": "writes as `import coco` does",
    "generate robot, 2 workers": "as with one",
    **dict.fromkeys(
        ("data show", "data stats", "data realism", "compare", "assets figure", "assets check"),
        "writes at its end, each file whole",
    ),
    "assets find-grasp": "the better grasp is kept",
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHERS])
def test_a_second_run_is_refused(name, inputs, tmp_path, capsys):
    prepare_case(name, inputs)
    out = tmp_path / "out"
    out.mkdir()
    with locked_folder(out):
        assert cli.main(words_of(name, inputs, out)) == cli.EXIT_USAGE
        assert [path.name for path in out.iterdir()] == [LOCK_NAME]
    said = capsys.readouterr().err
    assert "another process is at work in it" in said and f"opening {out}" in said
