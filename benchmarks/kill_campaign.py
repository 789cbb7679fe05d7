"""Kills every command at drawn moments, runs it again, and compares with runs that were not killed.

uv run python -m benchmarks.kill_campaign --kills 200 --out runs/kills

One process imports everything once and forks a child for each run, so a run costs what it computes. A kill is SIGKILL
or SIGTERM to the command alone, at a drawn share of the time that an unkilled run took; its worker processes must end
by themselves. Compared are all files that two unkilled runs agree on, byte for byte. The commands take turns, a few
kills each; the same command line goes on after a stop (`kills.json` holds what was done).
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tyro

from benchmarks.kill_cases import CASES, begin, label, prepare_case, words_of
from lace.core.code_identity import code_of
from lace.core.draws import Draws
from lace.core.files import publish_bytes

PATIENCE_S, ORPHANS_S = 900.0, 20.0
"""Longest run, and how long a worker may outlive its parent."""
IGNORED = (".lock",)
TURN = 3
"""Kills of one command before the next command's turn."""


@dataclass(frozen=True)
class Config:
    """Kills commands at drawn moments."""

    out: Path = Path("runs/kills")
    kills: int = 200
    """Over all commands, in equal shares."""
    seed: int = 0
    commands: tuple[str, ...] = tuple(CASES)
    """Names in `kill_cases.CASES`."""


@dataclass
class Tally:
    """What came of one command."""

    kills: int = 0
    terms: int = 0
    """Of the kills, those by SIGTERM."""
    resumed: int = 0
    """Runs that ended well when the same command was given again."""
    differences: list[str] = field(default_factory=list)
    orphans: int = 0
    compared: int = 0
    """Files of an unkilled run that are compared."""
    attempts: int = 0
    """Kills and runs that ended before their kill."""


def started(name: str, inputs: Path, out: Path, log: Path) -> int:
    """Forks a child that runs the command in a session of its own; returns its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = _run(name, inputs, out)
    except BaseException:  # the child must not go on as its parent; the log says why it ended
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run(name: str, inputs: Path, out: Path) -> int:
    from lace.cli import main as cli
    from lace.cli.process import Terminated, prepare_process

    prepare_process()
    try:
        begin(name, inputs, out)
        return label(out) if name == "annotate" else cli.main(words_of(name, inputs, out))
    except Terminated:
        return cli.EXIT_TERMINATED


def ended(child: int, within_s: float) -> int | None:
    """Exit code of a child (negative: a signal), None if it is still alive after `within_s`."""
    until = time.monotonic() + within_s
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.005)


def digests(folder: Path) -> dict[str, str]:
    """Name -> digest of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in IGNORED)
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def digest(path: Path) -> str:
    """Of a file's bytes; of a checkpoint's values: its bytes also depend on which equal texts are one object."""
    if path.suffix != ".pt":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import torch

    return code_of(torch.load(path, map_location="cpu", weights_only=True))


