"""Evaluation: what a model or a folder of results is worth, and what holds it back."""

from napari_discern.evaluation.oracle import ROWS, oracle, verdict
from napari_discern.evaluation.proposals import ProposalScores, detections, score_proposals
from napari_discern.evaluation.scores import draw_worst, evaluate, evaluate_model
from napari_discern.evaluation.windows import Labelled, Window, cut_window, score_window, score_windows

__all__ = [
    "ROWS",
    "Labelled",
    "ProposalScores",
    "Window",
    "cut_window",
    "detections",
    "draw_worst",
    "evaluate",
    "evaluate_model",
    "oracle",
    "score_proposals",
    "score_window",
    "score_windows",
    "verdict",
]
