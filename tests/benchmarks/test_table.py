"""Tables: means, spreads, geometric means and ratios by hand; what comes first."""

import itertools
import random

import pytest

from openmm_stegmn.benchmarks import (
    CLOSEST_TURNS,
    FLOOR,
    MD17_MODELS,
    NOISE_FLOOR,
    PEPTIDE_MODELS,
    PEPTIDES,
    TRUE_TORSIONS,
    Record,
    benchmark_tables,
    peptide_tables,
)


def record(molecule, model, seed, mse, mae=0.01, data="GFN2-xTB", windows=500, atoms="heavy"):
    return Record("md17", data, molecule, model, seed, atoms, windows, mse, mae, 1.0)


def peptide_record(molecule, interval, model):
    details = {
        "torsion_rmse": 10.0, "mse_heavy": 0.1, "energy_median": 1.0, "energy_below_10kT": 1.0,
        "torsion_rmse_error": 0.1, "mse_error": 0.1, "mse_heavy_error": 0.1, "n_states": 3,
        "n_repeats": 2,
    }  # fmt: skip
    return Record(
        "peptides", f"ff14SB, OBC2, {interval:g} ps", molecule, model, 0, "all", 57, 0.2, 0.3,
        1.0, {"interval_ps": interval, "test_windows": 30}, details,
    )  # fmt: skip


def test_by_hand():
    records = [
        record("ethanol", "linear-ar-full", 0, 0.1e-3),
        record("benzene", "linear-ar-full", 0, 0.4e-3),
        record("ethanol", "stegmn", 0, 0.04e-3, 0.002),
        record("ethanol", "stegmn", 1, 0.06e-3, 0.004),
        record("benzene", "stegmn", 0, 0.1e-3, 0.012),
        record("benzene", "stegmn", 1, 0.1e-3, 0.012),
    ]
    mse, mae = benchmark_tables(records)
    assert mse.head == mae.head == ["model", "benzene", "ethanol", "geometric mean"]
    assert mse.rows == [
        ["linear-ar-full", "0.400", "0.100", "0.200"],
        ["stegmn", "0.100 ± 0.000", "0.0500 ± 0.0141", "0.0707"],
        ["linear-ar-full / stegmn", "4.00", "2.00", "2.83"],
    ]
    assert mae.rows == [
        ["linear-ar-full", "0.0100", "0.0100", "0.0100"],
        ["stegmn", "0.0120 ± 0.0000", "0.00300 ± 0.00141", "0.00600"],
        ["linear-ar-full / stegmn", "0.83", "3.33", "1.67"],
    ]
    for word in ("md17", "GFN2-xTB", "heavy", "500 training windows", "2 seeds", "10⁻³ Å²"):
        assert word in mse.title


def test_what_is_missing():
    records = [
        record("ethanol", "stegmn", 0, 0.1e-3), record("benzene", "stegmn-paper", 0, 0.4e-3),
        record("benzene", "stegmn", 0, 0.2e-3), record("ethanol", "persistence", 0, 0.0),
        record("benzene", "persistence", 0, 0.1e-3),
    ]  # fmt: skip
    rows = {row[0]: row[1:] for row in benchmark_tables(records)[0].rows}
    assert rows["stegmn-paper"] == ["0.400", "–", "–"]
    assert rows["stegmn-paper / stegmn"] == ["2.00", "–", "–"]
    assert rows["persistence"] == ["0.100", "0.000", "–"]
    assert "linear-ar-full / stegmn" not in rows


def test_one_molecule_has_no_mean_and_one_seed_no_spread():
    table = benchmark_tables([record("ethanol", "linear", 0, 1.234e-3)])[0]
    assert table.head == ["model", "ethanol"]
    assert table.rows == [["linear", "1.23"]]
    assert "one seed" in table.title


@pytest.mark.parametrize(
    ("errors", "cell"), [((4e24,), "4.00e+27"), ((1e20, 3e20), "2.00e+23 ± 1.41e+23")]
)
def test_what_has_exploded_is_a_power_of_ten(errors, cell):
    records = [record("ethanol", "linear", seed, error) for seed, error in enumerate(errors)]
    assert benchmark_tables(records)[0].rows == [["linear", cell]]


def test_data_of_other_origin_and_other_numbers_of_windows_stand_apart():
    tables = benchmark_tables(
        [
            record("ethanol", "linear", 0, 1e-3),
            record("ethanol", "linear", 0, 2e-3, data="MD17"),
            record("ethanol", "linear", 0, 3e-3, windows=5000),
        ]  # fmt: skip
    )
    assert [table.rows[0][1] for table in tables[::2]] == ["1.00", "3.00", "2.00"]
    assert ["MD17" in table.title for table in tables[::2]] == [False, False, True]
    assert "5,000 training windows" in tables[2].title


@pytest.mark.parametrize("shuffle", range(3))
def test_order(shuffle):
    """Models as in the benchmark, then others, the floor last; molecules by the alphabet."""
    models = (*MD17_MODELS, "torsion-linear", FLOOR)
    groups = [("heavy", 500), ("heavy", 5000), ("all", 500), ("all", 5000)]
    records = [
        record(molecule, model, seed, 1e-3, windows=windows, atoms=atoms)
        for (atoms, windows), molecule, model, seed in itertools.product(
            groups, ("aspirin", "uracil"), models, range(2)
        )
    ]
    random.Random(shuffle).shuffle(records)
    tables = benchmark_tables(records)
    expected = [f"input {atoms} atoms, {windows:,} training windows" for atoms, windows in groups]
    assert len(tables) == 2 * len(groups)
    for table, title in zip(tables, [title for title in expected for _ in "ab"], strict=True):
        assert title in table.title
        assert table.head == ["model", "aspirin", "uracil", "geometric mean"]
        assert tuple(row[0] for row in table.rows[: len(models)]) == (
            *MD17_MODELS, "torsion-linear", FLOOR
        )  # fmt: skip


@pytest.mark.parametrize("shuffle", range(3))
def test_order_of_peptides(shuffle):
    """References first, models as in the benchmark, molecules and intervals likewise."""
    references = (NOISE_FLOOR, TRUE_TORSIONS, CLOSEST_TURNS)
    cases = list(itertools.product(PEPTIDES, (0.1, 1.0, 10.0)))
    records = [
        peptide_record(molecule, interval, model)
        for (molecule, interval), model in itertools.product(
            cases, (*references, *PEPTIDE_MODELS)
        )
    ]  # fmt: skip
    random.Random(shuffle).shuffle(records)
    tables = peptide_tables(records)
    assert [table.title.split(":")[0] for table in tables] == [
        f"{molecule}, ff14SB, OBC2, {interval:g} ps" for molecule, interval in cases
    ]
    networks = [name for name in PEPTIDE_MODELS if name.startswith("stegmn")]
    for table in tables:
        assert [row[0] for row in table.rows] == [
            *references, *PEPTIDE_MODELS,
            *(f"{name} against the best baseline" for name in networks),
        ]  # fmt: skip


def test_markdown():
    lines = benchmark_tables([record("ethanol", "linear", 0, 1e-3)])[0].markdown().splitlines()
    assert lines[1:] == ["", "| model | ethanol |", "| --- | --- |", "| linear | 1.00 |"]
