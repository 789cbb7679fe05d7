"""The pre-trained tiny backbone learns within each embodiment and uses no cross-embodiment pairs."""

from dataclasses import replace

import pytest
import torch

from benchmarks.within_knowledge import AFTER, BEFORE, Verdict, WithinLabels
from lace.alignment import losses
from lace.alignment.training import Trainer
from tests.lace.alignment.test_training import CONFIG, banks, small, train, weights

RECIPE = replace(CONFIG, iterations=40, ema=False, gram=0.0)


def terms(index):
    trainer = WithinLabels(RECIPE, banks(), small())
    index = torch.tensor(index)
    features = losses.normalized(trainer.backbone(trainer.bank.images[index].float() / 255))
    return trainer._align(features, features, index)


def test_pairs_across_embodiments_and_of_one_image_do_not_enter():
    assert int(terms([0, 8]).count) == 0
    assert int(terms([3, 3]).count) == 0
    assert int(terms([0, 1]).count) > 0


def test_the_loss_of_both_embodiments_together_is_the_sum_of_each():
    together, apart = terms([0, 1, 8, 9]), [terms([0, 1]), terms([8, 9])]
    torch.testing.assert_close(together.kl, apart[0].kl + apart[1].kl)


def test_it_learns_and_resumes(tmp_path):
    trainer, seen = WithinLabels(RECIPE, banks(), small()), []
    trainer.run(lambda row: seen.append(row["align"]), tmp_path)
    assert seen[-1] < 0.9 * seen[0]
    again = WithinLabels(RECIPE, banks(), small())
    again.resume(tmp_path)
    assert torch.equal(weights(again.backbone), weights(trainer.backbone))
    assert not torch.equal(weights(train(RECIPE, banks(), small())), weights(trainer.backbone))
    assert isinstance(again, Trainer)


def runs(before, after):
    """Runs with the given EPE for H-R and H-H; the H-H interval is half a pixel to each side."""
    found = {}
    for title, (across, inside) in ((BEFORE, before), (AFTER, after)):
        cell = {"H-R": across, "H-H": inside, "R-R": inside}
        found[title] = {"pairs": {pair: {"epe_px": {"value": v, "high": v + 0.5}} for pair, v in cell.items()}}
    return found


def test_the_gate_is_the_level_at_which_human_human_stood():
    assert Verdict.of(runs((20, 15), (15.4, 15))) == Verdict(False, pytest.approx(0.92), True)
    assert Verdict.of(runs((20, 15), (15, 14))) == Verdict(True, pytest.approx(0.8), False)
    assert Verdict.of(runs((20, 15), (13, 14))) == Verdict(True, pytest.approx(1.2), True)
    assert not Verdict.of(runs((20, 15), (13, 15.1))).reaches, "others got worse"
