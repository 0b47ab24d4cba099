"""Forward and inverse kinematics of a kinematic forest, and its generalised accelerations."""

import torch
from torch import Tensor

from ._rotations import connecting_rotation, rotation_matrix, rotation_vector
from ._superpose import nearest_rotation


def _sum(values, index, count):
    """Sum of ``(..., n, k)`` over rows with equal index, ``(..., count, k)``."""
    total = torch.zeros(
        values.shape[:-2] + (count, values.shape[-1]), dtype=values.dtype, device=values.device
    )
    return total.index_add(-2, index, values)


class ForestKinematics:
    """The motion of :class:`KinematicForest`, which says what the arguments are.

    No Python loop runs over atoms, arms or components: only over the binary digits of the depth of
    the trees, and over the different sizes of closed loops.

    What a rotation group moves is a set of *levers*. Where a whole component is one rigid body (a
    stick, a rigid water), they go from its centre of mass to each of its atoms. Elsewhere they are
    the arms of the group: all that hangs from an arm's end is moved as the end is, by ``ω × r``
    (and not turned about the pivot: the arms below have rotations of their own).
    """

    def _prepare_kinematics(self, groups):
        def keep(name, tensor):
            self.register_buffer(name, tensor)

        component, n = self.component, self.n_components
        total = torch.zeros(n, dtype=torch.float64).index_add(0, component, self.masses)
        moves = total > 0
        keep("_share", (self.masses / torch.where(moves, total, 1)[component])[:, None])
        keep("_moves", moves[component][:, None])
        keep("_size", torch.bincount(component, minlength=n)[:, None].double())

        keep("_arm_groups", groups)
        arms_of_group = torch.bincount(groups, minlength=self.n_groups)
        keep("_single_arms", torch.nonzero(arms_of_group[groups] == 1).squeeze(-1))
        keep("_multiple", torch.nonzero(arms_of_group > 1).squeeze(-1))
        self._n_multiple = len(self._multiple)

        one_body = torch.tensor([kind in ("stick", "rigid body") for kind in self.kinds])
        # Bodies: every atom, with the group of its component. The root has no group of its own.
        arm_components = component[self.arms[:, 1]]
        group_of_component = torch.full((n,), -1).index_copy(0, arm_components, groups)
        atoms = torch.nonzero(one_body[component]).squeeze(-1)
        (free,) = torch.nonzero(~one_body[arm_components], as_tuple=True)
        keep("_body_atoms", atoms)
        keep("_free_arms", free)
        lever_groups = torch.cat([group_of_component[component[atoms]], groups[free]])
        keep("_lever_groups", lever_groups)
        keep("_lever_masses", torch.cat([self.masses[atoms], torch.ones(len(free)).double()]))
        keep("_multiple_levers", torch.nonzero(arms_of_group[lever_groups] > 1).squeeze(-1))
        rank = torch.zeros(self.n_groups, dtype=torch.long)
        rank[self._multiple] = torch.arange(self._n_multiple)
        keep("_multiple_rank", rank[lever_groups[self._multiple_levers]])

    def centres(self, x: Tensor) -> Tensor:
        """Centre of mass of each component, ``(..., n_components, 3)``, float64."""
        return _sum(self._share * x.double(), self.component, self.n_components)

    def _arm_vectors(self, x):
        parent, atom = self.arms.unbind(1)
        return x[..., atom, :] - x[..., parent, :]

    def _levers(self, x, free):
        """Levers of all groups: of atoms in one-body components, then of the arms elsewhere."""
        atoms = self._body_atoms
        own = x[..., atoms, :] - self.centres(x)[..., self.component[atoms], :]
        return torch.cat([own, free[..., self._free_arms, :]], -2)

    def step(self, x: Tensor, translation: Tensor, rotation: Tensor, stretch=None) -> Tensor:
        r"""Forward kinematics: :math:`r' = (1 + σ) R(ω) r`, then the components are placed.

        Parameters
        ----------
        x : Tensor, ``(..., n_atoms, 3)``
        translation : Tensor, ``(..., n_components, 3)``
        rotation : Tensor, ``(..., n_groups, 3)``
            Of any size; smooth through zero.
        stretch : Tensor, ``(..., n_arms)``, optional
            None keeps every constrained distance.

        Returns
        -------
        Tensor, ``(..., n_atoms, 3)``
            In the dtype of ``x``. Leading dimensions broadcast.
        """
        batch = torch.broadcast_shapes(
            x.shape[:-2], translation.shape[:-2], rotation.shape[:-2],
            () if stretch is None else stretch.shape[:-1],
        )  # fmt: skip
        start = x.double().expand(batch + x.shape[-2:])
        turn = rotation_matrix(rotation.double())[..., self._arm_groups, :, :]
        arms = (turn @ self._arm_vectors(start)[..., None]).squeeze(-1)
        if stretch is not None:
            arms = (1 + stretch.double())[..., None] * arms
        else:
            for loop in self._loops:
                closed = loop(start, arms[..., loop.arms, :])
                arms = arms.index_copy(-2, loop.arms.flatten(), closed.flatten(-3, -2))
        local = self._paths.from_root(torch.zeros_like(start).index_copy(-2, self.arms[:, 1], arms))
        shift = self.centres(start) + translation.double() - self.centres(local)
        moved = torch.where(self._moves, local + shift[..., self.component, :], start)
        return self._sites(moved).to(x.dtype)

    def velocities(self, x: Tensor, v: Tensor):
        r"""Generalised velocities of atoms' velocities: the inverse of an infinitesimal step.

        Parameters
        ----------
        x, v : Tensor, ``(..., n_atoms, 3)``
            Velocities per any unit of time; finite differences will do.

        Returns
        -------
        u : Tensor, ``(..., n_components, 3)``
            Of the centres of mass.
        omega : Tensor, ``(..., n_groups, 3)``
            :math:`r × \dot r / |r|^2` of an arm that turns by itself (no spin about the arm); of a
            rigid body least squares, :math:`\sum m\, l × (ω × l) = \sum m\, l × \dot l` over its
            levers (with masses where the body is free, else without).
        """
        start, rates = x.double(), v.double()
        levers = self._levers(start, self._arm_vectors(start))
        change = self._levers(rates, self._arm_vectors(rates))
        weight = self._lever_masses[:, None]
        moment = _sum(
            weight * torch.linalg.cross(levers, change), self._lever_groups, self.n_groups
        )
        square = weight * levers.square().sum(-1, keepdim=True)
        inertia = _sum(square, self._lever_groups, self.n_groups)
        omega = moment / inertia
        if self._n_multiple:
            own, tiny = self._multiple_levers, torch.finfo(torch.float64).eps ** 0.75
            products = weight[own, :, None] * levers[..., own, :, None] * levers[..., own, None, :]
            spread = _sum(products.flatten(-2), self._multiple_rank, self._n_multiple)
            # Atoms on a line leave the turn about it free: the small term keeps it at zero
            whole = inertia[..., self._multiple, :, None]
            tensor = whole * (1 + tiny) * torch.eye(3).to(spread) - spread.unflatten(-1, (3, 3))
            solved, _ = torch.linalg.solve_ex(tensor, moment[..., self._multiple, :])
            omega = omega.index_copy(-2, self._multiple, solved)
        return self.centres(rates).to(v.dtype), omega.to(v.dtype)

    def increments(self, x: Tensor, y: Tensor):
        """Generalised coordinates of the step from one frame to another: the inverse of ``step``.

        Parameters
        ----------
        x, y : Tensor, ``(..., n_atoms, 3)``

        Returns
        -------
        translation : Tensor, ``(..., n_components, 3)``
        rotation : Tensor, ``(..., n_groups, 3)``
            The least that brings an arm where it points in ``y``; of rigid bodies that of the
            superposition (mass-weighted where the body is free).
        stretch : Tensor, ``(..., n_arms)``
            With it, every ``y`` is reached but for changes of the angles in rigid bodies.
        """
        start, end = x.double(), y.double()
        before, after = self._arm_vectors(start), self._arm_vectors(end)
        single = self._single_arms
        least = connecting_rotation(before[..., single, :], after[..., single, :])
        shape = least.shape[:-2] + (self.n_groups, 3)
        rotation = torch.zeros(shape, dtype=least.dtype, device=least.device)
        rotation = rotation.index_copy(-2, self._arm_groups[single], least)
        if self._n_multiple:
            own = self._multiple_levers
            mobile, target = (
                self._levers(*pair)[..., own, :] for pair in ((start, before), (end, after))
            )
            products = target[..., :, None] * (self._lever_masses[own, None] * mobile)[..., None, :]
            covariance = _sum(products.flatten(-2), self._multiple_rank, self._n_multiple)
            best = rotation_vector(nearest_rotation(covariance.unflatten(-1, (3, 3))))
            rotation = rotation.index_copy(-2, self._multiple, best)
        lengths = [torch.linalg.vector_norm(arms, dim=-1) for arms in (before, after)]
        translation = self.centres(end) - self.centres(start)
        return tuple(a.to(y.dtype) for a in (translation, rotation, lengths[1] / lengths[0] - 1))

    def accelerations(self, x: Tensor, force: Tensor):
        r"""Generalised accelerations that vectors on the atoms give.

        :math:`β_g = \sum l × F / \sum |l|^2`, over all that the group moves, by the lever ``l`` by
        which it moves it: over the atoms of a component that is one body about its centre (a stick:
        both ends), and elsewhere, for the arm from pivot to atom, with ``F`` the sum of the vectors
        on the atom and all that hangs from it, each of which counts in the denominator. For hinges
        and stars this is :math:`\sum (x_i − x_p) × f_i / J_g`.

        Parameters
        ----------
        x, force : Tensor, ``(..., n_atoms, 3)``

        Returns
        -------
        resultant : Tensor, ``(..., n_components, 3)``
            Mean vector over the atoms of each component.
        beta : Tensor, ``(..., n_groups, 3)``
        """
        start, push = x.double(), force.double()
        mean = _sum(push, self.component, self.n_components) / self._size
        levers = self._levers(start, self._arm_vectors(start))
        ends = self.arms[self._free_arms, 1]
        carried = self._paths.below(push)[..., ends, :]
        pushes = torch.cat([push[..., self._body_atoms, :], carried], -2)
        count = self._paths.below(torch.ones_like(self._share))[ends]
        counts = torch.cat([torch.ones_like(self._share[self._body_atoms]), count])
        torque = _sum(torch.linalg.cross(levers, pushes), self._lever_groups, self.n_groups)
        square = counts * levers.square().sum(-1, keepdim=True)
        beta = torque / _sum(square, self._lever_groups, self.n_groups)
        return mean.to(force.dtype), beta.to(force.dtype)
