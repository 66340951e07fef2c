"""A tiny video with all that the parts of `deg bench` measure on."""

from types import SimpleNamespace

import pytest
import videos

from deg_core.bench import material, untrained

N_FRAMES, SIZE = 40, (32, 32)
FLOW = {"network": "tiny_motion_net", "width": 0.1, "clip": 5}
FEATURES = {
    "backbone": "small_cnn", "width": 0.25, "inputs": ["frame", "background_difference"],
}  # fmt: skip


@pytest.fixture(scope="session")
def measured_on(tmp_path_factory):
    """Video, store, statistics and both models; do not change."""
    folder = tmp_path_factory.mktemp("bench")
    video = videos.write_video(folder / "raw.mkv", videos.moving_square(N_FRAMES), codec="ffv1")
    store = folder / "video.h5"
    material.make_store(
        video=str(video), out=str(store), size=SIZE, n_frames=100, settings={"store": "auto"}
    )
    material.make_statistics(store=str(store), folder=str(folder))
    about = untrained.make_models(
        folder=str(folder), store=str(store), statistics=str(folder),
        settings={"flow": FLOW, "features": FEATURES},
    )  # fmt: skip
    return SimpleNamespace(
        folder=folder, video=video, store=store, flow=folder / "flow.pt",
        features=folder / "features.pt", about=about,
    )  # fmt: skip
