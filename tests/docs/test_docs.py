"""The pages in docs/ tell all public names, and take from files what is there."""

import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import openmm_stegmn

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "source"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
METADATA = yaml.safe_load((ROOT / "metadata.yaml").read_text())
# The command line is told by its own --help.
PACKAGES = sorted(
    {
        found.name.removeprefix("openmm_stegmn.")
        for found in pkgutil.walk_packages(openmm_stegmn.__path__, "openmm_stegmn.")
        if found.ispkg
    } - {"cli"}
    | {page.stem for page in (PAGES / "api").glob("*.rst")} - {"index", "openmm_stegmn"}
)  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_api(package):
    public = set(importlib.import_module(f"openmm_stegmn.{package}").__all__)
    page = (PAGES / "api" / f"{package}.rst").read_text()
    assert f".. module:: openmm_stegmn.{package}\n" in page
    listed = set(re.findall(r"^   (\w+)$", page, re.MULTILINE))
    constants = set(re.findall(r"^\.\. py:data:: (\w+)$", page, re.MULTILINE))
    told = set(re.findall(r"``(?:openmm_stegmn\.\w+\.)?(\w+)``", page))
    assert public - listed - constants - told == set()
    assert (listed | constants) - public == set()


def test_every_page_of_the_api_is_in_its_contents():
    contents = re.findall(r"^   ([\w.]+)$", (PAGES / "api" / "index.rst").read_text(), re.MULTILINE)
    assert sorted(contents) == sorted([*PACKAGES, "openmm_stegmn"])


def test_names_of_the_package_itself():
    page = (PAGES / "api" / "openmm_stegmn.rst").read_text()
    named = re.findall(r"``openmm_stegmn\.(\w+)``\n +- :\w+:`(openmm_stegmn\.\w+)\.(\w+)`", page)
    assert [name for name, _, _ in named] == openmm_stegmn.__all__
    for name, home, target in named:
        assert getattr(importlib.import_module(home), target) is getattr(openmm_stegmn, name)


def inclusions():
    """Page, file and options of each part of a page that is taken from a file."""
    pattern = r"^```\{(?:literal)?include\} (\S+)\n((?::.*\n)*)```"
    for page in sorted(PAGES.rglob("*.md")):
        for file, options in re.findall(pattern, page.read_text(), re.MULTILINE):
            pairs = [line[1:].partition(":")[::2] for line in options.splitlines()]
            yield page, file, {name: yaml.safe_load(value) for name, value in pairs}


@pytest.mark.parametrize(
    ("page", "file", "options"),
    [pytest.param(*each, id=f"{each[0].stem}-{n}") for n, each in enumerate(inclusions())],
)
def test_what_is_taken_from_a_file_is_there(page, file, options):
    text = (page.parent / file).read_text()
    start = 0
    for option in ("start-after", "start-at"):
        if option in options:
            assert text.count(options[option]) >= 1, options[option]
            start = text.index(options[option]) + 1
    if "end-before" in options:
        assert options["end-before"] in text[start:]
    if "pyobject" in options:
        assert re.search(rf"^def {options['pyobject']}\(", text, re.MULTILINE)


def test_sphinx_has_nothing_to_warn_of(tmp_path):
    """On a copy: what is generated in docs/ may be of names that are gone."""
    root = tmp_path / "root"
    ignored = shutil.ignore_patterns("generated")
    shutil.copytree(ROOT / "docs", root / "docs", ignore=ignored)
    for entry in ROOT.iterdir():
        if entry.name != "docs":
            (root / entry.name).symlink_to(entry)
    command = ["sphinx", "-W", "-q", "-b", "dummy", "docs/source", str(tmp_path / "pages")]
    found = subprocess.run(
        [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr


def test_the_script_of_the_readme_is_the_example():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)
    example = (ROOT / "examples" / "alanine_dipeptide.py").read_text()
    assert example.split('"""\n\n', 1)[1] == blocks[0]


def test_metadata_of_the_registry_agrees_with_the_project():
    assert METADATA["project_name"] == PROJECT["name"]
    assert METADATA["authors"] == [author["name"] for author in PROJECT["authors"]]
    assert METADATA["import_name"] == openmm_stegmn.__name__
    assert METADATA["python_requires"] == PROJECT["requires-python"]
    needs = {re.match(r"[\w-]+", line)[0]: line for line in PROJECT["dependencies"]}
    assert needs["mdanalysis"] == f"mdanalysis{METADATA['mdanalysis_requires']}"
    assert METADATA["development_status"] in PROJECT["classifiers"]
    assert f"License :: OSI Approved :: {METADATA['license']} License" in PROJECT["classifiers"]
    licence = (ROOT / PROJECT["license"]["file"]).read_text()
    assert licence.startswith(f"{METADATA['license']} License")
    assert PROJECT["version"] == openmm_stegmn.__version__


def test_metadata_has_the_entries_that_the_registry_requires():
    required = {
        "project_name", "authors", "maintainers", "description", "keywords", "license",
        "project_home", "documentation_home", "documentation_type",
    }  # fmt: skip
    assert required <= set(METADATA)
