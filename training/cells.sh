#!/bin/sh
# Reproduce the bundled model `cells`: sh training/cells.sh DATA OUT [MINUTES]
# DATA holds train/ and val/ of usiigaci (phase contrast, Tsai et al. 2019, MIT), each with images/ and labels/.
# Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
data=$1
out=$2
here=$(dirname "$0")
napari-discern train --images "$data/train/images" --labels "$data/train/labels" --val-images "$data/val/images" \
    --val-labels "$data/val/labels" --out "$out/cells-trained" --minutes "${3:-20}" --stride 4 --crop 384 --overwrite
python "$here/card.py" "$out/cells-trained" "$out/cells" --name cells --val "$data/val" --notice "$here/usiigaci-licence.txt" \
    --licence "BSD-3-Clause; trained on data under the MIT licence, copyright (c) 2018 Okinawa Institute of Science & Technology" \
    --data "usiigaci: T98G cells in phase contrast (Tsai et al. 2019, SoftwareX 9:230, MIT), 18 training images. Reproduced by training/cells.sh. Scores are of the 5 validation images on which weights and settings were chosen." \
    --description "Cells in phase contrast, one channel, spread out and about 40 to 100 px long. Not for fluorescence, nor for dense sheets. Floating cells are partly missed, as they are in the labels that it learnt from."
