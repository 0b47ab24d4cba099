"""Skeletons and motions of motion capture, in Acclaim's open format (ASF and AMC)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

_TURNS = ("rx", "ry", "rz")
_SHIFTS = ("tx", "ty", "tz")
_ROOT = "root"


class MotionFileError(ValueError):
    """A file of motion capture is missing, unreadable or of another skeleton."""


@dataclass(frozen=True)
class Bone:
    """A bone, from the joint of its parent to its own."""

    direction: np.ndarray
    """``(3,)``, of unit length, in the frame of the world when nothing is turned."""
    length: float
    axes: "Rotation"
    """Of the frame that the bone's angles are given in."""
    freedoms: tuple
    """Names of its channels in a motion, in order, such as ``("rx", "rz")``."""


@dataclass(frozen=True)
class Skeleton:
    """Joints by name, each after its parent; the first is the root.

    Parameters
    ----------
    names : tuple of str
    parents : tuple of int
        −1 for the root.
    bones : tuple of Bone
        That of the root has length zero, and shifts among its freedoms.
    degrees : bool
        Whether angles in files are in degrees, else in radians.
    """

    names: tuple
    parents: tuple
    bones: tuple
    degrees: bool

    @property
    def edges(self) -> tuple:
        """Pairs of joint and parent."""
        return tuple((joint, parent) for joint, parent in enumerate(self.parents) if parent >= 0)

    def positions(self, motion: dict[str, np.ndarray]) -> np.ndarray:
        r"""Joints in space, by forward kinematics.

        :math:`G_b = G_p C_b R_b C_b^{-1}` and :math:`x_b = x_p + l_b G_b d_b`, with the parent p,
        the axes C of the bone, and its turn R: about the fixed axes x, y and z, in the order of its
        freedoms.

        Parameters
        ----------
        motion : dict
            ``(frames, freedoms)`` by name, as :func:`read_amc` gives. Joints that are left out are
            not turned.

        Returns
        -------
        ndarray, ``(frames, joints, 3)``
            In the unit of the file.
        """
        count = len(motion[_ROOT])
        turned, places = [], np.zeros((count, len(self.names), 3))
        for number, (name, parent, bone) in enumerate(
            zip(self.names, self.parents, self.bones, strict=True)
        ):
            values = motion.get(name, np.zeros((count, len(bone.freedoms))))
            local = bone.axes * self._turn(bone, values) * bone.axes.inv()
            if parent < 0:
                shifts = [bone.freedoms.index(shift) for shift in _SHIFTS]
                places[:, number] = values[:, shifts]
                turned.append(local)
                continue
            turned.append(turned[parent] * local)
            arm = turned[-1].apply(bone.length * bone.direction)
            places[:, number] = places[:, parent] + arm
        return places

    def _turn(self, bone, values):
        from scipy.spatial.transform import Rotation  # a quarter of a second

        columns = [number for number, name in enumerate(bone.freedoms) if name in _TURNS]
        if not columns:
            return Rotation.identity(len(values))
        # lower case: about axes that do not turn along
        order = "".join(bone.freedoms[number][1] for number in columns)
        return Rotation.from_euler(order, values[:, columns], degrees=self.degrees)


def read_asf(path) -> Skeleton:
    """Read a skeleton.

    Raises
    ------
    MotionFileError
        If the file cannot be read, lacks a section, or has something else than turning bones.
    """
    path = Path(path)
    sections = _sections(path)
    for name in ("root", "bonedata", "hierarchy"):
        if name not in sections:
            raise MotionFileError(
                f"{path} has no section :{name} (it has {', '.join(sections) or 'none'}): expected "
                f"an Acclaim skeleton file"
            )
    units = dict(line[:2] for line in sections.get("units", []) if len(line) > 1)
    degrees = units.get("angle", "deg").lower().startswith("deg")
    try:
        found = {_ROOT: _root(path, sections["root"], degrees)}
        for lines in _blocks(sections["bonedata"]):
            name, bone = _bone(path, lines, degrees)
            found[name] = bone
        names, parents = _in_order(path, sections["hierarchy"], found)
    except (IndexError, KeyError, ValueError) as error:
        if isinstance(error, MotionFileError):
            raise
        raise MotionFileError(f"{path} cannot be read as a skeleton: {error!r}") from error
    return Skeleton(names, parents, tuple(found[name] for name in names), degrees)


