"""Jumps that are walked in sub-steps, so that what is around can make room."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """How a jump is walked.

    Attributes
    ----------
    substeps : int
        Equal parts of the turns; 1: all at once.
    steps : int
        Of everything else between two sub-steps.
    """

    substeps: int = 1
    steps: int = 10

    @property
    def switched(self) -> bool:
        """Whether there are steps between."""
        return self.substeps > 1

    def __str__(self):
        return f"walked in {self.substeps} sub-steps with {self.steps} steps of the rest between"
