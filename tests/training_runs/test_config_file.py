"""Settings from YAML files: the shipped examples, and what is wrong with others."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from openmm_stegmn.training import TrainingConfig
from openmm_stegmn.training_runs import DataSettings, TrainSettings, make_settings, read_config

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_everything_is_everything_by_its_default():
    written = yaml.safe_load((EXAMPLES / "everything.yaml").read_text())
    names = {
        section: {field.name for field in fields(kind)}
        for section, kind in (("data", DataSettings), ("training", TrainingConfig))
    }
    assert {section: set(written[section]) for section in names} == names
    assert set(written) - {"data"} == {field.name for field in fields(TrainSettings)}
    data, settings = make_settings(read_config(EXAMPLES / "everything.yaml"))
    assert settings == TrainSettings()
    assert data == DataSettings("top.pdb", ("run1.xtc",))
    assert make_settings(read_config(EXAMPLES / "minimal.yaml")) == (data, settings)


def settings_of(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    values = read_config(tmp_path / "a.yaml")
    values["data"] = {"topology": "a.pdb", "trajectory": ["a.xtc"]} | values["data"]
    return make_settings(values)


def test_values(tmp_path):
    # 2e-3 is text in YAML 1.1
    text = """
    target: proposal
    times: [1, 2.5]
    config: {hidden: 16}
    training: {learning_rate: 2e-3, time_reversal: false}
    data: {constraints: None, forcefield: [a.xml, b.xml]}
    """
    data, settings = settings_of(tmp_path, text)
    assert settings.times == (1.0, 2.5) and settings.config == {"hidden": 16}
    assert settings.training == TrainingConfig(learning_rate=2e-3, time_reversal=False)
    assert (data.constraints, data.forcefield) == ("None", ("a.xml", "b.xml"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("histroy: 3", "setting histroy: there is none of this name, the nearest is history"),
        ("steps: 3", "setting steps: .*, the nearest is training.steps"),
        ("training: {batchsize: 3}", "setting training.batchsize: .* is training.batch_size"),
        ("data: {topolgy: a.pdb}", "setting data.topolgy: .* is data.topology"),
        ("training: {steps: many}", "setting training.steps: .*valid integer.*, found 'many'"),
        ("training: {steps: 3.5}", "setting training.steps: .*, found 3.5"),
        ("times: 3", "setting times: .*tuple.*, found 3"),
        ("training: 3", "a.yaml: training: expected names and values, .* found int"),
        ("- 3", "a.yaml: expected names and values, .* found list"),
        ("history: [", "a.yaml: is not YAML"),
        ("training: {steps: 0}", "steps must be positive, got 0"),
        ("data: {topology: null}", "no topology given: name it by --topology, or as topology"),
        ("data: {system: a.xml, constraints: HBonds}", "system a.xml holds .* out constraints"),
    ],
)
def test_refused(tmp_path, text, found):
    with pytest.raises(ValueError, match=found):
        settings_of(tmp_path, text)


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match="absent.yaml: No such file"):
        read_config(tmp_path / "absent.yaml")
