"""The multilayer perceptron that every layer uses."""

from torch import Tensor, nn


class Perceptron(nn.Module):
    """Two linear layers with SiLU between; optionally the last one starts at zero.

    Parameters
    ----------
    inputs, hidden, outputs : int
    zero : bool
        Start as the zero function, so that what it is added to is unchanged before training.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, zero: bool = False):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))
        if zero:
            nn.init.zeros_(self.net[2].weight)
            nn.init.zeros_(self.net[2].bias)

    def forward(self, features: Tensor) -> Tensor:
        """``(..., inputs)`` to ``(..., outputs)``."""
        return self.net(features)
