#!/bin/sh
# Reproduce the bundled model `nuclei-3d`: sh training/nuclei-3d.sh DATA OUT [MINUTES]
# DATA holds train/ and val/ of bbbc050 (mouse embryo nuclei, Tokuoka et al. 2020, CC0), each with images/ and labels/.
# 24 filters would take 8.4 MB. Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
data=$1
out=$2
here=$(dirname "$0")
napari-discern train --images "$data/train/images" --labels "$data/train/labels" --val-images "$data/val/images" \
    --val-labels "$data/val/labels" --out "$out/nuclei-3d-trained" --minutes "${3:-48}" --stride 2 --crop 48 --backbone.filters 16 --overwrite
python "$here/card.py" "$out/nuclei-3d-trained" "$out/nuclei-3d" --name nuclei-3d --val "$data/val" \
    --licence "BSD-3-Clause; trained on CC0 data" \
    --data "bbbc050: nuclei of mouse embryos, H2B-mRFP1 (Tokuoka et al. 2020, CC0), 16 training volumes. Reproduced by training/nuclei-3d.sh. Scores are of the 5 validation volumes on which weights and settings were chosen." \
    --description "Nuclei in 3D fluorescence volumes, one channel, bright on dark, about 15 to 30 voxels across, slices about as far apart as pixels. Not for single slices."