def read_amc(path, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Read a motion.

    Returns
    -------
    dict of str to ndarray, ``(frames, freedoms)``
        Values by joint, of the joints in the file.

    Raises
    ------
    MotionFileError
        If the file cannot be read, has no frame, or does not fit the skeleton.
    """
    path = Path(path)
    frames: list[dict] = []
    bones = dict(zip(skeleton.names, skeleton.bones, strict=True))
    for words in _lines(path):
        if words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
            continue
        name, values = words[0], words[1:]
        if not frames or name not in bones or len(values) != len(bones[name].freedoms):
            expected = len(bones[name].freedoms) if name in bones else "no such joint"
            raise MotionFileError(
                f"{path}, frame {len(frames)}: {name!r} with {len(values)} values does not fit the "
                f"skeleton, which expects {expected}"
            )
        try:
            frames[-1][name] = [float(value) for value in values]
        except ValueError as error:
            raise MotionFileError(f"{path}, frame {len(frames)}, {name}: {error}") from error
    if not frames or any(frame.keys() != frames[0].keys() for frame in frames):
        raise MotionFileError(f"{path} has no frames, or not the same joints in all of them")
    if _ROOT not in frames[0]:
        raise MotionFileError(f"{path} does not say where the root is")
    return {name: np.array([frame[name] for frame in frames]) for name in frames[0]}


def _lines(path) -> Iterator[list[str]]:
    """Words of each line that says something."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise MotionFileError(f"{path} cannot be read: {error}") from error
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


def _sections(path):
    sections, current = {}, None
    for words in _lines(path):
        if words[0].startswith(":"):
            current = sections.setdefault(words[0][1:].lower(), [])
        elif current is not None:
            current.append(words)
    return sections


def _blocks(lines):
    """Lines between ``begin`` and ``end``."""
    block = None
    for words in lines:
        if words[0] == "begin":
            block = []
        elif words[0] == "end":
            yield block
        else:
            block.append(words)


def _axes(angles, order, degrees):
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler(order.lower(), [float(angle) for angle in angles], degrees=degrees)


def _root(path, lines, degrees):
    entries = {words[0]: words[1:] for words in lines}
    freedoms = tuple(word.lower() for word in entries["order"])
    if sorted(freedoms) != sorted(_TURNS + _SHIFTS):
        raise MotionFileError(
            f"{path}: the root has the channels {' '.join(freedoms)}; expected "
            f"{' '.join(_SHIFTS + _TURNS)} in some order"
        )
    order = entries.get("axis", ["XYZ"])[0]
    axes = _axes(entries.get("orientation", ["0"] * 3), order, degrees)
    return Bone(np.zeros(3), 0.0, axes, freedoms)


def _bone(path, lines, degrees):
    entries = {words[0]: words[1:] for words in lines}
    name, *angles = entries["name"][0], *entries["axis"]
    freedoms = tuple(word.lower() for word in entries.get("dof", []))
    if strange := [freedom for freedom in freedoms if freedom not in _TURNS]:
        raise MotionFileError(
            f"{path}: bone {name} has the degree of freedom {strange[0]!r}; expected turns only "
            f"({', '.join(_TURNS)})"
        )
    direction = np.array([float(value) for value in entries["direction"]])
    axes = _axes(angles[:3], angles[3], degrees)
    return name, Bone(direction, float(entries["length"][0]), axes, freedoms)


def _in_order(path, lines, bones):
    """Names, depth first, and the parents of each."""
    children = {words[0]: words[1:] for words in lines if words[0] not in ("begin", "end")}
    names, parents, stack = [], [], [(_ROOT, -1)]
    while stack:
        name, parent = stack.pop()
        if name not in bones:
            raise MotionFileError(f"{path}: the hierarchy has {name}, of which there are no data")
        names.append(name)
        parents.append(parent)
        stack += [(child, len(names) - 1) for child in reversed(children.get(name, []))]
    if left := sorted(set(bones).difference(names)):
        raise MotionFileError(f"{path}: {', '.join(left)} hangs from nothing in the hierarchy")
    return tuple(names), tuple(parents)
