"""Closed loops of constraints: rings that bend, brought back to their bond lengths."""

import torch
from torch import Tensor, nn

from ._superpose import nearest_rotation

# Closing errors (relative, of squared distances) above which a move is shortened at once, since
# Newton's method from so far away ends anywhere or nowhere
_LARGEST_ERROR = 0.3
_TOLERANCE = 1e-13
_NEWTON_STEPS = 12
_HALVINGS = 5


class LoopClosure(nn.Module):
    r"""Projection of arms that turned freely onto the constraints that close their loops.

    A ring cannot take any turns that a network asks of its arms. What it does instead:

    1. The arms place the atoms at :math:`y`. The ring of the last frame, superposed on them
       (mass-weighted), is at :math:`w`: this the ring can always do, as a rigid body.
    2. The rest of the move, :math:`d = y − w`, is shortened by λ ≤ 1 where it breaks the
       constraints by more than Newton's method mends.
    3. :math:`z = w + λ d + M^{-1} J(w)^T μ`, with μ such that every constrained distance is the
       one of the last frame: SHAKE (Ryckaert, Ciccotti & Berendsen 1977), by Newton's method for
       all constraints of the ring at once.
    4. Where that does not converge, λ is halved, five times, and then is 0: the rigid ring.

    So the constraints hold for whatever turns. Moves that keep them are carried out as they are
    (λ = 1, μ = 0). The move is a continuous function of the turns except where step 4 acts, and
    differentiable once there and elsewhere: by the implicit function theorem, not through the
    iterations. Second derivatives are not given.

    A traced copy (TorchScript) halves λ as often as it was halved in tracing, then takes the rigid
    ring: the constraints hold as well, and the batch must have the shape of the one traced.

    The loops of one object have equally many atoms and constraints, and are one batch.

    Parameters
    ----------
    loops : list of Loop
    arms : dict
        Number of the arm that ends in an atom.
    parents : dict
        Parent of an atom.
    masses : Tensor, ``(n_atoms,)``
    """

    def __init__(self, loops, arms, parents, masses):
        super().__init__()
        atoms, numbers, paths, spans, pairs = [], [], [], [], []
        for loop in loops:
            place = {atom: i for i, atom in enumerate(loop.atoms)}
            path = torch.zeros(len(loop.atoms), len(loop.atoms) - 1, dtype=torch.float64)
            for i, atom in enumerate(loop.atoms[1:]):
                path[i + 1] = path[place[parents[atom]]]
                path[i + 1, i] = 1
            atoms.append(loop.atoms)
            numbers.append([arms[atom] for atom in loop.atoms[1:]])
            paths.append(path)
            spans.append([place[parents[atom]] for atom in loop.atoms[1:]])
            pairs.append([(place[a], place[b]) for a, b in loop.pairs])
        self.register_buffer("atoms", torch.tensor(atoms))
        #: Arms of each loop, ``(n_loops, n - 1)``: rows of the forest's arms.
        self.register_buffer("arms", torch.tensor(numbers))
        self.register_buffer("_path", torch.stack(paths))
        own = masses[self.atoms]
        self.register_buffer("_share", own / own.sum(-1, keepdim=True))
        pairs = torch.tensor(pairs)
        eye = torch.eye(pairs.max() + 1, dtype=torch.float64)
        # Incidence of constraints (rows) and atoms, of arms and atoms
        self.register_buffer("_ends", eye[pairs[..., 0]] - eye[pairs[..., 1]])
        self.register_buffer("_spans", eye[1:] - eye[torch.tensor(spans)])
        inverse = own.mean(-1, keepdim=True) / own
        self.register_buffer("_inverse_masses", inverse)
        self.register_buffer("_coupling", (self._ends * inverse[:, None]) @ self._ends.mT)

    def forward(self, x: Tensor, arms: Tensor) -> Tensor:
        """Arms ``(..., n_loops, n - 1, 3)`` of the closed loops.

        Parameters
        ----------
        x : Tensor, ``(..., n_atoms, 3)``
            Å, the last frame, float64.
        arms : Tensor, ``(..., n_loops, n - 1, 3)``
            As they turned.
        """
        before = self._centred(x[..., self.atoms, :])
        turned = self._centred(self._path @ arms)
        covariance = (self._share[..., None, None] * turned[..., None] * before[..., None, :]).sum(
            -3
        )
        rigid = before @ nearest_rotation(covariance).mT
        change = turned - rigid

        square = (self._ends @ before).square().sum(-1)
        error = (self._ends @ turned).square().sum(-1) / square - 1
        worst = error.square().sum(-1)
        small = worst < _LARGEST_ERROR**2
        scale = torch.where(
            small, 1, _LARGEST_ERROR / torch.where(small, torch.ones_like(worst), worst).sqrt()
        )
        change = change * scale[..., None, None]
        factor, force = self._solve(self._ends @ rigid, self._ends @ change, square)
        change = change * factor[..., None, None]

        # One step of Newton's method from the solution changes nothing in value, and carries the
        # derivative of μ.
        along = self._ends @ rigid
        bent = factor > 0
        apart = along + self._ends @ change
        step = _newton_step(along, apart, force, square, self._coupling, ~bent)
        force = torch.where(bent[..., None], force + step, 0)
        push = self._inverse_masses[..., None] * (self._ends.mT @ (along * force[..., None]))
        return self._spans @ (rigid + change + push)

    def _centred(self, x):
        return x - (self._share[..., None] * x).sum(-2, keepdim=True)

    @torch.no_grad()
    def _solve(self, along, change, square):
        """By how much to shorten each loop's move, ``(...)``, and its μ, ``(..., n_pairs)``."""
        shape = square.shape[:-1]
        coupling = self._coupling.expand(shape + self._coupling.shape[-2:])
        along, change, coupling = (a.flatten(0, -3) for a in (along, change, coupling))
        square = square.flatten(0, -2)
        factor, force = torch.zeros_like(square[:, 0]), torch.zeros_like(square)
        left = torch.arange(len(square), device=square.device)
        for halving in range(_HALVINGS + 1):
            shortened = 0.5**halving
            of = along[left], along[left] + shortened * change[left]
            trial = torch.zeros_like(square[left])
            for _ in range(_NEWTON_STEPS):
                trial = trial + _newton_step(*of, trial, square[left], coupling[left])
            error = _distances(*of, trial, coupling[left])[1] / square[left] - 1
            closed = error.abs().amax(-1) < _TOLERANCE  # NaN is not
            factor[left[closed]], force[left[closed]] = shortened, trial[closed]
            left = left[~closed]
            if len(left) == 0:
                break
        return factor.reshape(shape), force.reshape(shape + force.shape[-1:])


def _distances(along, apart, force, coupling):
    """Difference vectors of the constrained pairs under forces μ, and their squared lengths."""
    apart = apart + coupling @ (along * force[..., None])
    return apart, apart.square().sum(-1)


def _newton_step(along, apart, force, square, coupling, unused=None):
    apart, now = _distances(along, apart, force, coupling)
    matrix = 2 * coupling * (apart @ along.mT) / square[..., None]
    if unused is not None:
        # Not zero times infinity in the gradient, should the matrix of a rigid loop be singular
        eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
        matrix = torch.where(unused[..., None, None], eye, matrix)
    step, _ = torch.linalg.solve_ex(matrix, 1 - now / square)
    return step
