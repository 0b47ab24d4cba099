"""The one place where OpenMM's units meet those of MDAnalysis and the models.

OpenMM works in nm and ps, MDAnalysis and every model of this package in Å and ps. Times, masses
(Da) and energies (kJ/mol) are the same on both sides; lengths and velocities differ by the factor
given here.
"""

ANGSTROM_PER_NM = 10.0

#: Molar gas constant in kJ/mol/K (CODATA 2018, exact to the digits given), OpenMM's unit of energy
#: per kelvin.
GAS_CONSTANT = 8.31446261815324e-3


def to_angstrom(nanometers):
    """Convert a length or velocity of OpenMM (nm, nm/ps) to that of the models (Å, Å/ps)."""
    return nanometers * ANGSTROM_PER_NM


def to_nm(angstrom):
    """Convert a length or velocity of the models (Å, Å/ps) to that of OpenMM (nm, nm/ps)."""
    return angstrom / ANGSTROM_PER_NM
