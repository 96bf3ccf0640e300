#!/bin/sh
# Reproduce the bundled model `leaves`: sh training/leaves.sh OUT [MINUTES [MINUTES]]
# It learns twice, the second time from where the first ended and with the full learning rate again.
# Learns from 200 synthetic rosettes; 40 others choose weights and settings.
# Time-bound training depends on the machine; the scores in the card are those of the run that ships.
set -eu
out=$1
here=$(dirname "$0")
data=$out/rosettes
python "$here/draw.py" rosettes "$data"
learn() {
    napari-discern train --images "$data/train/images" --labels "$data/train/masks" --val-images "$data/val/images" \
        --val-labels "$data/val/masks" --overwrite "$@"
}
learn --out "$out/leaves-first" --minutes "${2:-28}" --stride 2
learn --out "$out/leaves-trained" --minutes "${3:-30}" --model "$out/leaves-first" --finetune_learning_rate 0.002
python "$here/card.py" "$out/leaves-trained" "$out/leaves" --name leaves --val "$data/val" \
    --licence "CC0 1.0" \
    --data "200 synthetic rosettes (napari_discern.synthetic.Rosette). Reproduced by training/leaves.sh. Scores are of 40 others on which weights and settings were chosen; real plants were only looked at." \
    --description "Leaves of a rosette such as Arabidopsis seen from above, in colour, some hidden by others, 4 to 20 a plant. Learnt from synthetic pictures only: a start to fine-tune from on real plants."
