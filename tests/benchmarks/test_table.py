"""Tables: means, spreads, geometric means and ratios by hand."""

from openmm_stegmn.benchmarks import Record, benchmark_tables


def record(molecule, model, seed, mse, mae=0.01, data="GFN2-xTB", windows=500):
    return Record("md17", data, molecule, model, seed, "heavy", windows, mse, mae, 1.0)


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
    assert mse.head == mae.head == ["model", "ethanol", "benzene", "geometric mean"]
    assert mse.rows == [
        ["linear-ar-full", "0.100", "0.400", "0.200"],
        ["stegmn", "0.0500 ± 0.0141", "0.100 ± 0.000", "0.0707"],
        ["stegmn / linear-ar-full", "0.50", "0.25", "0.35"],
    ]
    assert mae.rows == [
        ["linear-ar-full", "0.0100", "0.0100", "0.0100"],
        ["stegmn", "0.00300 ± 0.00141", "0.0120 ± 0.0000", "0.00600"],
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
    assert rows["stegmn-paper"] == ["–", "0.400", "–"]
    assert rows["stegmn / stegmn-paper"] == ["–", "0.50", "–"]
    assert rows["persistence"] == ["0.000", "0.100", "–"]
    assert "stegmn / linear-ar-full" not in rows


def test_one_molecule_has_no_mean_and_one_seed_no_spread():
    table = benchmark_tables([record("ethanol", "linear", 0, 1.234e-3)])[0]
    assert table.head == ["model", "ethanol"]
    assert table.rows == [["linear", "1.23"]]
    assert "one seed" in table.title


def test_data_of_other_origin_and_other_numbers_of_windows_stand_apart():
    tables = benchmark_tables(
        [
            record("ethanol", "linear", 0, 1e-3),
            record("ethanol", "linear", 0, 2e-3, data="MD17"),
            record("ethanol", "linear", 0, 3e-3, windows=5000),
        ]  # fmt: skip
    )
    assert [table.rows[0][1] for table in tables[::2]] == ["1.00", "2.00", "3.00"]
    assert ["MD17" in table.title for table in tables[::2]] == [False, True, False]
    assert "5,000 training windows" in tables[4].title


def test_markdown():
    lines = benchmark_tables([record("ethanol", "linear", 0, 1e-3)])[0].markdown().splitlines()
    assert lines[1:] == ["", "| model | ethanol |", "| --- | --- |", "| linear | 1.00 |"]
