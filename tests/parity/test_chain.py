"""Imported models through the pipeline itself: video, features, probabilities as the original's.

`test_project.py` compares our functions for the original's rules; here only stages of ours run,
with the settings that `deg import-model` prints.
"""

import h5py
import numpy as np
import pytest
import reference
import torch
import yaml
from test_project import CONTENTS, SEQUENCE_RUN, path_of, with_behaviors

from deg_core.data.arrays import read_features, read_predictions
from deg_core.project.import_model import import_model
from deg_core.settings import ExtractSettings, ImportSettings, from_dict
from deg_core.stages import extract_features, import_video, predict

FOLDERS = ["mouse01", "mouse04"]  # of pictures, as any program writes them


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with the imported models, and what was printed for config.yaml."""
    folder = tmp_path_factory.mktemp("models")
    weights = reference.filled(with_behaviors(reference.STATE_DICTS["hidden_two_stream_fast"], 3))
    torch.save({"epoch": 1, "state_dict": weights}, folder / "extractor.pt")
    project = yaml.safe_load((reference.PROJECT / "project_config.yaml").read_text())
    run = yaml.safe_load((SEQUENCE_RUN / "config.yaml").read_text())
    # The run's configuration says 180 frames, but its outputs were computed in such windows.
    run["sequence"]["sequence_length"] = CONTENTS["sequence_length"]
    sequence = next((SEQUENCE_RUN / "lightning_checkpoints").glob("*.ckpt"))
    lines = {}
    for name, file, about in (
        ("features", folder / "extractor.pt", project),
        ("sequence", sequence, run),
    ):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(about))
        lines |= imported(file, folder / f"of_{name}.pt", folder / f"{name}.yaml")
    return folder, lines


def imported(file, out, config):
    with pytest.MonkeyPatch.context() as patch:
        printed = []
        patch.setattr("builtins.print", lambda *parts: printed.extend(parts))
        import_model(file, out=out, config=config)
    return yaml.safe_load("\n".join(printed).split("In config.yaml:\n\n")[1].split("\n\n")[0])


@pytest.mark.parametrize("video", FOLDERS)
def test_stages_give_the_features_and_probabilities_of_the_original(video, models, tmp_path):
    folder, lines = models
    store, features, out = (tmp_path / name for name in ("store.h5", "features.h5", "out.h5"))
    settings = from_dict(ImportSettings, lines["import"])
    assert (settings.size, settings.resize) == ((32, 64), "linear")
    import_video.run(raw=path_of(video, "rgb"), out=store, settings=settings)
    extract_features.run(
        store=store, background=tmp_path / "none.png", flow=folder / "of_features.flow.pt",
        features=folder / "of_features.pt", out=features, threads=1,
        settings=ExtractSettings(precision="fp32"),
    )  # fmt: skip
    assert lines["sequence"]["common"]["inference_window"] == CONTENTS["sequence_length"] == 15
    predict.run(features=features, model=folder / "of_sequence.pt", out=out, threads=1)

    with h5py.File(path_of(video, "output")) as stored:
        extracted = {key: stored["resnet18"][key][()] for key in stored["resnet18"]}
        logits, expected = stored["tgmj/logits"][()], stored["tgmj/P"][()]
    found, predicted = read_features(features), read_predictions(out)
    assert list(predicted.behaviors) == CONTENTS["behaviours"][1:]
    reference.close(found.spatial, extracted["spatial_features"])
    reference.close(found.flow, extracted["flow_features"])
    reference.close(found.logits, extracted["logits"][:, 1:])
    reference.close(predicted.feature_probabilities, extracted["P"][:, 1:])
    reference.close(predicted.probabilities, expected[:, 1:])
    with np.errstate(divide="ignore"):
        own = np.log(predicted.probabilities) - np.log1p(-predicted.probabilities.astype(float))
    reference.close(own, logits[:, 1:], rtol=1e-3)
