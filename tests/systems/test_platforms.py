"""The choice of platform."""

import openmm
import pytest

from openmm_stegmn.systems import SetupError, _platforms, choose_platform, platform_properties


def argon(n_atoms):
    system = openmm.System()
    for _ in range(n_atoms):
        system.addParticle(39.948)
    return system


def test_small_runs_on_reference_and_large_on_cpu(monkeypatch):
    monkeypatch.setattr(_platforms, "_GPU_PLATFORMS", ())
    assert choose_platform("auto", argon(22)).getName() == "Reference"
    assert choose_platform("auto", argon(5000)).getName() == "CPU"


def test_interpreted_implicit_solvent_runs_on_cpu_whatever_its_size(monkeypatch):
    monkeypatch.setattr(_platforms, "_GPU_PLATFORMS", ())
    system = argon(22)
    system.addForce(openmm.CustomGBForce())
    assert choose_platform("auto", system).getName() == "CPU"


def test_named_in_any_case():
    assert choose_platform("cpu").getName() == "CPU"


def test_unknown_platform_lists_what_there_is():
    with pytest.raises(SetupError, match="'Abacus' is not installed here: OpenMM found Reference"):
        choose_platform("Abacus")


def test_installed_platform_without_a_device(monkeypatch):
    monkeypatch.setattr(_platforms, "_failure", lambda platform, on_gpu=False: "no device")
    with pytest.raises(SetupError, match="Reference cannot be used here: no device"):
        choose_platform("reference")


def test_auto_passes_over_a_gpu_platform_without_a_device(monkeypatch):
    monkeypatch.setattr(_platforms, "_GPU_PLATFORMS", ("CPU",))
    monkeypatch.setattr(_platforms, "_failure", lambda platform, on_gpu=False: "no device")
    assert choose_platform("auto", argon(22)).getName() == "Reference"


def test_cuda_absent():
    installed = {
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    }
    if "CUDA" in installed:
        pytest.skip("CUDA is installed here")
    with pytest.raises(SetupError, match="CUDA"):
        choose_platform("CUDA")


@pytest.mark.parametrize(
    ("device", "found"),
    [("NVIDIA H200", None), ("pthread-skylake-avx512-Intel(R) Xeon(R) Processor", "is no GPU")],
)
def test_opencl_on_a_processor_is_no_gpu(monkeypatch, device, found):
    class OpenCL:
        def getName(self):
            return "OpenCL"

        def getPropertyValue(self, context, name):
            return device

    monkeypatch.setattr(_platforms.openmm, "Context", lambda *arguments: None)
    failure = _platforms._failure(OpenCL(), on_gpu=True)
    assert failure is None if found is None else found in failure
    assert _platforms._failure(OpenCL()) is None


def test_precision():
    reference = openmm.Platform.getPlatformByName("Reference")
    assert platform_properties(reference, "double", threads=1) == {}
    cpu = openmm.Platform.getPlatformByName("CPU")
    assert platform_properties(cpu, "double") == {}
    assert platform_properties(cpu, threads=1) == {"Threads": "1"}
    with pytest.raises(SetupError, match="'half': expected one of single, mixed, double"):
        platform_properties(reference, "half")
