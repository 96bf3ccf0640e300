#!/bin/sh
# Reproduce the bundled model `leaves`: sh training/leaves.sh OUT [MINUTES [MINUTES]]
# It learns twice, the second time from where the first ended and with the full learning rate again.
# Learns from 200 synthetic rosettes; 40 others choose weights and settings.
# Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
out=$1
here=$(dirname "$0")
python "$here/../benchmarks/accuracy.py" rosettes --minutes "${2:-28}" --out "$out" --stride 2
data="$out/rosettes_data"
napari-discern train --images "$data/train/images" --labels "$data/train/masks" --val-images "$data/val/images" \
    --val-labels "$data/val/masks" --out "$out/leaves-trained" --minutes "${3:-30}" --model "$out/rosettes/model" \
    --finetune_learning_rate 0.002 --overwrite
python "$here/card.py" "$out/leaves-trained" "$out/leaves" --name leaves --val "$data/val" \
    --licence "CC0 1.0" \
    --data "200 synthetic rosettes (napari_discern.synthetic.Rosette). Reproduced by training/leaves.sh. Scores are of 40 others on which weights and settings were chosen; real plants were only looked at." \
    --description "Leaves of a rosette such as Arabidopsis seen from above, in colour, some hidden by others, 4 to 20 a plant. Learnt from synthetic pictures only: a start to fine-tune from on real plants."
