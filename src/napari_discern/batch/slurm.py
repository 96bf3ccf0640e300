"""SLURM: a job script that starts a Dask scheduler and workers under SLURM, and runs the batch on them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from napari_discern import io
from napari_discern.batch.settings import Batch
from napari_discern.segmentation import Recipe

SCRIPT = """#!/bin/sh
# Label volumes with napari-discern under SLURM: sbatch {file}
# One task is one worker. Change the lines that begin with #SBATCH to suit your cluster. A job that was killed, or put
# back into the queue, goes on where it was.
#SBATCH --job-name=napari-discern
#SBATCH --ntasks={workers}
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=4G
#SBATCH --time=12:00:00
#SBATCH --requeue
set -eu
export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON="{{}}"
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}" MKL_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
address=$(mktemp -u "$PWD/napari-discern-XXXXXX.json")
trap 'kill $(jobs -p) 2>/dev/null; rm -f "$address"' EXIT
dask scheduler --scheduler-file "$address" --port 0 --no-dashboard &
srun --ntasks={workers} dask worker --scheduler-file "$address" --nthreads 1 --memory-limit 0 --no-dashboard &
until [ -s "$address" ]; do sleep 1; done
scheduler=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$address")
napari-discern batch {words} \\
    --recipe {recipe} --scheduler "$scheduler" --resume
"""


def job_script(
    file: Path, inputs: Sequence[str], recipe: Recipe, batch: Batch, out: Path | None, overwrite: bool
) -> str:
    """Write a job script, and beside it the recipe that it follows; what to type to start it.

    Parameters
    ----------
    file : Path
        The script; the recipe lies beside it.
    inputs, out : sequence of str, Path or None
        As `sources` takes them.
    recipe, batch : Recipe, Batch
        What is to be done, and with how many workers.
    overwrite : bool
        Whether the files may exist.

    Raises
    ------
    OutputExists
        If a file is there and `overwrite` is not set.
    BadFile
        If it cannot be written.
    """
    settings = file.with_suffix(".recipe.toml")
    words = [*inputs, "--label-name", batch.label_name]
    words += ["--out", str(out)] if out else []
    words += ["--memory", batch.memory] if batch.memory else []
    words += ["--by-slice"] if batch.by_slice else []
    words += ["--allow-gaps"] if batch.allow_gaps else []
    script = SCRIPT.format(
        file=file.name, workers=batch.workers, words=shlex.join(words), recipe=shlex.quote(str(settings))
    )
    for path, text in ((settings, recipe.to_toml()), (file, script)):
        io.write_text(path, text, overwrite)
    return f"{file} is written. Start it with: sbatch {shlex.quote(str(file))}"
