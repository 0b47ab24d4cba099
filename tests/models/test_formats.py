"""Model files of every format version so far load, and predict what they did when written.

``python tests/models/test_formats.py`` writes those of the present version, to be kept for good.
"""

import json
from pathlib import Path

import pytest
import torch
from molecules import SMALL_STEGMN, alkane, perturbed_model, random_walk
from safetensors.torch import load, save

from openmm_stegmn.models import FORMAT_VERSION, ModelFileError, _files, load_model, save_model

FILES = Path(__file__).parent / "files"


def window():
    return random_walk(alkane(4), 4, seed=3).float()


def write():
    model = perturbed_model(
        alkane(4), "stegmn", config=SMALL_STEGMN, provenance={"format": FORMAT_VERSION}
    ).float()
    save_model(model, FILES / f"format-{FORMAT_VERSION}.safetensors")
    with torch.no_grad():
        stored = {"window": window().tolist(), "frames": model(window()).tolist()}
    (FILES / f"format-{FORMAT_VERSION}.json").write_text(json.dumps(stored) + "\n")


def test_a_file_of_each_version_is_kept():
    names = [f"format-{version}" for version in range(1, FORMAT_VERSION + 1)]
    assert sorted(path.stem for path in FILES.glob("*.safetensors")) == names
    assert sorted(_files._MIGRATIONS) == list(range(1, FORMAT_VERSION))


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_it_predicts_what_it_did(version):
    model = load_model(FILES / f"format-{version}.safetensors")
    stored = json.loads((FILES / f"format-{version}.json").read_text())
    with torch.no_grad():
        frames = model(torch.tensor(stored["window"]))
    torch.testing.assert_close(frames, torch.tensor(stored["frames"]), atol=1e-4, rtol=0)
    assert model.spec.provenance == {"format": version}


def test_migrations_are_made_one_after_the_other(tmp_path, monkeypatch):
    """As if two versions later names and masses were written in other ways."""
    data = (FILES / "format-1.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    expected = json.loads(header["spec"])

    def old(spec, names):
        return {names.get(name, name): value for name, value in spec.items()}

    monkeypatch.setattr(_files, "FORMAT_VERSION", 3)
    monkeypatch.setattr(
        _files, "_MIGRATIONS",
        {
            1: lambda m: m | {"spec": json.dumps(old(json.loads(m["spec"]), {"T": "lag"}))},
            2: lambda m: m | {"spec": json.dumps(old(json.loads(m["spec"]), {"lag": "history"}))},
        },
    )  # fmt: skip
    changed = old(expected, {"history": "T"})
    path = tmp_path / "old.safetensors"
    path.write_bytes(save(load(data), header | {"spec": json.dumps(changed)}))
    assert load_model(path).history == expected["history"]
    path.write_bytes(save(load(data), header | {"format_version": "4"}))
    with pytest.raises(ModelFileError, match="format version 4, .* reads 1 to 3; update"):
        load_model(path)


if __name__ == "__main__":
    write()
