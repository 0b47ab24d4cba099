"""When to step and when to jump."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The fixed numbers of a hybrid run.

    Attributes
    ----------
    history : int
        Frames in the model's window.
    jump_frames : int
        Frame intervals by which an accepted jump advances the clock: 0 for a Monte Carlo move.
    frame_interval : float
        ps.
    steps_per_frame : int
        Physical steps in one frame interval.
    md_frames : int
        Physical frames between rows of jumps.
    jumps : int
        Jumps in a row.
    """

    history: int
    jump_frames: int
    frame_interval: float
    steps_per_frame: int
    md_frames: int
    jumps: int

    @property
    def jump_time(self):
        """Time by which an accepted jump advances the clock, ps."""
        return self.jump_frames * self.frame_interval

    def is_in_next_window(self, leg_frames, window_frames):
        """Whether the next physical frame will still be in the window at the next jump.

        Parameters
        ----------
        leg_frames, window_frames : float
            Before it.
        """
        left = max(self.md_frames - leg_frames, self.history - window_frames)
        return left <= self.history
