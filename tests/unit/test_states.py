"""State files of published trainings stay until a run has ended well."""

from deg_core import states


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_published_training_keeps_its_last_states_only(tmp_path):
    make(tmp_path, "last.pt", "previous.pt", "flow/last.pt", "flow/previous.pt", "batch.json")
    states.finish(tmp_path)
    assert names_in(tmp_path) == ["batch.json", "finished.pt", "flow/finished.pt"]
    states.finish(tmp_path / "absent")


def test_a_state_is_found_in_any_phase(tmp_path):
    assert not states.has_state(tmp_path)
    make(tmp_path, "flow/other.pt")
    assert not states.has_state(tmp_path)
    make(tmp_path, "flow/previous.pt")
    assert states.has_state(tmp_path)


def test_finished_states_go_where_the_model_is_there(tmp_path):
    state, models = tmp_path / "state", tmp_path / "results/models"
    make(state, "train_flow/lite/finished.pt", "train_flow/lite/batch.json")
    make(state, "train_features/lite/0/all/spatial/finished.pt", "train_features/lite/0/1/last.pt")
    make(state, "train_keypoints/k/0/all/finished.pt", "train_other/finished.pt")
    make(models, "flow/lite.pt", "features/lite/0/all.pt")
    states.discard_finished(tmp_path)
    assert names_in(state) == [
        "train_features/lite/0/1/last.pt",
        "train_keypoints/k/0/all/finished.pt",
        "train_other/finished.pt",
    ]
    make(models, "sequence/k/0/all.pt")
    states.discard_finished(tmp_path)
    assert "train_keypoints/k/0/all/finished.pt" not in names_in(state)
    states.discard_finished(tmp_path / "absent")