def session_members(leader: int) -> Iterator[int]:
    """Live processes of a session."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if entry.name.isdigit() and words[3] == str(leader) and words[0] != "Z":
            yield int(entry.name)


def orphans_of(leader: int) -> int:
    """Processes of a killed command that do not end by themselves; they are ended here."""
    until = time.monotonic() + ORPHANS_S
    while (left := list(session_members(leader))) and time.monotonic() < until:
        time.sleep(0.1)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return len(left)


class Campaign:
    """The commands in turn, from what `kills.json` says is done."""

    def __init__(self, config: Config):
        self.config, self.inputs = config, config.out / "inputs"
        self.work, self.log, self.file = config.out / "work", config.out / "log.txt", config.out / "kills.json"
        self.found = self._read()
        if not self.found:
            shutil.rmtree(config.out, ignore_errors=True)
            self.inputs.mkdir(parents=True)
            for name in config.commands:
                self._prepare(name)
            self._write()
        self.expected: dict[str, tuple[dict[str, str], float]] = {}

    def _read(self) -> dict[str, Tally]:
        report = json.loads(self.file.read_text()) if self.file.is_file() else {}
        same = report.get("seed") == self.config.seed and tuple(report["commands"]) == self.config.commands
        return {name: Tally(**tally) for name, tally in report["commands"].items()} if same else {}

    def _write(self) -> None:
        self.found = {name: self.found.get(name, Tally()) for name in self.config.commands}
        tallies = {name: asdict(tally) for name, tally in self.found.items()}
        publish_bytes(self.file, json.dumps({"seed": self.config.seed, "commands": tallies}, indent=1).encode())

    def _prepare(self, name: str) -> None:
        """Makes the inputs of a command in a child: libraries that write them start threads, which no fork survives."""
        child = os.fork()
        if not child:
            code = 1
            try:
                prepare_case(name, self.inputs)
                code = 0
            finally:
                os._exit(code)
        if ended(child, PATIENCE_S) != 0:
            raise SystemExit(f"the inputs of {name} could not be made")

    def run(self) -> dict[str, Tally]:
        """Kills every command so often; what is known is on disk after each kill."""
        each = -(-self.config.kills // len(self.config.commands))
        for upto in [*range(TURN, each, TURN), each]:
            for name in self.config.commands:
                tally = self.found[name]
                while tally.kills < upto and tally.attempts < 4 * upto:
                    self._once(name, tally)
                    self._write()
                print(f"{name}: {asdict(tally)}", flush=True)
        return self.found

    def _whole(self, name: str) -> tuple[dict[str, str], float]:
        shutil.rmtree(self.work, ignore_errors=True)
        begun = time.monotonic()
        code = ended(started(name, self.inputs, self.work, self.log), PATIENCE_S)
        if code != 0:
            raise SystemExit(f"{name} without a kill ended with {code}; see {self.log}")
        return digests(self.work), time.monotonic() - begun

    def _expected(self, name: str) -> tuple[dict[str, str], float]:
        (first, _), (second, seconds) = self._whole(name), self._whole(name)
        must = {file.relative_to(self.work).as_posix() for file in self.work.glob(CASES[name].result)}
        agreed = {file: digest for file, digest in first.items() if second.get(file) == digest}
        if not must or not must <= agreed.keys():
            raise SystemExit(f"{name}: two unkilled runs differ in {sorted(must - agreed.keys()) or 'all'}")
        return agreed, seconds

    def _once(self, name: str, tally: Tally) -> None:
        if name not in self.expected:
            self.expected[name] = self._expected(name)
        (expected, seconds), attempt = self.expected[name], tally.attempts
        tally.compared, tally.attempts = len(expected), attempt + 1
        draws = Draws(self.config.seed, [attempt])
        moment = float(draws.unit(f"{name}.moment")[0, 0]) * seconds
        terminate = bool(draws.chance(f"{name}.kind", 0.5)[0])
        shutil.rmtree(self.work, ignore_errors=True)
        child = started(name, self.inputs, self.work, self.log)
        if ended(child, moment) is not None:
            self.expected[name] = expected, 0.9 * seconds  # it was faster than before: no kill
            return
        os.kill(child, signal.SIGTERM if terminate else signal.SIGKILL)
        code = ended(child, PATIENCE_S)
        tally.kills, tally.terms = tally.kills + 1, tally.terms + terminate
        tally.orphans += orphans_of(child)
        before = digests(self.work) if self.work.is_dir() else {}
        if terminate and code not in (0, 143, -signal.SIGTERM):
            tally.differences.append(f"kill {attempt}: SIGTERM ended with {code}")
        code = ended(started(name, self.inputs, self.work, self.log), PATIENCE_S)
        tally.resumed += code == 0
        after = digests(self.work) if self.work.is_dir() else {}
        wrong = [file for file, digest in expected.items() if after.get(file) != digest]
        lost = [file for file, digest in before.items() if expected.get(file) == digest and file not in after]
        if code != 0 or wrong or lost:
            tally.differences.append(f"kill {attempt}: code {code}, other bytes {wrong[:3]}, lost {lost[:3]}")


def main(config: Config) -> int:
    """Runs the campaign; exit code 1 if anything was lost, differs or outlived its parent."""
    import lace.alignment.finetune  # noqa: F401  (imported once, before the forks)

    found = Campaign(config).run()
    bad = [name for name, tally in found.items() if tally.differences or tally.orphans or tally.resumed < tally.kills]
    print(f"{sum(tally.kills for tally in found.values())} kills; wrong: {', '.join(bad) or 'nothing'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Config, description=__doc__)))
