"""The kinematic forest: every constraint graph as rooted trees of arms, and how it moves."""

import torch
from torch import Tensor, nn

from ._closure import LoopClosure
from ._constraint_input import (
    checked_masses,
    checked_pairs,
    checked_positions,
    checked_rigid,
    checked_sites,
)
from ._kinematics import ForestKinematics
from ._paths import TreePaths
from ._policies import policy_constraints
from ._rigidity import bracing
from ._spanning import plan_forest
from ._system import system_constraints
from ._virtual_sites import VirtualSites


class KinematicForest(ForestKinematics, nn.Module):
    r"""Rooted trees over the atoms that constraints hold together, and their kinematics.

    Each connected component of the constraint graph is a tree; every atom but the root hangs from
    its parent by an arm of fixed length, which the rotation of its *rotation group* turns:
    :math:`r_i' = R(ω_{g(i)}) r_i`. Positions are rebuilt from the arms, from the root outwards, and
    the component is then put where its centre of mass belongs. The lengths are those of the frame
    that is moved.

    ===============  ===========================================================================
    kind             what it is
    ===============  ===========================================================================
    isolated         one atom; without mass (frozen in OpenMM) it stays where it is
    stick            one arm
    hinge, star      two arms, or more, on one atom; each turns by itself
    rigid body       all arms share one group: rigid water, any shape that its constraints fix
    tree             arms of arms, or rigid bodies joined at atoms (methyls under ``HAngles``)
    closed loop      at least one ring that can bend: see *Closed loops* below
    ===============  ===========================================================================

    ===================  =============================  ====  =================================
    quantity             shape                          unit  meaning
    ===================  =============================  ====  =================================
    ``x``                ``(..., n_atoms, 3)``          Å     positions, molecules whole
    ``translation``      ``(..., n_components, 3)``     Å     shift of the centre of mass
    ``rotation``         ``(..., n_groups, 3)``         rad   axis times angle, a pseudovector
    ``stretch``          ``(..., n_arms)``              1     relative elongation of each arm
    ===================  =============================  ====  =================================

    Parameters
    ----------
    n_atoms, pairs, masses, lengths, positions, rigid, virtual
        Made by :meth:`from_constraints`, which says what they are.

    Attributes
    ----------
    n_atoms, n_components, n_groups, n_arms : int
    component : Tensor, ``(n_atoms,)``
        Component of each atom; components are numbered by their lowest atom.
    root : Tensor, ``(n_components,)``
    parent : Tensor, ``(n_atoms,)``
        −1 for roots, and for virtual sites that are no part of a rigid body.
    group : Tensor, ``(n_atoms,)``
        Rotation group of the arm from the parent to the atom; −1 where the parent is.
    arms : Tensor, ``(n_arms, 2)``
        ``(parent, atom)``, parents before children.
    pairs : Tensor, ``(n_pairs, 2)``
        Pairs whose distances are kept.
    masses : Tensor, ``(n_atoms,)``
        Da, float64.
    kinds : tuple of str, ``n_components``

    Notes
    -----
    *Precision.* Kinematics are in float64 whatever the dtype of the input, and the result is
    rounded to the dtype of ``x``. Relative errors of the constrained distances are below 1e-12
    before that. A float32 coordinate of 50 Å is rounded by up to 2e-6 Å, which no arithmetic can
    mend: far from the origin give ``x`` in float64 (the network's output may be float32).

    *Closed loops.* See :class:`~openmm_stegmn.mechanics._closure.LoopClosure`: arms of a ring turn
    freely and are projected back on the constraints; where that fails, the ring moves as a rigid
    body. With ``stretch`` the arms are elastic, nothing holds the bonds that close a loop, and they
    are not projected.

    *Virtual sites* are computed from their parents after every move. Those whose parents are in one
    rigid body belong to its rotation group (TIP4P-Ew's M), others to no group.
    """

    def __init__(
        self, n_atoms, pairs, masses, *, lengths=None, positions=None, rigid=(), virtual=None
    ):
        super().__init__()
        masses = checked_masses(n_atoms, masses)
        pairs, lengths = checked_pairs(n_atoms, pairs, lengths, masses)
        rigid = checked_rigid(n_atoms, rigid)
        sites = checked_sites(n_atoms, virtual, pairs, masses)
        positions = checked_positions(n_atoms, positions, pairs, lengths)
        plan = plan_forest(n_atoms, pairs, masses, rigid, positions)
        plan.attach(sites)
        self.kinds = tuple(plan.kinds)
        self.n_atoms, self.n_components = n_atoms, len(plan.root)
        self.n_arms, self.n_groups = len(plan.arms), max(plan.groups, default=-1) + 1

        self.register_buffer("masses", torch.tensor(masses))
        self.register_buffer("component", torch.tensor(plan.component))
        self.register_buffer("root", torch.tensor(plan.root))
        arms = torch.tensor(plan.arms, dtype=torch.long).reshape(-1, 2)
        self.register_buffer("arms", arms)
        groups = torch.tensor(plan.groups, dtype=torch.long)
        for name, values in (("parent", arms[:, 0]), ("group", groups)):
            ends = torch.full((n_atoms,), -1).index_copy(0, arms[:, 1], values)
            self.register_buffer(name, ends)
        pairs = pairs + [pair for atoms in rigid for pair in bracing(atoms)]
        self.register_buffer("pairs", torch.tensor(pairs, dtype=torch.long).reshape(-1, 2))
        self._prepare_kinematics(groups)
        self._paths = TreePaths(self.parent)
        self._loops = nn.ModuleList(self._closures(plan.loops))
        self._sites = VirtualSites(sites)

    def _closures(self, loops):
        numbers = {int(atom): number for number, atom in enumerate(self.arms[:, 1])}
        parents = dict(enumerate(self.parent.tolist()))
        alike = {}
        for loop in loops:
            alike.setdefault((len(loop.atoms), len(loop.pairs)), []).append(loop)
        return [LoopClosure(batch, numbers, parents, self.masses) for batch in alike.values()]

    def _apply(self, fn, recurse=True):
        # `model.float()` or `.half()` must not round masses and the weights of virtual sites:
        # follow to devices only.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    @classmethod
    def from_constraints(
        cls, n_atoms, pairs, masses, *, lengths=None, positions=None, rigid=(), virtual=None
    ):
        """Build the forest of a list of constraints.

        Parameters
        ----------
        n_atoms : int
        pairs : iterable of (int, int)
            Atoms at a fixed distance.
        masses : sequence of float
            Da. 0: a virtual site, or an atom that does not move.
        lengths : sequence of float, optional
            Of the constraints, Å. Only to check the input: a move keeps the lengths of its frame.
        positions : array, ``(n_atoms, 3)``, optional
            Å. Tell which constraints of rings depend on each other there (a ring with such is
            rigid), and are checked against the lengths. Without them atoms in general places are
            assumed.
        rigid : iterable of iterable of int
            Atoms that move as one body though no constraints say so.
        virtual : dict, optional
            ``{atom: AverageSite or LocalFrameSite}``.

        Raises
        ------
        ValueError
            If an atom does not exist, a constraint has no mass at an end or joins an atom to
            itself, lengths contradict each other or the positions, or a site hangs from a site.
        """
        return cls(
            n_atoms, pairs, masses, lengths=lengths, positions=positions, rigid=rigid,
            virtual=virtual,
        )  # fmt: skip

    @classmethod
    def from_system(cls, system, positions=None):
        """Build the forest of an OpenMM ``System``: its constraints, masses and virtual sites.

        Parameters
        ----------
        system : openmm.System
        positions : Quantity or array, ``(n_atoms, 3)``, optional
            Plain numbers are in Å. See :meth:`from_constraints`.

        Raises
        ------
        ValueError
            If the system has Drude particles or symmetry sites, which have no kinematics here.
        """
        return cls(**system_constraints(system, positions))

    @classmethod
    def from_atomgroup(cls, atomgroup, policy):
        """Build the forest of an MDAnalysis ``AtomGroup`` by a named policy over its bonds.

        Atoms are numbered as in the group.

        Parameters
        ----------
        atomgroup : MDAnalysis.AtomGroup
            With bonds (not for ``"none"``) and masses.
        policy : str
            ``"none"``: no constraints. ``"hbonds"``, ``"allbonds"``: as OpenMM's ``HBonds`` and
            ``AllBonds``, waters rigid. ``"paper-sticks"``: the disjoint sticks of the published
            networks, chosen greedily over the bonds in their order.

        Raises
        ------
        ValueError
            If the policy is unknown or bonds, masses or elements are missing.
        """
        return cls(**policy_constraints(atomgroup, policy))

    def constraint_error(self, x: Tensor, reference: Tensor) -> Tensor:
        """Worst relative change of a constrained distance between two frames, ``(...)``."""
        first, second = self.pairs.unbind(1)

        def lengths(frame):
            frame = frame.double()
            return torch.linalg.vector_norm(frame[..., first, :] - frame[..., second, :], dim=-1)

        now, before = lengths(x), lengths(reference)
        # Without constraints the worst of none is zero
        return nn.functional.pad((now / before - 1).abs(), (1, 0)).amax(-1)
