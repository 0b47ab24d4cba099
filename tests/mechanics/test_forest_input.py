"""Where constraints come from (System, AtomGroup), virtual sites, and input that cannot be."""

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
import torch
from forest_systems import random_move, system
from openmm import unit

from openmm_stegmn.mechanics import AverageSite, KinematicForest, LocalFrameSite
from openmm_stegmn.systems import build_system

ONES = np.ones(4)


@pytest.fixture(scope="module")
def universe():
    """Alanine dipeptide and two waters."""
    topology = system("alanine dipeptide")[1]
    atoms = list(topology.atoms())
    elements = [a.element.symbol for a in atoms] + ["O", "H", "H"] * 2
    names = [a.name for a in atoms] + ["O", "H1", "H2"] * 2
    bonds = [(a.index, b.index) for a, b in topology.bonds()]
    bonds += [(22, 23), (22, 24), (25, 26), (25, 27)]
    made = mda.Universe.empty(28, trajectory=True)
    made.add_TopologyAttr("names", names)
    made.add_TopologyAttr("elements", elements)
    made.add_TopologyAttr("masses", [a.element.mass._value for a in atoms] + [16.0, 1, 1] * 2)
    made.add_TopologyAttr("bonds", bonds)
    return made


def constraints_of(forest):
    return {tuple(pair) for pair in forest.pairs.tolist()}


@pytest.mark.parametrize(("policy", "name"), [("hbonds", "HBonds"), ("allbonds", "AllBonds")])
def test_policies_are_those_of_openmm(universe, policy, name):
    made = build_system(constraints=name).system
    solute = {
        tuple(sorted(made.getConstraintParameters(k)[:2])) for k in range(made.getNumConstraints())
    }
    forest = KinematicForest.from_atomgroup(universe.atoms, policy)
    water = {(22, 23), (22, 24), (23, 24), (25, 26), (25, 27), (26, 27)}
    assert constraints_of(forest) == solute | water
    assert forest.kinds[-2:] == ("rigid body", "rigid body")
    assert forest.masses.sum().item() == pytest.approx(universe.atoms.masses.sum())


def test_no_constraints(universe):
    forest = KinematicForest.from_atomgroup(universe.atoms, "none")
    assert set(forest.kinds) == {"isolated"}
    x = torch.randn(28, 3)
    move = random_move(forest)
    torch.testing.assert_close(forest.step(x, *move), x + move[0].float())
    assert forest.constraint_error(x, x) == 0


def test_sticks_of_the_paper(universe):
    """Greedy in the order of the bonds; no atom in two."""
    heavy = universe.select_atoms("not element H and index 0-21")
    forest = KinematicForest.from_atomgroup(heavy, "paper-sticks")
    assert forest.n_atoms == 10  # numbered as in the group
    sticks = forest.pairs.tolist()
    assert len(sticks) == len({tuple(s) for s in sticks}) > 2
    assert len({a for s in sticks for a in s}) == 2 * len(sticks)
    assert set(forest.kinds) == {"stick", "isolated"}
    place = {index: i for i, index in enumerate(heavy.indices)}
    first = next(b for b in universe.bonds.indices if set(b) <= set(place))
    assert sorted(place[i] for i in first) in sticks
    free = set(range(10)) - {a for s in sticks for a in s}
    bonded = {
        frozenset(place[i] for i in b) for b in universe.bonds.indices if set(b) <= set(place)
    }
    assert not any(b <= free for b in bonded)  # none left that could be chosen


def test_systems_keep_their_units():
    made, _, x = system("alanine dipeptide")
    positions = unit.Quantity(x.numpy() / 10, unit.nanometer)
    forest = KinematicForest.from_system(made, positions)
    assert constraints_of(forest) == constraints_of(KinematicForest.from_system(made, x.numpy()))
    assert forest.kinds.count("star") == 3
    assert forest.masses[0].item() == pytest.approx(1.008, abs=1e-3)


# Virtual sites


