"""The eight molecules of MD17: names, and the packaged geometries."""

from pathlib import Path

MD17_MOLECULES = (
    "aspirin", "benzene", "ethanol", "malonaldehyde", "naphthalene", "salicylic-acid", "toluene",
    "uracil",
)  # fmt: skip

# Names of the same molecules in the files that are in circulation. benzene2018 is not among them:
# that trajectory is another one, of another length.
MD17_ALIASES = {
    "benzene": ("benzene", "benzene2017", "benzene_old"),
    "salicylic-acid": ("salicylic-acid", "salicylic_acid", "salicylic"),
}
_STRUCTURES = Path(__file__).with_name("structures") / "md17"


def md17_name(name: str) -> str:
    """The name in :data:`MD17_MOLECULES` of a molecule, which may be spelt as in a file's name.

    Raises
    ------
    ValueError
        If there is no such molecule.
    """
    spelt = name.strip().lower().replace(" ", "_")
    for molecule in MD17_MOLECULES:
        if spelt in MD17_ALIASES.get(molecule, (molecule,)):
            return molecule
    raise ValueError(f"no molecule named {name!r}; there are: {', '.join(MD17_MOLECULES)}")


def md17_structure(molecule: str) -> Path:
    """Packaged geometry of one of :data:`MD17_MOLECULES`, a minimum of GFN2-xTB, XYZ."""
    return _STRUCTURES / f"{molecule}.xyz"


def md17_elements(molecule: str) -> tuple:
    """Element symbols of a molecule's atoms, in the order of the packaged structure."""
    lines = md17_structure(molecule).read_text().splitlines()[2:]
    return tuple(line.split()[0] for line in lines if line.strip())
