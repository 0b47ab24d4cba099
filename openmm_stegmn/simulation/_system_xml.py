"""A System as XML, without the bridge of a propagator."""

from xml.etree import ElementTree

import openmm

from ._backends import BRIDGE_NAME
from ._member import BRIDGE_GROUP


def system_xml(system):
    """A System as OpenMM's XML, as it was before it was given to a propagator.

    ``openmm.XmlSerializer.serialize`` writes the bridge of the jumps too. Reading that runs pickle,
    if the bridge is a Python force; if it is a ``TorchForce``, it crashes Python (seen with
    openmm-torch 1.10 and torch 2.12, for any ``TorchForce``; so does ``copy.deepcopy``). Neither is
    needed: `STEGMNPropagator.load` adds a bridge of its own.

    Parameters
    ----------
    system : openmm.System
        Is not changed, and may be in use.

    Returns
    -------
    str
        For ``openmm.XmlSerializer.deserialize``.
    """
    root = ElementTree.fromstring(openmm.XmlSerializer.serialize(system))
    forces = root.find("Forces")
    for force in list(filter(_is_bridge, forces)):
        forces.remove(force)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _is_bridge(force):
    # openmm-torch leaves the name out.
    torch = force.get("type") == "TorchForce" and force.get("forceGroup") == str(BRIDGE_GROUP)
    return torch or force.get("name") == BRIDGE_NAME
