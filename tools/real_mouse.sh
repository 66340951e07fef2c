#!/usr/bin/env bash
# Real camera videos, from files to scores, by the everyday commands alone.
#   tools/real_mouse.sh FOLDER [PROJECT]
# FOLDER holds mouse*.mp4 and, beside each, mouse*_labels.csv with one row per frame.
# PROJECT is made; default: a folder real_mouse in the current folder.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  sed -n '2,5p' "$0" >&2
  exit 2
fi
videos=$1
project=${2:-real_mouse}

# The environment of `make install` goes first, where there is one.
here=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$here/.venv/bin/deg" ] && PATH="$here/.venv/bin:$PATH"

deg new "$project" --behaviors locomotion immobile near_wall turning

# The clips have 192 x 256 pixels. They are few and short, so that the small preset fits them. Two
# of the eight choose the model, two test it: fewer could not hold every behavior.
cat > "$project/config.yaml" <<'YAML'
behaviors: [locomotion, immobile, near_wall, turning]
presets: [lite]
import:
  size: [96, 128]
splits: {count: 1, val: 0.25, test: 0.25}
augment: {flip_ud: 0.5}
YAML

deg add "$project" "$videos"/mouse*.mp4
deg run "$project"
# Prints F1 of each behavior and their mean on the test videos, beside the chance level.
deg report "$project"
