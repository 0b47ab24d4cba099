"""A small skeleton and motions in Acclaim's format."""

ASF = """# a comment
:version 1.10
:name small
:units
  mass 1.0
  length 0.45
  angle {angle}
:documentation
  begin here, says nobody
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name upper
    direction 1 0 0
    length 2
    axis 0 0 0 XYZ
    dof rx ry rz
    limits (-180.0 180.0)
           (-180.0 180.0)
           (-180.0 180.0)
  end
  begin
    id 2
    name lower
    direction 1 0 0
    length 1
    axis 0 0 {axis} XYZ
    dof rx rz
    limits (-180.0 180.0)
           (0.0 10.0)
  end
  begin
    id 3
    name stiff
    direction 0 1 0
    length 4
    axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root stiff upper
    upper lower
  end
"""


def write_asf(path, angle="deg", axis="90", **changes):
    text = ASF.format(angle=angle, axis=axis)
    for old, new in changes.get("replace", {}).items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def write_amc(path, *frames):
    """Each frame is a dictionary of strings by joint."""
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, 1):
        lines.append(str(number))
        lines += [f"{joint} {values}" for joint, values in frame.items()]
    path.write_text("\n".join(lines) + "\n")
    return path


def posed(root="0 0 0 0 0 0", upper="0 0 0", lower="0 0"):
    return {"root": root, "upper": upper, "lower": lower}