def sites_system(constraints):
    """Four atoms and a virtual site of each kind; positions with the sites in their places."""
    made = openmm.System()
    for mass in (16, 1, 1, 12):
        made.addParticle(mass)
    for _ in range(4):
        made.addParticle(0)
    weights = [1.0, 0.0, 0.0], [-1.0, 0.7, 0.3], [-1.0, 0.0, 1.0]
    place = openmm.Vec3(0.02, -0.01, 0.03)
    made.setVirtualSite(4, openmm.TwoParticleAverageSite(0, 1, 0.7, 0.3))
    made.setVirtualSite(5, openmm.ThreeParticleAverageSite(0, 1, 2, 0.6, 0.3, 0.1))
    made.setVirtualSite(6, openmm.OutOfPlaneSite(0, 1, 2, 0.2, 0.3, 5.0))
    made.setVirtualSite(7, openmm.LocalCoordinatesSite([0, 1, 2], *weights, place))
    x = np.array([[0, 0, 0], [0.1, 0, 0], [-0.02, 0.09, 0.01], [0.3, 0.1, 0.2]])
    for a, b in constraints:
        made.addConstraint(a, b, np.linalg.norm(x[a] - x[b]))
    return made, torch.tensor(sites_by_openmm(made, np.vstack([x, np.zeros((4, 3))])))


