"""Sums over ranges of rows, one fixed tree of additions for all of them."""

import torch
from torch import Tensor, nn

# Up to so many entries a matrix of zeros and weights is quicker.
_MATRIX = 1_000_000


class RangeSums(nn.Module):
    r"""Weighted sums over ranges of rows, such as the atoms of a molecule, or distal to a bond.

    Rows are added in pairs, these in pairs, and so on. Each range is made of at most two of the
    sums of each size, so that time and memory grow as :math:`n \log n` however many ranges there
    are and however they overlap. The order of additions is fixed, on GPUs too, and errors of
    rounding grow with the logarithm of n. Small tables are a product with a matrix instead.

    Parameters
    ----------
    order : Tensor, ``(n_rows,)``
        Rows in the order in which each range is one.
    start, stop : Tensor, ``(n_ranges,)``
        First place of each range, and the one after its last.
    weights : Tensor, ``(n_rows,)``, optional
        Of the rows.
    """

    def __init__(self, order: Tensor, start: Tensor, stop: Tensor, weights: Tensor | None = None):
        super().__init__()
        place = order.argsort()
        self.small = len(order) * len(start) <= _MATRIX
        if self.small:
            inside = ((place >= start[:, None]) & (place < stop[:, None])).double()
            matrix = inside if weights is None else inside * weights
            # Not converted in each call
            tables = {"_matrix": matrix, "_single": matrix.float()}
        else:
            nodes = _nodes(start, stop, len(order))
            tables = {"_order": order, "_nodes": nodes}
            tables |= {} if weights is None else {"_weights": weights[:, None]}
        self.weighted = weights is not None
        for name, value in tables.items():
            self.register_buffer(name, value, persistent=False)

    def _apply(self, fn, recurse=True):
        # `model.float()` must not round the weights: follow to devices only.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def forward(self, values: Tensor) -> Tensor:
        """``(..., n_rows, k)`` to ``(..., n_ranges, k)``."""
        if self.small:
            single = values.dtype == torch.float32
            return (self._single if single else self._matrix.to(values.dtype)) @ values
        if self.weighted:
            values = values * self._weights.to(values.dtype)
        level = values.index_select(-2, self._order)
        # The first row of all is nothing, which fills up lists of nodes.
        levels = [torch.zeros_like(level[..., :1, :])]
        while level.shape[-2] > 1:
            levels.append(level)
            if level.shape[-2] % 2:
                level = nn.functional.pad(level, (0, 0, 0, 1))
            level = level.unflatten(-2, (-1, 2)).sum(-2)
        pyramid = torch.cat([*levels, level], -2)
        total = torch.zeros_like(pyramid[..., :1, :]).expand(
            pyramid.shape[:-2] + (self._nodes.shape[1], -1)
        )
        for nodes in self._nodes:
            total = total + pyramid.index_select(-2, nodes)
        return total


def _nodes(start, stop, n_rows):
    """Rows of the pyramid that make up each range, ``(n, n_ranges)``; row 0 is zero."""
    found = []
    start, stop, first = start.clone(), stop.clone(), 1
    while (start < stop).any():
        left, right = (start < stop) & (start % 2 == 1), (start < stop) & (stop % 2 == 1)
        # The same row may be first and last
        right &= ~(left & (start + 1 == stop))
        found.append(torch.where(left, first + start, 0))
        found.append(torch.where(right, first + stop - 1, 0))
        start, stop = (start + left.long()) // 2, (stop - right.long()) // 2
        first, n_rows = first + n_rows, -(-n_rows // 2)
    return torch.stack(found) if found else start.new_zeros(1, len(start))
