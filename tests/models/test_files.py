"""Model files that are not what they should be: one clear error that names the file."""

import json
import os

import pytest
import torch
from molecules import alkane, perturbed_model
from safetensors.torch import load, save, save_file

from openmm_stegmn.models import ModelFileError, load_model, save_model


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "good.safetensors"
    save_model(perturbed_model(alkane(4), "stegmn"), path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bad.safetensors"


def header_length(content):
    return int.from_bytes(content[:8], "little")


def rewritten(content, change_tensors=None, change_metadata=None, change_spec=None):
    """The same file with other tensors or another header."""
    length = header_length(content)
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = load(content)
    if change_tensors:
        change_tensors(tensors)
    if change_spec:
        spec = json.loads(metadata["spec"])
        change_spec(spec)
        metadata["spec"] = json.dumps(spec)
    if change_metadata:
        change_metadata(metadata)
    return save(tensors, metadata)


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("size", [0, 3, 8, 9, 1000, "header", "header + 1", "half", "all but one"])
def test_truncated(content, path, size):
    named = {
        "header": 8 + header_length(content),
        "header + 1": 9 + header_length(content),
        "half": len(content) // 2,
        "all but one": len(content) - 1,
    }
    refused(path, content[: named.get(size, size)])


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(path, seed):
    generator = torch.Generator().manual_seed(seed)
    size = 10 ** (seed + 1)
    noise = torch.randint(256, (size,), generator=generator, dtype=torch.uint8).numpy().tobytes()
    assert "not a model file" in refused(path, noise)
    refused(path, (100).to_bytes(8, "little") + noise)


@pytest.mark.parametrize(
    "header", ["null", "[]", '"text"', '{"__metadata__": null}', "[" * 100_000]
)
def test_headers_that_are_json_but_no_header(path, header):
    refused(path, len(header).to_bytes(8, "little") + header.encode())


def test_another_safetensors_file(path):
    save_file({"weights": torch.zeros(3)}, path)
    assert "not a model file" in refused(path, path.read_bytes())
    save_file({"weights": torch.zeros(3)}, path, {"format": "pt"})
    assert "not a model file" in refused(path, path.read_bytes())


@pytest.mark.parametrize("version", ["2", "0", "x"])
def test_another_format_version(content, path, version):
    bad = rewritten(content, change_metadata=lambda m: m.update(format_version=version))
    message = refused(path, bad)
    assert f"format version {version}" in message
    assert "reads 1" in message


def test_no_specification(content, path):
    refused(path, rewritten(content, change_metadata=lambda m: m.pop("spec")))
    refused(path, rewritten(content, change_metadata=lambda m: m.update(spec="{")))
    refused(path, rewritten(content, change_metadata=lambda m: m.update(spec="[1, 2]")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "perceiver"}, "no model named 'perceiver'"),
        ({"history": 7}, "expected"),
        ({"history": 0}, "history"),
        ({"history": "4"}, "'str'"),
        ({"config": {"width": 3}}, "width"),
        ({"config": {"hidden": 6, "heads": 4}}, "heads"),
        ({"bonds": [[0, 99]]}, r"bond (0, 99)"),
        ({"constraints": [[0, -1]], "constraint_lengths": [1.0]}, "constraint (0, -1)"),
        ({"masses": [1.0]}, "masses has 1 entries for 14 atoms"),
        ({"masses": [0.0] * 14}, "no mass"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_specifications_that_do_not_fit(content, path, change, message):
    assert message in refused(path, rewritten(content, change_spec=lambda s: s.update(change)))


def test_missing_field(content, path):
    message = refused(path, rewritten(content, change_spec=lambda s: s.pop("masses")))
    assert "masses" in message


def test_tensors_that_do_not_fit(content, path):
    name = "mechanism.regression.weights"
    wrong_shape = rewritten(content, lambda t: t.update({name: torch.zeros(2, 2)}))
    assert f"tensor {name} is (2, 2), expected (3, 9)" in refused(path, wrong_shape)
    assert name in refused(path, rewritten(content, lambda t: t.pop(name)))
    extra = rewritten(content, lambda t: t.update(other=torch.zeros(1)))
    assert "other" in refused(path, extra)
    for bad in (float("nan"), float("inf")):
        broken = rewritten(content, lambda t, bad=bad: t[name].fill_(bad))
        assert "not finite" in refused(path, broken)


@pytest.mark.parametrize("name", ["no-such-model", "no/such/model.safetensors"])
def test_missing_file(name):
    with pytest.raises(ModelFileError, match=f"{name}.*No such file.*alanine-dipeptide"):
        load_model(name)


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFileError, match=str(tmp_path)):
        load_model(tmp_path)


def test_saving_leaves_nothing_else(tmp_path):
    save_model(perturbed_model(alkane(4), "torsion-linear"), tmp_path / "m.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_failing_to_save_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "m.safetensors"
    model = perturbed_model(alkane(4), "torsion-linear")
    save_model(model, path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="no space"):
        save_model(model, path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    assert path.read_bytes() == before


def test_weights_that_are_not_finite_are_not_saved(content, path):
    path.write_bytes(content)
    model = load_model(path)
    next(iter(model.parameters())).data.fill_(float("nan"))
    with pytest.raises(ValueError, match="bad.safetensors is not written: tensor .* not finite"):
        save_model(model, path)
    assert path.read_bytes() == content


def test_a_specification_that_json_cannot_hold(tmp_path):
    model = perturbed_model(alkane(4), "persistence", provenance={"script": tmp_path})
    with pytest.raises(TypeError):
        save_model(model, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_models_are_saved_in_whatever_precision_and_loaded_in_single(tmp_path):
    model = perturbed_model(alkane(4), "stegmn").double()
    save_model(model, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in loaded.parameters())
    assert not loaded.training
