"""Where studies, networks, data sets and claims are looked for when another workflow imports this one."""

from pathlib import Path

import numpy as np
import pytest

from normreg.config import datasets, folders, networks, studies, study_files
from normreg.errors import ConfigError

_LAYERS = "layers:\n  - conv: {channels: %d, kernel: 3}\n  - norm\n  - global_avg_pool\n  - flatten\n"
_LAYERS += "  - linear: {features: classes}\n"
_STUDY = "extends: controlled\nepochs: %d\n"


@pytest.fixture
def project(root, tmp_path, monkeypatch):
    """A project in `project/`, and beside it the folder of a workflow that imports it: the working directory."""
    made = tmp_path / "project"
    for place in (made, tmp_path / "importer"):
        for kind in ("studies", "networks", "datasets"):
            (place / "config" / kind).mkdir(parents=True)
    (made / "Snakefile").touch()
    (made / "config/studies/controlled.yaml").write_text((root / "config/studies/controlled.yaml").read_text())
    monkeypatch.setattr(folders, "PROJECT", made)
    monkeypatch.chdir(tmp_path / "importer")
    return made


def load(study, network=None):
    return studies.load_run({"study": study, "network": network, "epochs": None})


def test_a_study_extends_one_of_the_project(project):
    Path("config/studies/mine.yaml").write_text(_STUDY % 3)
    assert study_files.names() == ["controlled", "mine"]
    assert {condition["epochs"] for condition in load("mine").conditions.values()} == {3}
    assert study_files.path_of("controlled") == Path("../project/config/studies/controlled.yaml")
    assert study_files.path_of("new") == Path("config/studies/new.yaml")  # where it should be
    (project / "config/studies/theirs.yaml").write_text("extends: mine\n")  # looked for in both folders too
    assert load("theirs").conditions["none-bn"]["epochs"] == 3


def test_one_name_in_both_folders_is_refused_if_the_files_differ(project):
    for place in (Path(), project):
        (place / "config/studies/mine.yaml").write_text(_STUDY % 3)
        (place / "config/networks/own.yaml").write_text(_LAYERS % 8)
    assert load("mine", "own").name == "mine-own"  # the same file, as after a copy of config/
    assert study_files.path_of("mine") == Path("config/studies/mine.yaml")
    (project / "config/studies/mine.yaml").write_text(_STUDY % 4)
    differs = r"mine\.yaml, which differs; rename this file"
    with pytest.raises(ConfigError, match=rf"^config/studies/mine\.yaml: .* of \.\./project/config/studies/{differs}"):
        load("mine")
    (project / "config/networks/own.yaml").write_text(_LAYERS % 9)
    with pytest.raises(ConfigError, match=r"config/networks/own\.yaml: .* of \.\./project/config/networks/own\.yaml;"):
        networks.find("own")


def test_networks_of_both_folders(project):
    Path("config/networks/own.yaml").write_text(_LAYERS % 8)
    (project / "config/networks/theirs.yaml").write_text(_LAYERS % 4)
    (project / "config/networks/code.py").write_text("def build(spec):\n    pass\n")
    assert networks.names()[-3:] == ["code", "own", "theirs"]
    assert networks.find("theirs").layers[0].channels == 4
    assert networks.find("code").path == "../project/config/networks/code.py"  # relative: both folders can move
    Path("config/networks/theirs.py").write_text("def build(spec):\n    pass\n")
    with pytest.raises(ConfigError, match=r"theirs\.py: its name is also that of .*theirs\.yaml; rename"):
        networks.find("theirs")


def test_a_data_set_of_the_project_has_its_images_there(project):
    images, labels = np.zeros((6, 8, 8), np.uint8), np.array([0, 1, 0, 1, 0, 1])
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    for place, name in ((Path(), "mine"), (project, "theirs")):
        np.savez(place / "images.npz", **arrays)
        (place / f"config/datasets/{name}.yaml").write_text("npz: images.npz\n")
    assert datasets.names()[-2:] == ["mine", "theirs"]
    assert Path(datasets.find("mine").source.path).resolve() == Path("images.npz").resolve()
    assert Path(datasets.find("theirs").source.path).resolve() == project / "images.npz"


def test_a_project_in_its_own_folder_has_one_place(project, monkeypatch):
    assert folders.places(study_files.STUDIES) == (Path("config/studies"), Path("../project/config/studies"))
    monkeypatch.chdir(project)
    assert folders.places(study_files.STUDIES) == (Path("config/studies"),)
    assert folders.files(study_files.STUDIES, "controlled.yaml") == [Path("config/studies/controlled.yaml")]


def test_defaults_are_for_missing_keys_alone(project, monkeypatch):
    (project / "config/config.yaml").write_text("dataset: mnist\nseeds: 2\nepochs: 7\n")
    given = {"dataset": "digits", "epochs": None, "report": {"landing": "of an earlier import"}}
    assert studies.fill_in(given) == {"dataset": "digits", "epochs": None, "seeds": 2}
    texts = {"dataset": "2", "seeds": "3", "epochs": "x"}  # as from a section on the command line
    assert studies.fill_in(texts) == {"dataset": "2", "seeds": 3, "epochs": "x"}
    monkeypatch.chdir(project)
    assert studies.fill_in(texts)["seeds"] == "3"  # there it was written so
    (project / "config/config.yaml").write_text("just a text\n")
    with pytest.raises(ConfigError, match=r"config/config\.yaml: found 'just a text'; expected keys"):
        studies.fill_in({})
