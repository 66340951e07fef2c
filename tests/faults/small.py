"""A project so small that a whole run takes a minute of one core, with all three trainings in it.

They last some seconds each, in many short epochs, so that most kills meet them at work. Its raw
videos and labels are those of `tiny`; nothing of it depends on the clock or the machine.
"""

from pathlib import Path

import tiny
import videos

from deg_core.project import add, new

SETTINGS = """behaviors: [bright, move]
presets: [tiny]
preset_base: {tiny: lite}
import: {size: [32, 32]}
splits: {val: 0.34, test: 0.34}
flow:
  tiny: {network: tiny_motion_net, width: 0.1, clip: 5, epochs: 30, steps_per_epoch: 4,
    batch_size: 4, val_clips: 6}
features:
  tiny: {width: 0.25, epochs: 30, steps_per_epoch: 4, batch_size: 8}
sequence:
  tiny: {window: 20, filter_length: 5, n_filters: 3, n_layers: 2, hidden: 8, epochs: 150,
    batch_size: 4}
postprocess: {method: min_bout, min_bout: 2}
figures: {ethograms: test}
"""


def make(folder: Path, raw: Path) -> Path:
    """Make the project; ``raw`` is the folder of its raw videos, made where it is missing."""
    new.create(folder, behaviors=list(tiny.BEHAVIORS), environment={})
    (folder / "config.yaml").write_text(SETTINGS)
    if not raw.exists():
        for video in tiny.VIDEOS:
            videos.write_video(raw / f"{video}.mkv", tiny.frames_of(video), codec="ffv1")
            (raw / f"{video}_labels.csv").write_text(tiny.label_text(video))
    assert add.add_videos(folder, [raw / f"{video}.mkv" for video in tiny.VIDEOS]) == 0
    return folder
