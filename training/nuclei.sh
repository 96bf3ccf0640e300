#!/bin/sh
# Reproduce the bundled model `nuclei`: sh training/nuclei.sh DATA OUT
# DATA holds train/ and val/ of dsb2018 (BBBC038, CC0, corrected labels), each with images/ and labels/.
# Half an hour from scratch as `train` does by itself, then a few minutes in which L_dist is the mean over close pairs
# only. Two cores. Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
data=$1
out=$2
train() {
    napari-discern train --images "$data/train/images" --labels "$data/train/labels" \
        --val-images "$data/val/images" --val-labels "$data/val/labels" --overwrite "$@"
}
train --out "$out/nuclei-scratch" --minutes 30
train --out "$out/nuclei" --model "$out/nuclei-scratch" --minutes 5 --finetune_learning_rate 1e-3 --loss.pairs close
