"""What a propagator asks of a model that draws its jumps: for which time, and how many at once."""

from openmm import unit

from ._arguments import number_in, whole_number
from ._guard import makes_moves
from ._move_bridge import MOST_TRIES

#: How far from an integer the number of frame intervals in a jump may be.
FRAMES_TOLERANCE = 1e-6
DEFAULT_TRIES = 4


def model_at_time(model, guard, jump_time):
    """A model that draws for the time asked for; the same one if none is.

    Parameters
    ----------
    model : TrajectoryModel
    guard : str
        One of `GUARDS`.
    jump_time : float or openmm.unit.Quantity or None
        ps.

    Raises
    ------
    ValueError
        If there is a time where jumps have none or cannot be given another, if it is none that the
        model is trained for, or if one is missing; or if not all bonds turn in a jump in time.
    """
    name = model.spec.architecture
    if model.has_density and model.horizon != 1:
        raise ValueError(
            f"A model with a density makes one frame a jump, found horizon {model.horizon}."
        )
    moves = makes_moves(model, guard)
    if model.has_density and not moves and model.block is not None:
        raise ValueError(
            f"guard={guard!r} makes jumps in time, in which all bonds turn, and this {name!r} "
            f"turns {model.block} at a time: use a model with block = None, or guard='metropolis' "
            "for exact Monte Carlo moves."
        )
    if jump_time is None:
        if not moves and model.jump_frames is None:
            raise ValueError(
                f"guard={guard!r} makes jumps in time, and {name!r} draws for equilibrium, which "
                f"has none: pass jump_time=, {_expected_time(model)}, or guard='metropolis' for "
                "exact Monte Carlo moves."
            )
        return model
    jump_time = number_in(jump_time, unit.picosecond, "jump_time")
    if not model.has_density:
        raise ValueError(
            f"jump_time={jump_time:g} ps is for models with a density, and {name!r} has none: its "
            f"jumps take {model.jump_frames * model.frame_interval:g} ps; leave it out."
        )
    if moves:
        raise ValueError(
            f"jump_time={jump_time:g} ps is for jumps in time, and with guard='metropolis' "
            f"{name!r} makes Monte Carlo moves, which take none: leave it out, or choose "
            "guard='energy'."
        )
    frames = jump_time / model.frame_interval
    times = [lag for lag in model.lags if lag is not None]
    if not times or not min(times) - 0.5 < frames < max(times) + 0.5:
        raise ValueError(f"jump_time={jump_time:g} ps: expected {_expected_time(model)}.")
    if abs(frames - round(frames)) > FRAMES_TOLERANCE:
        raise ValueError(
            f"jump_time={jump_time:g} ps is {frames:.6g} frame intervals of "
            f"{model.frame_interval:g} ps: expected a whole number of them, "
            f"{_expected_time(model)}."
        )
    return model.at_lag(round(frames))


def check_tries(model, guard, velocities, tries, switch):
    """Trials in a Monte Carlo move, or None where jumps are none.

    Raises
    ------
    ValueError
        For trials of what has none, for a number that makes no sense, and for velocities with which
        moves would not be exact.
    """
    name = model.spec.architecture
    if switch.switched and model.kinematics != "articulated":
        raise ValueError(
            f"switch_substeps={switch.substeps} walks the turns of rotatable bonds, and {name!r} "
            f"moves atoms otherwise (kinematics {model.kinematics!r}): leave it out."
        )
    if not makes_moves(model, guard):
        if tries is None:
            return None
        if not model.has_density:
            raise ValueError(
                f"tries={tries} is for models with a density, and {name!r} has none: leave it out."
            )
        raise ValueError(
            f"tries={tries} is for Monte Carlo moves, which are drawn from a density of one frame "
            f"with guard='metropolis': found guard={guard!r} and a window of {model.history}; "
            "leave it out."
        )
    if velocities != "maxwell":
        raise ValueError(
            f"With guard='metropolis' {name!r} makes Monte Carlo moves, which are exact only with "
            f"velocities='maxwell': found velocities={velocities!r}."
        )
    if switch.switched:
        if tries not in (None, 1):
            raise ValueError(
                f"tries={tries}: a switched move is one trial a jump; leave tries out, or use more "
                "jumps="
            )
        return 1
    return whole_number(DEFAULT_TRIES if tries is None else tries, "tries", 1, MOST_TRIES)


def _expected_time(model):
    times = [lag * model.frame_interval for lag in model.lags if lag is not None]
    if not times:
        return "with a model that is trained for times (this one is for equilibrium alone)"
    return f"from {min(times):g} to {max(times):g} ps as the model is trained for"
