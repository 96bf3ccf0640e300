#!/bin/sh
# Reproduce the bundled model `nuclei`: sh training/nuclei.sh DATA OUT [MINUTES]
# DATA holds train/ and val/ of dsb2018 (BBBC038, CC0, corrected labels), each with images/ and labels/.
# Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
data=$1
out=$2
here=$(dirname "$0")
napari-discern train --images "$data/train/images" --labels "$data/train/labels" --val-images "$data/val/images" \
    --val-labels "$data/val/labels" --out "$out/nuclei-trained" --minutes "${3:-58}" --stride 2 --overwrite
python "$here/card.py" "$out/nuclei-trained" "$out/nuclei" --name nuclei --val "$data/val" \
    --licence "BSD-3-Clause; trained on CC0 data" \
    --data "dsb2018: fluorescence nuclei of the 2018 Data Science Bowl (BBBC038, corrected labels, CC0), 441 training images. Reproduced by training/nuclei.sh. Scores are of the 50 validation images on which weights and settings were chosen." \
    --description "Nuclei in 2D fluorescence images, one channel, bright on dark, about 8 to 60 px across. Not for brightfield or phase contrast, nor for 3D."
