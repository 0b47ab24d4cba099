"""Which window the bridge holds: told by a fingerprint, so that no stale one is ever used.

The window is in per-DOF variables of the jump member. The bridge is shown each frame once, when it
is recorded, if it will still be in the window at the next jump; it keeps copies. The window may
change behind its back: by a checkpoint or a State, in a Context that was made anew, by hand. So
each frame is recorded with the fingerprint of the window before and after it, and `ShownWindow`
counts the last frames for which each was recorded into the window that the one before had left.
Before a jump the fingerprint is computed again from the window as it then is. Unless it is that of
the last frame and as many frames are known as a window has, the bridge is shown all of them again,
from the window. The same goes for a bridge that says that it lacks frames, as a `TorchForce` does
whose Context was reinitialised.

The fingerprint is a sum over coordinates of ``sin(SENSITIVITY * weight * Σ_k c_k h_k)``, with
weights that differ between coordinates (the bridge gives them; 0 for atoms that do not jump) and
coefficients that differ between frames. What alters it is a change of one coordinate by its last
bits in double and mixed precision, and by 1e-6 nm or so in single precision, whose sums are coarse.
"""

import math

#: rad/nm
SENSITIVITY = 1.0e4
#: Fingerprints are smaller: sums of sines.
UNKNOWN = 1.0e30
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0

#: Global variables.
WINDOW_VARIABLES = ("fingerprint", "fingerprint_before", "showing")
#: Per-DOF variables.
WINDOW_DOF_VARIABLES = ("weight",)


def spread(number):
    """A number from 1 to 2 that differs from those of other whole numbers."""
    return 1.0 + number * GOLDEN % 1.0


def add_fingerprint(member, name, history, beside=None):
    """Append the computation of the window's fingerprint.

    Parameters
    ----------
    member : HybridMember
        With `WINDOW_VARIABLES` and `WINDOW_DOF_VARIABLES`.
    name : str
        Variable that it goes to.
    history : int
        Frames in the window.
    beside : str, optional
        Per-DOF variable without whose numbers all finite there is no fingerprint either.
    """
    window = "+".join(f"{spread(frame)!r}*h{frame}" for frame in range(history))
    term = f"sin({SENSITIVITY!r}*weight*({window}))"
    # step(NaN) is 0.
    if beside is not None:  # in the same sum: on a GPU each is waited for
        term += f"+select(step({UNKNOWN!r}-abs({beside})),0,{2 * UNKNOWN!r})"
    member.addComputeSum(name, term)
    # States are XML, where a NaN might not come back.
    member.addComputeGlobal(name, f"select(step({UNKNOWN!r}-abs({name})),{name},{2 * UNKNOWN!r})")


class ShownWindow:
    """What is known of the window that the bridge holds.

    It is kept in Python, where it stays as it is whatever is loaded into a Context.

    Parameters
    ----------
    history : int
        Frames in the window.
    """

    def __init__(self, history):
        self._history = history
        self.forget()

    def forget(self):
        """Take no frame for known."""
        self._fingerprint, self._frames = UNKNOWN, 0

    def is_that_of(self, member):
        """Whether the bridge holds the window whose fingerprint `member` has just computed."""
        return self._frames == self._history and self._fingerprint == member["fingerprint"]

    @staticmethod
    def is_known(member):
        """Whether `member` has found a fingerprint, so that all was finite."""
        return member["fingerprint"] < UNKNOWN

    def all_shown(self, member):
        """Note that the bridge was shown the whole window of `member`."""
        self._frames, self._fingerprint = self._history, _number(member["fingerprint"])

    def one_recorded(self, member, shown):
        """Note that `member` has recorded a frame, and whether the bridge was shown it."""
        known = self._frames if member["fingerprint_before"] == self._fingerprint else 0
        self._frames = min(known + 1, self._history) if shown else 0
        self._fingerprint = _number(member["fingerprint"])


def _number(fingerprint):
    """One that equals no other if the window was not finite."""
    return fingerprint if fingerprint < UNKNOWN else math.nan
