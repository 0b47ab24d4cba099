"""The integrator that a user adds: physical steps and learned jumps by turns."""

import math
import warnings

from openmm import unit

from ..data import seed_noise
from ._arguments import number_in, whole_number
from ._backends import build_bridge_force
from ._bridge import noise_arrays
from ._compatibility import check_integrator, leftover_bridge, steps_per_frame
from ._constraints import system_constraints, worst_constraint_error
from ._drawing import check_tries, model_at_time
from ._fit import check_fit
from ._guard import DEFAULT_ENERGY_THRESHOLD, Guard, kind_of_jump
from ._jump_integrator import JumpIntegrator
from ._member import ACCEPTED, BRIDGE_GROUP, NONFINITE, PHYSICS_GROUPS
from ._move_integrator import MoveIntegrator
from ._schedule import Schedule
from ._settings_file import ModelReference, read_settings, write_settings
from ._statistics import FrameRecord, JumpStatistics, Origin
from ._stepping import HybridStepping, in_kelvin
from ._switch import Switch
from ._switch_integrator import SwitchIntegrator
from ._velocities import check_velocity_rule, resting_mass

#: OpenMM keeps seeds in 32 bits, with a sign.
_LARGEST_SEED = 2**31 - 1


class STEGMNPropagator(HybridStepping):
    """Alternate the steps of an OpenMM integrator with jumps of a trajectory model.

    A *frame* ends every ``steps_per_frame`` physical steps and enters the model's window. After
    `md_frames` physical frames, and with a full window, `jumps` jumps follow; each counts as one
    step and, if it is kept, advances the clock by the model's frame interval (times its horizon). A
    rejected jump counts as a step, advances no clock, leaves positions and velocities bit for bit
    as they were, and ends the row of jumps. After a jump by more than a frame interval the window
    is filled anew.

    A model with a density *draws* its jumps. With guard "energy" or "none", or if it looks at a
    window of several frames, they are *approximate dynamics*: each goes ahead by `jump_time`. With
    guard "metropolis" and a density of the current frame alone they are *exact*: Monte Carlo moves,
    `tries` in each jump, after which averages over all frames are Boltzmann averages. Those advance
    no clock, and each makes a frame whether or not it moved anything, since a frame that is hard to
    leave counts again.

    The state that the schedule needs lives in OpenMM's own variables: `Simulation.saveCheckpoint`
    and `saveState` carry it, and a run goes on from a checkpoint exactly as if it had not stopped.
    (A State, unlike a checkpoint, has no random-number streams.) What an XML-serialised integrator
    carries is OpenMM's own compound integrator, without the schedule: `save` and `load` keep the
    propagator itself.

    Parameters
    ----------
    system : openmm.System
        Gets one more force, in group 31, which physics never sees. Make the Context afterwards.
    topology : openmm.app.Topology
    model : TrajectoryModel
        Trained for these atoms, masses and constraints. They may be a part of the system, such as
        the solute: the others are where they were after a jump.
    integrator : openmm.Integrator
        What makes the physical steps. Owned by the propagator from now on.
    md_frames : int
        Physical frames between rows of jumps.
    jumps : int
        Jumps in a row.
    guard : {"energy", "metropolis", "none"}
        See `Guard`. Jumps that are not finite or break a constraint are rejected whatever the
        guard.
    energy_threshold : float or openmm.unit.Quantity
        For "energy": the largest rise of the potential energy, kJ/mol. The rise is from the
        positions as physics left them.
    velocities : {"maxwell", "keep", "rotate"}
        Velocities after a jump.
    backend : {"auto", "python-torch", "torch", "python"}
        How OpenMM calls the model.
    fused : bool
        Whether ``torch.compile`` fuses the network's kernels on a GPU: a minute or so at the first
        jump, which a long run gets back (it needs a C compiler, and a Python back-end). Jumps
        change by rounding, and a restart on another machine may too.
    temperature : float or openmm.unit.Quantity, optional
        K, for "maxwell" and "metropolis". Default: the integrator's own, followed when it changes.
    tries : int, optional
        Trials in an exact jump, drawn in one evaluation of the model. Default 4.
    jump_time : float or openmm.unit.Quantity, optional
        ps, time by which a jump of approximate dynamics goes ahead: a whole number of frame
        intervals between the shortest and the longest that the model is trained for. Default: the
        model's own.
    switch_substeps, switch_steps : int
        For a solute in explicit solvent: walk the turns of each jump in so many sub-steps, with so
        many steps of everything else between, so that the solvent can make room. A guard then
        tests the work of the sub-steps, a Monte Carlo move the total energy. The steps between
        belong to the jump: they are not counted, and take no time of the clock.
    constraint_tolerance : float
        Largest relative constraint error of a jump that may be kept.
    atoms : sequence of int or MDAnalysis.AtomGroup, optional
        Particles that are the model's atoms, in its order; whole molecules. Default: all, or the
        one stretch of the topology that has the names of the model's atoms.
    seed : int, optional
        Of every random number here, from 0 to 2147483647: given to the integrator too. Default: as
        the integrator is.

    Raises
    ------
    IncompatibleModelError
        If model, system and integrator do not fit. Nothing has been changed then.
    ValueError
        For an unknown guard, velocity rule or backend, a schedule, temperature, jump time, seed or
        tolerance that makes no sense, a Quantity of another unit, or a temperature or jump time
        that is needed and not given; if system, topology, model or integrator are something else.
    """

    def __init__(
        self,
        system,
        topology,
        model,
        integrator,
        *,
        md_frames=10,
        jumps=1,
        guard="energy",
        energy_threshold=DEFAULT_ENERGY_THRESHOLD,
        velocities="maxwell",
        backend="auto",
        fused=False,
        temperature=None,
        tries=None,
        jump_time=None,
        switch_substeps=1,
        switch_steps=10,
        constraint_tolerance=1e-5,
        atoms=None,
        seed=None,
    ):
        energy_threshold = number_in(energy_threshold, unit.kilojoule_per_mole, "energy_threshold")
        jump_guard = Guard(guard, energy_threshold)
        check_velocity_rule(velocities)
        if not constraint_tolerance > 0:
            raise ValueError(
                f"constraint_tolerance must be a positive number, found {constraint_tolerance}."
            )
        if seed is not None:
            seed = whole_number(seed, "seed", 0, _LARGEST_SEED)
        check_integrator(integrator)
        embedding = check_fit(system, topology, model, atoms)
        model = model_at_time(model, guard, jump_time)
        switch = Switch(
            whole_number(switch_substeps, "switch_substeps", 1),
            whole_number(switch_steps, "switch_steps", 1),
        )
        tries = check_tries(model, guard, velocities, tries, switch)
        schedule = Schedule(
            history=model.history,
            jump_frames=model.jump_frames if tries is None else 0,
            frame_interval=float(model.frame_interval),
            steps_per_frame=steps_per_frame(model, integrator),
            md_frames=whole_number(md_frames, "md_frames", 1),
            jumps=whole_number(jumps, "jumps", 1),
        )
        needs_temperature = velocities == "maxwell" or jump_guard.needs_temperature
        if temperature is not None:
            temperature = in_kelvin(temperature)
        elif needs_temperature and not hasattr(integrator, "getTemperature"):
            raise ValueError(
                f"{type(integrator).__name__} has no temperature, which velocities={velocities!r} "
                f"with guard={guard!r} needs: pass temperature=."
            )
        self._pairs, self._lengths = system_constraints(system)
        leftover = leftover_bridge(system)
        bridge = build_bridge_force(backend, model, embedding, tries, switch.substeps, bool(fused))

        super().__init__()
        tolerance, mass = float(constraint_tolerance), resting_mass(system)
        arrays = noise_arrays(model, tries or 1)
        if tries is None:
            jumper = JumpIntegrator(
                schedule, arrays, jump_guard, velocities, tolerance, mass, switch.switched
            )
        elif switch.switched:
            jumper = SwitchIntegrator(schedule, arrays, tolerance, mass)
        else:
            jumper = MoveIntegrator(schedule, tries, arrays, tolerance, mass)
        _share_seed(integrator, jumper, seed)
        groups = integrator.getIntegrationForceGroups()
        for member in (integrator, jumper):
            member.setIntegrationForceGroups(groups & PHYSICS_GROUPS)
        self._set_up(integrator, jumper, bridge, schedule, temperature, switch)
        if leftover is not None:
            system.removeForce(leftover)
        bridge.force.setForceGroup(BRIDGE_GROUP)
        system.addForce(bridge.force)

        self._guard, self._velocities, self._seed = jump_guard, velocities, seed
        self._model = (model.spec.architecture, model.sha256)
        self._reference = ModelReference.of(model)
        self._options = {
            "md_frames": schedule.md_frames,
            "jumps": schedule.jumps,
            "guard": guard,
            "energy_threshold": energy_threshold,
            "velocities": velocities,
            "backend": backend,
            "fused": bool(fused),
            "temperature": temperature,
            "tries": tries,
            "switch_substeps": switch.substeps,
            "switch_steps": switch.steps,
            "constraint_tolerance": tolerance,
            "atoms": list(embedding.atoms),
            "seed": seed,
        }
        self._kind = kind_of_jump(model, guard, _has_thermostat(integrator, temperature))
        self._tries = tries
        if temperature is not None or hasattr(integrator, "getTemperature"):
            _warn_of_temperature(self._current_temperature(), model.spec.temperature)

    @property
    def statistics(self):
        """`JumpStatistics` of the whole run so far, what came before a restart included."""
        value = self._jumper.__getitem__
        accepted = int(value("accepted"))
        return JumpStatistics(
            attempted=int(value("attempted")),
            accepted=accepted,
            rejected_energy=int(value("rejected_energy")),
            rejected_nonfinite=int(value("rejected_nonfinite")),
            rejected_constraints=int(value("rejected_constraints")),
            worst_constraint_error=value("worst_constraint_error"),
            mean_energy_change=value("energy_change_sum") / accepted if accepted else 0.0,
            frames=int(value("frames")),
            physical_steps=int(value("physical_steps")),
            physical_time=value("physical_steps")
            * self._schedule.frame_interval
            / self._schedule.steps_per_frame,
            jumped_time=accepted * self._schedule.jump_time,
        )

    @property
    def last_frame(self):
        """`FrameRecord` of the last frame."""
        origin = int(self._jumper["origin"])
        if origin == Origin.PHYSICAL:
            return FrameRecord(origin, -1, math.nan, math.nan)
        broken = self._jumper["cause"] == NONFINITE
        return FrameRecord(
            origin,
            int(self._jumper["cause"] == ACCEPTED),
            math.inf if broken else self._jumper["energy_change"],
            self._jumper["constraint_error"],
        )

    @property
    def frame_interval(self):
        """Time between frames, ps."""
        return self._schedule.frame_interval

    @property
    def jump_time(self):
        """Time by which an accepted jump advances the clock, ps; 0 for a Monte Carlo move."""
        return self._schedule.jump_time

    @property
    def steps_per_frame(self):
        """Physical steps in a frame."""
        return self._schedule.steps_per_frame

    @property
    def backend(self):
        """How OpenMM calls the model: "python-torch", "torch" or "python"."""
        return self._bridge.backend

    @property
    def jump_kind(self):
        """What the jumps are: "exact", "approximate dynamics" or "deterministic", see
        `kind_of_jump`."""
        return self._kind

    def constraint_error(self, positions):
        """Worst relative error of the system's constraints at positions (n_atoms, 3) in nm."""
        return worst_constraint_error(positions, self._pairs, self._lengths)

    def save(self, path):
        """Write what makes this propagator what it is, the physical integrator included.

        The model is named by path and SHA-256, its weights are not stored. Positions, window,
        schedule and statistics are the simulation's: ``saveState`` or ``saveCheckpoint``. Together
        with the System (`system_xml`) they are the whole run.

        Parameters
        ----------
        path : path-like
            JSON, replaced as a whole.

        Raises
        ------
        ValueError
            If the model has no file.
        OSError
            If the file cannot be written.
        """
        write_settings(path, self._reference, self._options, self._physics)

    @classmethod
    def load(cls, path, system, topology, integrator=None, *, model=None, **changes):
        """Make a propagator again from what `save` wrote.

        Parameters
        ----------
        path : path-like
        system : openmm.System
            As for a new propagator, such as from `system_xml`. The bridge of an earlier propagator
            is replaced.
        topology : openmm.app.Topology
        integrator : openmm.Integrator, optional
            Default: the one that was saved, as OpenMM's XML gives it back.
        model : path-like, optional
            Where the model file is now. Default: where it was.
        **changes
            Keyword arguments that are to be others than those saved, such as ``backend``.

        Raises
        ------
        IncompatibleModelError
            If the model file is not the one saved with, or does not fit the system.
        ValueError
            If the file, or the model's, is missing or damaged, or as for a new propagator.
        """
        reference, options, saved = read_settings(path)
        integrator = saved if integrator is None else integrator
        return cls(system, topology, reference.load(model), integrator, **options | changes)

    def describe(self):
        """The settings that make this propagator what it is, as plain values."""
        architecture, sha256 = self._model
        return {
            "model": architecture,
            "model_sha256": sha256 or "",
            "jump_kind": self._kind,
            "jump_time": self.jump_time,
            "guard": self._guard_text(),
            "velocities": self._velocities,
            "seed": -1 if self._seed is None else self._seed,
            "frame_interval": self._schedule.frame_interval,
            "steps_per_frame": self._schedule.steps_per_frame,
            "md_frames": self._schedule.md_frames,
            "jumps": self._schedule.jumps,
        }

    def __repr__(self):
        schedule = self._schedule
        return (
            f"<STEGMNPropagator: {schedule.md_frames} physical frames of "
            f"{schedule.frame_interval:g} ps ({schedule.steps_per_frame} steps of "
            f"{type(self._physics).__name__}), then {schedule.jumps} "
            f"jump{'s' if schedule.jumps > 1 else ''} by {self._model[0]!r}; {self._kind} jumps"
            f"{f' of {self.jump_time:g} ps' if self.jump_time else ''}; "
            f"guard {self._guard_text()}; velocities {self._velocities}; backend {self.backend}>"
        )

    def _guard_text(self):
        if self._switch.switched:
            if self._tries is None:
                return f"{self._guard}, of the work; {self._switch}"
            return f"metropolis (with both densities); {self._switch}"
        if self._tries is not None:
            return f"metropolis ({self._tries} tries, with both densities)"
        return str(self._guard)

    def __copy__(self):
        raise TypeError(
            "A STEGMNPropagator cannot be copied or pickled: make a new one; saveCheckpoint and "
            "saveState carry its state."
        )

    def __reduce__(self):
        self.__copy__()


def _has_thermostat(integrator, temperature):
    """Whether legs sample the Boltzmann distribution at the temperature of the acceptance test."""
    quantum = type(integrator).__name__ == "QTBIntegrator"  # a bath of quantum oscillators
    if quantum or not hasattr(integrator, "getTemperature"):
        return False
    own = in_kelvin(integrator.getTemperature())
    return temperature is None or abs(temperature - own) <= 1e-3 * own


def _share_seed(integrator, jumper, seed):
    if seed is not None and hasattr(integrator, "setRandomNumberSeed"):
        seed_noise(integrator, seed)
    if hasattr(integrator, "getRandomNumberSeed"):
        # GPUs allow one seed for all members.
        jumper.setRandomNumberSeed(integrator.getRandomNumberSeed())
    elif seed is not None:
        seed_noise(jumper, seed)


def _warn_of_temperature(temperature, trained):
    if trained is not None and abs(temperature - trained) > 1.0:
        warnings.warn(
            f"The simulation runs at {temperature:g} K but the model was trained at {trained:g} K.",
            stacklevel=3,
        )
