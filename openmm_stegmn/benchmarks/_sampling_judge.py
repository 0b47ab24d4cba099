"""What is measured of a run of the benchmark ``sampling``."""

import math

import numpy as np

from ..analysis import angle_histogram, effective_samples, free_energy_error
from ._sampling_runs import SampledRun, TorsionReader
from ._sampling_settings import LAG
from ._sampling_statistics import SlowestMode, effective_angles, visits

# Where φ counts as positive, rad; of glycine it may well be
_LOW, _HIGH, _FREE = 0.3, 2.0, "GLY"


class Judge:
    """Compare a run with plain dynamics.

    Effective samples of exact jumps come from the run itself. Those of plain dynamics come from the
    reference, which is the same dynamics for longer: a short run that never leaves a basin does not
    know how seldom it would.

    Parameters
    ----------
    reference : list of ndarray
        Torsions of each replica, as of the reader.
    interval : float
        Between their frames, ps.
    reader : TorsionReader
    """

    def __init__(self, reference: list[np.ndarray], interval: float, reader: TorsionReader):
        every = np.concatenate(reference)
        self._reader = reader
        self._reference = self._free_energies(every)
        self._mode = SlowestMode(reference, round(LAG / interval), reader.folds)
        self._plain = self._samples(every)

    def __call__(self, run: SampledRun) -> dict:
        """Details of a record."""
        phi, _ = self._reader.backbone(run.torsions)
        pairs = zip(self._free_energies(run.torsions), self._reference, strict=True)
        errors = np.array([free_energy_error(*pair) for pair in pairs])
        chosen = [n for n, name in enumerate(self._reader.residues) if name != _FREE]
        samples = self._samples(run.torsions) if run.statistics else self._plain
        found = {
            "wall_seconds": run.wall_seconds, "physical_time_ps": run.physical_time,
            "n_frames": len(phi),
            # of no bin there is no mean
            "free_energy_rms_kT": _finite(np.sqrt(np.nanmean(errors[:, 0] ** 2))),
            "bins_unvisited": float(errors[:, 1].mean()),
            "phi_positive": float((phi[:, chosen] > 0).mean()),
            "phi_positive_visits": sum(visits(phi[:, n], _LOW, _HIGH) for n in chosen),
            **run.statistics,
        }  # fmt: skip
        for name, share in samples.items():
            rate = math.nan if share is None else share * len(phi) / run.wall_seconds
            found[f"effective_{name}_per_second"] = _finite(rate)
        return found

    def _samples(self, torsions):
        """Effective samples a frame: of the slowest φ, ψ and χ1, and of the slowest mode."""
        phi, psi = self._reader.backbone(torsions)
        angles = {"phi": phi, "psi": psi, "chi": torsions[:, self._reader.chi]}
        shares = {
            name: min((effective_angles(each) for each in part.T), default=None)
            for name, part in angles.items()
        }
        shares["slowest"] = effective_samples(self._mode(torsions))
        return {
            name: None if share is None else share / len(torsions) for name, share in shares.items()
        }

    def _free_energies(self, torsions):
        """Of φ and ψ of each residue."""
        both = zip(*(part.T for part in self._reader.backbone(torsions)), strict=True)
        return [angle_histogram(phi, psi) for phi, psi in both]


def _finite(value):
    return float(value) if math.isfinite(value) else None
