"""What becomes of a molecule that jumps and jumps, with no physical step between."""

from dataclasses import asdict, dataclass

import torch

from ..data import WindowSet


@dataclass(frozen=True)
class Shape:
    """Of molecules after so many jumps; of none, where they started."""

    jumps: int
    bonds: float
    """Root mean square deviation of bond lengths from their mean in the data, Å; NaN if some
    coordinate is not finite any more."""
    angles: float
    """Of angles between bonds, degrees."""
    gyration: float
    """Mean radius of gyration, Å."""

    def as_dict(self):
        """Plain values, ready for JSON."""
        return asdict(self)


@torch.no_grad()
def measure_stability(
    model, windows: WindowSet, jumps=(10, 100, 1000), starts: int = 8, seed: int = 0
) -> list[Shape]:
    """Roll a model out from some windows, each jump reading the frames of those before.

    A jump is what one evaluation gives: as many frames as the model's horizon.

    Parameters
    ----------
    model : TrajectoryModel
        Whose jumps go ahead by a frame interval (see :func:`free_jumps_of`).
    windows : WindowSet
        Of the model's history, or longer.
    jumps : sequence of int
        After which the shape is looked at, ascending.
    starts : int
        Windows to start from, evenly spaced over the set.
    seed : int
        Of models that draw their jumps.

    Returns
    -------
    list of Shape
        First that of the data itself: of last frames of 200 windows. Then one for each number.
    """
    body, device = _Internal(model), model.context.masses.device
    history = model.history

    def ends(count):
        chosen = windows.subset(count)
        return chosen.take(torch.arange(len(chosen)))[0][:, :history].to(device)

    data = ends(200)[:, -1]
    mean = [value.mean(0) for value in body(data)]
    found, window, done = [_shape(0, body, mean, data)], ends(starts), 0
    generator = torch.Generator(device=device).manual_seed(seed)
    for count in jumps:
        for _ in range(count - done):
            frames = model.propose(window, generator).frames
            # Far from the origin single precision loses digits.
            frames = frames - frames.mean(-2, keepdim=True) + window[:, -1:].mean(-2, keepdim=True)
            window = torch.cat([window, frames], 1)[:, -history:]
        done = count
        found.append(_shape(count, body, mean, window[:, -1]))
    return found


def free_jumps_of(model):
    """The model itself, or a copy, whose jumps go ahead by a frame interval; None if there is none.

    Moves for equilibrium go nowhere in time: each needs its acceptance test.
    """
    if not model.has_density:
        return model
    lags = [lag for lag in model.lags if lag is not None]
    if model.jump_frames is None or not lags or min(lags) > 1:
        return None
    return model.at_lag(1)


def describe_stability(shapes: list[Shape]) -> str:
    """One sentence on the last of them, beside the data."""
    data, last = shapes[0], shapes[-1]
    if not last.bonds < float("inf"):
        return f"After {last.jumps:,} free jumps coordinates are not finite: it is not stable."
    return (
        f"After {last.jumps:,} free jumps bonds are {last.bonds:.3g} Å off their mean length "
        f"({data.bonds:.3g} Å in the frames), angles {last.angles:.3g}° ({data.angles:.3g}°), and "
        f"the radius of gyration is {last.gyration:.3g} Å ({data.gyration:.3g} Å)."
    )


class _Internal:
    """Bond lengths ``(n, n_bonds)``, Å, and angles ``(n, n_angles)``, rad, of frames."""

    def __init__(self, model):
        spec, self.masses = model.spec, model.context.masses
        angles = [
            (a, centre, b)
            for centre, around in enumerate(spec.neighbours())
            for a in around for b in around if a < b
        ]  # fmt: skip
        device = self.masses.device
        self.bonds = torch.tensor(spec.bonds, dtype=torch.long, device=device).reshape(-1, 2)
        self.angles = torch.tensor(angles, dtype=torch.long, device=device).reshape(-1, 3)

    def __call__(self, frames):
        first, second = self.bonds.T
        lengths = torch.linalg.vector_norm(frames[:, first] - frames[:, second], dim=-1)
        a, centre, b = self.angles.T
        one, other = frames[:, a] - frames[:, centre], frames[:, b] - frames[:, centre]
        across = torch.linalg.vector_norm(torch.linalg.cross(one, other), dim=-1)
        return lengths, torch.atan2(across, (one * other).sum(-1))


def _shape(jumps, body, mean, frames):
    lengths, angles = (
        (value - usual).square().mean().sqrt().item()
        for value, usual in zip(body(frames), mean, strict=True)
    )
    share = (body.masses / body.masses.sum()).to(frames)[:, None]
    centred = frames - (share * frames).sum(1, keepdim=True)
    gyration = (share * centred.square()).sum((1, 2)).sqrt().mean().item()
    return Shape(jumps, lengths, angles * 180 / torch.pi, gyration)
