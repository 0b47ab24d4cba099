"""Settings of the documentation: ``python -m sphinx -W -b html docs/source docs/_build``."""

import os
import tomllib
from pathlib import Path

from sphinx import addnodes

ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = _PROJECT["name"]
author = copyright = _PROJECT["authors"][0]["name"]
release = version = _PROJECT["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
templates_path = ["_templates"]

html_theme = "mdanalysis_sphinx_theme"
html_title = f"{project} {release}"
html_theme_options = {"logo_only": False}  # the name of the project too
html_copy_source = False

autodoc_typehints = "none"  # docstrings state types, with shapes and units
default_role = "py:obj"  # names in single quotes are those of the API, where it has them
autodoc_member_order = "bysource"
napoleon_google_docstring = False
# as text: entries that link would be ambiguous, since many classes have an `n_atoms`
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4

# Inventories are fetched from the network, and without one that is a warning: on Read the Docs, or
# where it is asked for.
intersphinx_mapping = {}
if os.environ.get("READTHEDOCS") or os.environ.get("DOCS_INTERSPHINX"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
        "MDAnalysis": ("https://docs.mdanalysis.org/stable", None),
    }

# What pages take from the README and from benchmarks/ links to files beside these. Some are pages.
PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "changelog",
    "benchmarks/RESULTS.md": "results",
    "benchmarks/state_networks.md": "state_networks",
}


def link_files(app, doctree):
    """Let links to files of the repository lead to their pages, or download them."""
    to_root = os.path.relpath(ROOT, Path(app.env.doc2path(app.env.docname)).parent)
    for link in list(doctree.findall(addnodes.pending_xref)):
        if link.get("reftype") != "myst":
            continue
        target = link["reftarget"].split("#")[0]
        for file in (ROOT / target, ROOT / "benchmarks" / target):
            name = os.path.relpath(file, ROOT)
            if name in PAGES:
                link.attributes |= {
                    "refdomain": "std", "reftype": "doc", "reftarget": f"/{PAGES[name]}",
                }  # fmt: skip
            elif target and file.is_file():
                download = addnodes.download_reference(
                    "", "", *link.children, reftarget=f"{to_root}/{name}"
                )
                link.replace_self(download)
            elif target and file.is_dir():
                link.replace_self(link.children)
            else:
                continue
            break


def keep_sentences(app, what, name, obj, options, lines):
    """Let napoleon take no sentence with a colon for "type: description"."""
    if what in ("attribute", "property") and lines and ":" in lines[0]:
        lines.insert(0, "\\ ")  # nothing, in reStructuredText


def setup(app):
    """Called by Sphinx."""
    app.connect("doctree-read", link_files, priority=100)  # before downloads are collected
    app.connect("autodoc-process-docstring", keep_sentences, priority=100)  # before napoleon
