"""`lace bridge run`, `replay` and `clear` on the emulator."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lace.core.errors import IntegrityError
from policies.outcome import SafetyStop
from real_bridge.cell_log import LOG
from real_bridge.emulator.faults import ControllerError, PlannedFault
from real_bridge.run import clear, replay
from real_bridge.run.command import main
from real_bridge.run.config import RunConfig
from real_bridge.run.trials import log_folder
from tests.bridged import PATIENT, bench
from tests.emulated import needs_ports, own_host

pytestmark = [needs_ports, pytest.mark.slow]
"""In real time: on a machine that does other work too, the emulator's camera or hand answers too late."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with bench(tmp_path_factory.mktemp("bench"), own_host(12)) as site:
        yield site


@pytest.fixture
def typed(monkeypatch):
    """Words that a person types, in order; `.asked` holds the prompts."""

    class Typed(list):
        asked: list[str] = []

    words = Typed()

    def answer(question: str = "") -> str:
        words.asked.append(question)
        return words.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    return words


def config_of(site, out, **changes) -> RunConfig:
    site.reset()
    return replace(
        RunConfig(out, site.config, trials=1, speed=1.0, operator="emulator", limits=PATIENT, live=True), **changes
    )


def motions(site) -> list[str]:
    return [row["name"] for row in site.emulator.admin.commands() if row["name"].startswith("MOVE")]


def test_a_dry_run_draws_the_plan_and_commands_nothing(site, tmp_path, capsys):
    before = len(site.emulator.admin.commands())
    assert main(config_of(site, tmp_path / "run", live=False)) == 0
    said = capsys.readouterr().out
    assert "nothing moved" in said
    assert "--live" in said
    picture = cv2.imread(str(tmp_path / "run-dry-run.png"))
    assert min(picture.shape[:2]) >= 640
    assert site.emulator.admin.commands()[before:] == []
    assert not (tmp_path / "run").exists()


def test_without_confirmation_nothing_moves(site, tmp_path, typed):
    typed.append("yes")
    config = config_of(site, tmp_path / "run")
    before = len(motions(site))
    assert main(config) == 1
    assert "MOVE" in typed.asked[0]
    assert len(motions(site)) == before


def test_trials_have_the_files_of_simulated_ones_and_are_decided_again_offline(site, tmp_path, typed, capsys):
    typed.append("MOVE")
    out = tmp_path / "run"
    assert main(config_of(site, out)) == 0
    results = json.loads((out / "results.json").read_text())
    rate = results["policies"]["oracle"]["success"]
    assert (results["kind"], results["n"], rate["successes"], rate["n"]) == ("emulated", 1, 1, 1)
    assert rate["low"] == pytest.approx(0.025)  # Clopper and Pearson of one in one
    assert "Success" in (out / "report.html").read_text()
    assert (out / "frames" / "frame-00000.jpg").is_file()
    assert replay.main(replay.ReplayConfig(out)) == 0
    assert "success again" in capsys.readouterr().out
    typed.append("MOVE")
    assert main(config_of(site, out)) == 0  # no trial is left
    changed = log_folder(out, 0) / LOG
    lines = changed.read_text().splitlines()
    shutil.copy(changed, changed.with_suffix(".whole"))
    row = next(i for i, line in enumerate(lines) if line.startswith('["move"') and i > 200)
    name, value = json.loads(lines[row])
    value["arm"][0] += 1e-3
    lines[row] = json.dumps([name, value])
    changed.write_text("\n".join(lines) + "\n")
    with pytest.raises(IntegrityError, match=f"line {row + 1} .*move"):
        replay.main(replay.ReplayConfig(out))


def test_a_fault_ends_the_run_and_the_next_one_refuses_until_a_person_cleared_it(site, tmp_path, typed, capsys):
    out = tmp_path / "run"
    config = config_of(site, out, trials=3)
    site.emulator.admin.inject(PlannedFault(ControllerError(31), after_s=0.5, since="motion"))
    typed.append("MOVE")
    assert main(config) == 1
    assert "C31" in capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert results["n"] == 1
    assert results["policies"]["oracle"]["failures"]["safety_stop"]["successes"] == 1
    before = len(motions(site))
    typed.append("MOVE")
    with pytest.raises(SafetyStop, match="lace bridge clear"):
        main(config)
    assert len(motions(site)) == before
    asked = clear.ClearConfig(site.emulator.arm, state=config.rig.state)
    typed.append("no")
    assert clear.main(asked) == 1
    typed.append("CLEAR")
    assert clear.main(asked) == 0
    assert site.emulator.admin.truth()["error"] == 0
    with site.rig() as rig:
        assert not rig.lock.reason
    assert np.isfinite(site.emulator.admin.truth()["joint_positions"]).all()
