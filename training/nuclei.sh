#!/bin/sh
# Reproduce the bundled model `nuclei`: sh training/nuclei.sh DATA OUT [MINUTES [MINUTES]]
# It learns twice, the second time from where the first ended and with the full learning rate again.
# DATA holds train/ and val/ of dsb2018 (BBBC038, CC0, corrected labels), each with images/ and labels/.
# Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
data=$1
out=$2
here=$(dirname "$0")
learn() {
    napari-discern train --images "$data/train/images" --labels "$data/train/labels" --val-images "$data/val/images" \
        --val-labels "$data/val/labels" --overwrite "$@"
}
learn --out "$out/nuclei-first" --minutes "${3:-58}" --stride 2
learn --out "$out/nuclei-trained" --minutes "${4:-68}" --model "$out/nuclei-first" --finetune_learning_rate 0.002
python "$here/card.py" "$out/nuclei-trained" "$out/nuclei" --name nuclei --val "$data/val" \
    --licence "BSD-3-Clause; trained on CC0 data" \
    --data "dsb2018: fluorescence nuclei of the 2018 Data Science Bowl (BBBC038, corrected labels, CC0), 441 training images. Reproduced by training/nuclei.sh. Scores are of the 50 validation images on which weights and settings were chosen." \
    --description "Nuclei in 2D fluorescence images, one channel, bright on dark, about 8 to 60 px across. Not for brightfield or phase contrast, nor for 3D."
