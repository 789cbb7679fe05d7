"""Fingertips close up: which answers lie on the finger that was asked for."""

import numpy as np

from lace.reports.fingertips_figure import on_the_right_finger


def test_an_answer_counts_where_its_nearest_visible_keypoint_is_of_the_finger_asked_for():
    keypoints = np.stack([np.arange(21) * 10.0, np.zeros(21)], 1)
    visible = np.ones(21, bool)
    asked = [0, 4, 8, 12, 16, 20]
    assert on_the_right_finger(keypoints, visible, keypoints[asked], asked).all()
    assert not on_the_right_finger(keypoints, visible, keypoints[asked], [4, 8, 12, 16, 20, 0]).any()


def test_a_hidden_keypoint_answers_for_no_finger():
    keypoints = np.array([[0.0, 0], [10, 0], [20, 0], [30, 0], [40, 0], [50, 0], [60, 0], [70, 0], [80, 0]])
    visible = np.ones(9, bool)
    assert on_the_right_finger(keypoints, visible, np.array([[44.0, 0]]), [4]).tolist() == [True]
    visible[1:5] = False
    assert on_the_right_finger(keypoints, visible, np.array([[44.0, 0]]), [4]).tolist() == [False]
