"""The report page: every kind of section is rendered and escaped, in one file."""

import re

import pytest

from lace.reports import sections
from lace.reports.report import Report, in_lines, slug, write_report
from lace.reports.trials import COLOURS, shown_trials, trial_sections
from policies.outcome import Result
from tests.simulated_trials import record

RATE = {"value": 0.25, "low": 0.1, "high": 0.5, "n": 8, "successes": 2}
PIXEL = b"\x89PNG"
FACTOR = {"name": "room", "axis": "room", "p_value": 0.5, "groups": [{"label": "lab", **RATE}]}
EXAMPLES = {
    "text": sections.Text("Words", ["one & two", "three"]),
    "commands": sections.Commands("Lines", ["lace demo", "lace data show"]),
    "grid": sections.Grid("Cells", ["a"], [["<b>"]], "about it"),
    "picture": sections.Picture("A picture", PIXEL),
    "bars": sections.Bars("Rates", {"oracle": RATE}),
    "shares": sections.Shares("Kinds", {"oracle": {"success": 1, "slip": 3}}, COLOURS, "success"),
    "breakdown": sections.Breakdown("Factors", {"oracle": [FACTOR], "frozen": []}),
    "videos": sections.Videos("Films", [sections.Video(b"film", "trial 0", "it moves")]),
    "gallery": sections.Gallery(
        "Frames",
        {"oracle": {"slip": [sections.Shot(0, "it fell", "#000", {"target": (1, 1)})]}},
        {0: b"jpeg"},
        (2, 2),
        {"target": "#fff"},
    ),
}
"""Kind of section -> example."""
SHOWN = {
    "text": "one &amp; two</p>",
    "commands": "<pre>lace demo\nlace data show</pre>",
    "grid": "&lt;b&gt;",
    "picture": 'src="data:image/png;base64',
    "bars": "<b>25.0 %</b> [10.0, 50.0]",
    "shares": "3 slip",
    "breakdown": "25 % of 8",
    "videos": "it moves",
    "gallery": "it fell",
}
"""Kind of section -> text of its example that the page must contain."""


def page_of(folder, *shown) -> str:
    report = Report("A title", "A sentence.", {"n": 3}, shown, {"seed": 1}, warning="RANDOM weights")
    return write_report(folder, report).read_text()


def test_every_kind_of_section_has_an_example():
    assert {kind.kind for kind in sections.Section.__subclasses__()} == set(EXAMPLES) == set(SHOWN)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_section_is_drawn_and_embedded(kind, tmp_path):
    page = page_of(tmp_path, EXAMPLES[kind])
    assert SHOWN[kind] in page
    assert EXAMPLES[kind].title in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_the_page_says_what_was_run_by_which_code(tmp_path):
    page = page_of(tmp_path)
    for words in ("A title", "A sentence.", "RANDOM weights", "commit", "torch", "<td>seed</td><td>1</td>"):
        assert words in page


def test_trials_of_any_origin_are_drawn_from_plain_data(tmp_path):
    trials = [vars(record(4, number, ("oracle",))) for number in range(8)]
    counts = {kind: [t["outcomes"]["oracle"]["result"] for t in trials].count(kind) for kind in COLOURS}
    hit = {which: RATE for which in ("target", "end_effector", "both")}
    errors = dict.fromkeys(("target_error_px", "target_error_mm", "end_effector_error_px"), {"n": 0})
    failures = {kind: {**RATE, "successes": counts[kind]} for kind in COLOURS if kind != "success"}
    row = {"success": {**RATE, "successes": counts["success"]}, "failures": failures, "hit_rate": hit, "errors": errors}
    frames = {number: b"jpeg" for number in shown_trials(trials, ["oracle"])}
    found = trial_sections({"policies": {"oracle": row}, "interval": "exact"}, trials, frames, (64, 48))
    assert [part.title for part in found] == ["Success", "Outcomes", "Camera frames", "Localisation"]
    page = page_of(tmp_path, *found)
    assert page.count('class="frame') == sum(min(5, count) for count in counts.values())


def test_the_worst_policy_comes_first_and_what_does_not_vary_is_left_out():
    trials = [vars(record(4, number, ("oracle", "frozen"))) for number in range(4)]
    hit = {which: RATE for which in ("target", "end_effector", "both")}
    errors = dict.fromkeys(("target_error_px", "target_error_mm", "end_effector_error_px"), {"n": 0})

    def row(value):
        failures = {kind: {**RATE, "successes": 0} for kind in COLOURS if kind != "success"}
        return {"success": {**RATE, "value": value, "successes": 4}, "failures": failures} | {
            "hit_rate": hit,
            "errors": errors,
        }

    flat = FACTOR | {"groups": [FACTOR["groups"][0]] * 2}
    results = {"policies": {"oracle": row(0.9), "frozen": row(0.1)}, "interval": "exact"}
    results["breakdown"] = {"oracle": [flat], "frozen": [flat]}
    frames = {number: b"jpeg" for number in range(4)}
    found = {part.title: part for part in trial_sections(results, trials, frames, (64, 48))}
    assert list(found) == ["Success", "Camera frames", "Localisation"], "nobody failed, and no factor matters"
    assert list(found["Camera frames"].shots) == ["frozen", "oracle"]


def test_nested_options_become_lines():
    lines = dict(in_lines({"axes": {"camera": {"fov": (34, 52)}}, "names": [], "film": None, "more": [{"a": 1}]}))
    assert lines == {"axes.camera.fov": "34 52", "names": "-", "film": "-", "more.0.a": "1"}


def test_every_result_has_a_colour():
    assert set(COLOURS) == {result.value for result in Result}


def test_a_slug_leaves_out_brackets():
    assert slug("Feature drift (fig. 9)") == "feature_drift"