def sites_by_openmm(made, nanometers):
    context = openmm.Context(
        made, openmm.VerletIntegrator(1), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(nanometers)
    context.computeVirtualSites()
    return 10 * context.getState(positions=True).getPositions(asNumpy=True)._value


@pytest.mark.parametrize(
    "constraints",
    [[(0, 1), (0, 2), (1, 2)], [(0, 1), (0, 2)], [(0, 1)], [], [(0, 3), (1, 2)]],
    ids=["rigid body", "hinge", "stick", "free", "other sticks"],
)
def test_virtual_sites_follow_their_parents(constraints):
    made, x = sites_system(constraints)
    forest = KinematicForest.from_system(made, x.numpy())
    y = forest.step(x.expand(3, -1, -1), *random_move(forest, 3))
    for frame in y:
        expected = sites_by_openmm(made, frame.numpy() / 10)
        np.testing.assert_allclose(frame, expected, atol=1e-12)
    assert forest.constraint_error(y, x).max() < 1e-12
    # Sites belong to the component of their parents, and are no component by themselves
    assert (forest.component[4:] == forest.component[0]).all()
    assert forest.n_components == len({int(c) for c in forest.component[:4]})
    inputs = [a.clone().requires_grad_() for a in (x, *random_move(forest))]
    assert torch.autograd.gradcheck(forest.step, inputs)


def test_sites_of_a_rigid_body_share_its_group():
    made, x = sites_system([(0, 1), (0, 2), (1, 2)])
    forest = KinematicForest.from_system(made, x.numpy())
    assert forest.group.tolist() == [-1, 0, 0, -1, 0, 0, 0, 0]
    loose = KinematicForest.from_system(sites_system([(0, 1), (0, 2)])[0])
    assert loose.group[4] == loose.group[1]  # on the line of an arm
    assert loose.group[5:].tolist() == [-1, -1, -1]
    assert loose.parent[5:].tolist() == [-1, -1, -1]


def test_a_stale_site_of_tip4p_is_put_right():
    made, _, x = system("TIP4P-Ew box")
    forest = KinematicForest.from_system(made)
    assert all(forest.group[3:8:4] == forest.group[1:6:4])
    y = forest.step(x, *random_move(forest))
    np.testing.assert_allclose(y, sites_by_openmm(made, y.numpy() / 10), atol=1e-10)


def test_atoms_without_mass_stay():
    """OpenMM does not move them; only virtual sites are taken along."""
    forest = KinematicForest.from_constraints(4, [(0, 1)], [12.0, 1, 0, 16])
    x = torch.randn(4, 3, dtype=torch.float64)
    y = forest.step(x, *random_move(forest))
    torch.testing.assert_close(y[2], x[2], atol=0, rtol=0)
    assert (y[3] - x[3]).norm() > 0.01


# Errors


SITE = AverageSite((0, 1), (0.5, 0.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, [(0, 4)], ONES), r"constraint \(0, 4\) must name two atoms of 0\.\.3"),
        ((4, [(0, -1)], ONES), r"constraint \(0, -1\) must name two atoms"),
        ((4, [(0, 1, 2)], ONES), r"constraint \(0, 1, 2\) must name two atoms"),
        ((4, [(2, 2)], ONES), r"constraint \(2, 2\) joins an atom to itself, .* own parent"),
        ((4, [], np.ones(3)), r"masses of shape \(3,\) for 4 atoms: give one mass"),
        ((0, [], np.ones(0)), r"one or more atoms"),
        ((2, [], [1, -1]), r"atom 1 has mass -1"),
        ((2, [], [1, np.nan]), r"atom 1 has mass nan"),
        ((2, [(0, 1)], [1, 0]), r"constraint \(0, 1\) names atom 1, which has no mass"),
    ],
)
def test_constraints_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        KinematicForest.from_constraints(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": [1.0, 1.0]}, r"2 lengths for 1 constraints"),
        ({"lengths": [-1.0]}, r"length -1\.0: lengths are positive"),
        ({"positions": np.zeros((3, 3))}, r"positions of shape \(3, 3\).*\(4, 3\), in Å"),
        ({"positions": np.full((4, 3), np.nan)}, r"finite: False"),
        (
            {"positions": np.eye(4, 3) * 0.1, "lengths": [1.0]},
            r"atoms \(0, 1\) are 0\.141 Å apart but constrained to 1 Å: .* \(not cut",
        ),
        ({"rigid": [[1]]}, r"rigid group \[1\] must name two or more"),
        ({"rigid": [[1, 9]]}, r"rigid group \[1, 9\]"),
        ({"virtual": {3: "M"}}, r"virtual site 3 is a str: give an AverageSite"),
        ({"virtual": {3: SITE}}, r"virtual site 3 has mass 1\.0 Da"),
        ({"virtual": {9: SITE}}, r"outside 0\.\.3"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        KinematicForest.from_constraints(4, [(0, 1)], ONES, **options)


def test_a_site_on_a_site():
    sites = {2: AverageSite((0, 3), (0.5, 0.5)), 3: SITE}
    with pytest.raises(ValueError, match="site 2 hangs from atom 3, which is a virtual site"):
        KinematicForest.from_constraints(4, [], [1, 1, 0, 0], virtual=sites)


def test_lengths_that_contradict_each_other():
    with pytest.raises(ValueError, match=r"given twice, with lengths 1\.0 and 1\.2"):
        KinematicForest.from_constraints(2, [(0, 1), (1, 0)], [1, 1], lengths=[1.0, 1.2])
    same = KinematicForest.from_constraints(2, [(0, 1), (1, 0)], [1, 1], lengths=[1.0, 1.0])
    assert len(same.pairs) == 1


def test_groups_that_lack_something(universe):
    with pytest.raises(ValueError, match="'ball' is unknown: choose one of none, hbonds, allbonds"):
        KinematicForest.from_atomgroup(universe.atoms, "ball")
    bare = mda.Universe.empty(3, trajectory=True)
    with pytest.raises(ValueError, match="no masses: .*guess_TopologyAttrs"):
        KinematicForest.from_atomgroup(bare.atoms, "none")
    bare.add_TopologyAttr("masses", [16.0, 1, 1])
    with pytest.raises(ValueError, match="no bonds: .*guess_TopologyAttrs"):
        KinematicForest.from_atomgroup(bare.atoms, "allbonds")
    bare.add_TopologyAttr("bonds", [(0, 1), (0, 2)])
    with pytest.raises(ValueError, match="no elements"):
        KinematicForest.from_atomgroup(bare.atoms, "hbonds")
    assert KinematicForest.from_atomgroup(bare.atoms, "paper-sticks").kinds == ("stick", "isolated")


def test_systems_that_cannot_be_moved():
    drude = openmm.System()
    drude.addParticle(1)
    drude.addForce(openmm.DrudeForce())
    with pytest.raises(ValueError, match="Drude particles"):
        KinematicForest.from_system(drude)


def test_frames_of_more_than_three_parents():
    """LocalFrameSite beside a site with fewer parents: the rows are filled up."""
    weights = (0.25,) * 4, (-1.0, 1.0, 0, 0), (-1.0, 0, 1.0, 0)
    four = LocalFrameSite((0, 1, 2, 3), *weights, (0.1, 0.2, 0.3))
    three = LocalFrameSite((0, 1, 2), (1.0, 0, 0), (-1.0, 1, 0), (-1.0, 0, 1), (0.0, 0, 0.5))
    forest = KinematicForest.from_constraints(
        6, [], [1, 1, 1, 1, 0, 0], virtual={4: four, 5: three}
    )
    x = torch.randn(6, 3, dtype=torch.float64)
    y = forest.step(x, *random_move(forest))
    assert (y[5] - y[0]).norm().item() == pytest.approx(0.5)
    assert (y[4] - y[:4].mean(0)).norm().item() == pytest.approx(np.sqrt(0.14))
