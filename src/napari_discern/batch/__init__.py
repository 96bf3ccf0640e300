"""Batch: many volumes, each larger than memory, on one machine or many."""

from __future__ import annotations

from napari_discern.batch.crew import crew_for
from napari_discern.batch.estimate import Estimate, estimate, fitting_tile
from napari_discern.batch.events import Event, Events
from napari_discern.batch.inputs import Source, convert, sources
from napari_discern.batch.many import VolumeDone, estimate_all, label_all
from napari_discern.batch.plan import Plan, plan
from napari_discern.batch.report import Report
from napari_discern.batch.settings import Batch
from napari_discern.batch.slurm import job_script
from napari_discern.batch.task import Task
from napari_discern.batch.tile import Finder, ModelFinder
from napari_discern.batch.volume import Job, label_volume

__all__ = [
    "Batch",
    "Estimate",
    "Event",
    "Events",
    "Finder",
    "Job",
    "ModelFinder",
    "Plan",
    "Report",
    "Source",
    "Task",
    "VolumeDone",
    "convert",
    "crew_for",
    "estimate",
    "estimate_all",
    "fitting_tile",
    "job_script",
    "label_all",
    "label_volume",
    "plan",
    "sources",
]
