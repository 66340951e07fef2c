"""`deg export-model`: a run as one file, which is read with care."""

import json
import shutil
import zipfile

import exported
import pytest
import tiny

from deg_core import cli
from deg_core.data import bundle
from deg_core.errors import ConfigError, ModelError, StateError
from deg_core.project import export_model
from deg_core.project.plan import Job
from deg_core.splits import Run


@pytest.fixture
def project(exported_run, tmp_path):
    """A project folder to change."""
    return shutil.copytree(exported_run[0], tmp_path / "project")


@pytest.fixture
def file(exported_run, tmp_path):
    """The run's file, to damage."""
    return shutil.copy(exported_run[1], tmp_path / "run.deg")


def rewritten(file, *, manifest=None, members=None, compress=zipfile.ZIP_STORED):
    """Write the archive again with changes to its manifest and its members."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    known = json.loads(content[bundle.MANIFEST]) | (manifest or {})
    content |= {bundle.MANIFEST: json.dumps(known).encode()} | (members or {})
    with zipfile.ZipFile(file, "w", compress) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def test_what_is_in_it(exported_run, tmp_path):
    project, file = exported_run
    manifest = bundle.unpack(file, tmp_path / "models")
    assert manifest.run == exported.RUN
    assert manifest.behaviors == list(tiny.BEHAVIORS)
    assert manifest.settings == exported.SETTINGS
    assert manifest.needs_background
    assert not manifest.quantized
    assert {path.name for path in (tmp_path / "models").iterdir()} == set(bundle.MEMBERS)
    own = project / "results/models/sequence" / f"{exported.RUN}.pt"
    assert (tmp_path / "models/sequence.pt").read_bytes() == own.read_bytes()


def test_the_same_run_is_the_same_bytes(project, file, monkeypatch):
    monkeypatch.setattr(export_model.planning, "planned", lambda *_, **__: [])
    again = project / "again.deg"
    words = ["export-model", f"{project}", "--run", exported.RUN, "--out", f"{again}"]
    assert cli.main(words) == 0
    assert again.read_bytes() == file.read_bytes()


def test_a_run_that_is_not_computed_or_stale(project, monkeypatch, tmp_path):
    stale = [Job("train_sequence", exported.RUN, "Code has changed since last execution")]
    asked = []

    def planned(folder, *, environment, targets):
        asked.extend(targets)
        return stale

    monkeypatch.setattr(export_model.planning, "planned", planned)
    arguments = {"run": None, "out": tmp_path / "x.deg", "environment": {}}
    with pytest.raises(StateError, match=r"not what settings and labels say now \(train_seq"):
        export_model.export(project, **arguments)
    # All that the run rests on: asked for the last file only, Snakemake would not look above it.
    assert len(asked) == 6
    assert all((project / target).is_file() for target in asked)
    (project / f"results/models/features/{exported.RUN}.pt").unlink()
    with pytest.raises(StateError, match="not computed yet; `deg run "):
        export_model.export(project, **arguments)
    assert not (tmp_path / "x.deg").exists()


def test_which_run_is_meant():
    full, final = Run("lite", "0", "all"), Run("lite", "final", "all")
    assert export_model.choose([full, Run("lite", "0", "2")], None) == full
    assert export_model.choose([full, Run("lite", "1", "all"), final], None) == final
    assert export_model.choose([full, final], "lite/0/all") == full
    with pytest.raises(ConfigError, match="several runs could be meant; name one of lite/0/all"):
        export_model.choose([full, Run("lite", "1", "all")], None)
    with pytest.raises(ConfigError, match="has no run 'lite/7/all'; there are lite/0/all"):
        export_model.choose([full], "lite/7/all")
    with pytest.raises(ConfigError, match="there is no run"):
        export_model.choose([], None)


def test_only_runs_that_look_at_video(project, monkeypatch):
    monkeypatch.setattr(export_model, "source_of", lambda *_: "keypoints")
    with pytest.raises(ConfigError, match="looks at keypoints, and only runs that look at video"):
        export_model.export(project, run=None, out=project / "x.deg", environment={})


def test_models_of_different_behaviors(project, monkeypatch):
    monkeypatch.setattr(export_model.planning, "planned", lambda *_, **__: [])
    path = project / f"results/thresholds/{exported.RUN}.postprocess.json"
    path.write_text(path.read_text().replace('"move"', '"rest"'))
    with pytest.raises(ModelError, match="expected a model of bright, rest, found one of bright,"):
        export_model.export(project, run=None, out=project / "x.deg", environment={})


def test_int8_goes_along(tmp_path):
    named = export_model.files_of(tmp_path, Run("lite", "0", "all"), int8=True)
    assert set(named) == {*bundle.MEMBERS, *bundle.QUANTIZED}
    assert named["quantized.bin"] == tmp_path / "models/quantized/lite/0/all.bin"
    assert named["quantized.run.json"] == tmp_path / "models/quantized/lite/0/all.run.json"


@pytest.mark.parametrize("where", [0.001, 0.3, 0.7, 0.999])
def test_a_changed_byte_is_found(file, where):
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ModelError, match="the file is damaged or another one"), bundle.opened(file):
        pass


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_file_that_was_cut_off(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="export the run again"), bundle.opened(file):
        pass


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"manifest": {"format": "deg-core run 9"}}, "its format is not"),
        ({"manifest": {"unknown": 1}}, "unknown"),
        ({"manifest": {"members": {"../flow.pt": {}}}}, "its files are"),
        ({"manifest": {"behaviors": "bright"}}, "its 'behaviors' is bright"),
        ({"manifest": {"settings": {"import": {}}}}, "its 'settings' is"),
        ({"manifest": {"members": []}}, "its 'members' is"),
        ({"members": {"flow.pt": b"another"}}, "flow.pt is not as long"),
        ({"compress": zipfile.ZIP_DEFLATED}, "not as long as the manifest says"),
        ({"members": {bundle.MANIFEST: b"[]"}}, "damaged"),
        ({"members": {bundle.MANIFEST: b" " * 2**21}}, "its manifest is too long"),
    ],
)
def test_foreign_archives(file, changes, reason):
    rewritten(file, **changes)
    with pytest.raises(ModelError, match=reason), bundle.opened(file):
        pass


def test_no_file_of_an_archive_is_written_elsewhere(file, tmp_path):
    """What the manifest does not name stays in the archive."""
    rewritten(file, members={"../evil.txt": b"evil", "extra.pt": b"extra"})
    bundle.unpack(file, tmp_path / "a/models")
    assert {path.name for path in (tmp_path / "a/models").iterdir()} == set(bundle.MEMBERS)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["models"]


def test_a_file_that_changes_while_it_is_exported(exported_run, tmp_path):
    with bundle.opened(exported_run[1]) as (manifest, _):
        pass
    changed = {name: tmp_path / name for name in bundle.MEMBERS}
    for path in changed.values():
        path.write_text("another")
    with pytest.raises(ModelError, match="not as long"):
        bundle.write(tmp_path / "x.deg", manifest, changed)
    assert not (tmp_path / "x.deg").exists()
