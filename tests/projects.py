"""Small projects for tests: videos of a few frames, labels, tables."""

import videos

from deg_core.project import add, new

HEADER = "video\tpath\tgroup\tpretrain\tlabels\tsplit\n"


def write_video(path, *, n_frames=20, size=(32, 48), seed=0, timestamps=None):
    """Write noise, with a key frame every fifth frame."""
    frames = videos.noise(n_frames, *size, seed=seed)
    return videos.write_video(path, frames, timestamps=timestamps, options={"g": "5"})


def frame_labels(*, n_frames=20, **positive):
    """Write a table of frames as text: each behavior is present on the frames given."""
    rows = [",".join(["background", *positive])]
    for frame in range(n_frames):
        values = [int(frame in frames) for frames in positive.values()]
        rows.append(",".join(map(str, [int(not any(values)), *values])))
    return "\n".join(rows) + "\n"


def make_project(folder, *, n_videos=3, behaviors=("groom", "rear")):
    """Make a project with labeled videos m0, m1, ... outside of it, by the everyday functions."""
    raw = folder.parent / f"raw of {folder.name}"
    new.create(folder, behaviors=list(behaviors), environment={})
    paths = [write_video(raw / f"m{number}.mp4", seed=number) for number in range(n_videos)]
    for path in paths:
        text = frame_labels(**{name: range(5 * i, 5 * i + 5) for i, name in enumerate(behaviors)})
        path.with_name(f"{path.stem}_labels.csv").write_text(text)
    assert add.add_videos(folder, paths) == 0
    return folder
