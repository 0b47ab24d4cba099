"""Figures that papers print for the benchmarks of state networks.

Xu et al. 2024 (EGNO), tables of N-body, motion capture and MD17; Miao and Qian 2025 (STEGMN) and Xu
et al. 2024 for AdK. F-MSE and A-MSE in the unit of each table.
"""

#: By number of training trajectories and model.
NBODY_FINAL = {
    1000: {"egnn": 0.0094, "egno": 0.0082, "egno-l": 0.0071},
    3000: {
        "linear-dynamics": 0.0819, "egnn": 0.0071, "egnn-r": 0.0720, "egnn-s": 0.0070,
        "egno": 0.0054, "egno-l": 0.0055,
    },
    10_000: {"egnn": 0.0051, "egno": 0.0036, "egno-l": 0.0038},
}  # fmt: skip
NBODY_MEAN = {
    3000: {
        "egnn-r": 0.0215, "egnn-s": 0.0045, "egnn-tb": 0.0039, "egno": 0.0022, "egno-t2t": 0.0020,
    },
}  # fmt: skip
#: By motion and model, × 10².
MOTION_FINAL = {
    "walk": {"egnn": 28.7, "egnn-r": 90.7, "egnn-s": 26.4, "egno": 8.1},
    "run": {"egnn": 50.9, "egnn-r": 816.7, "egnn-s": 54.2, "egno": 33.9},
}
MOTION_MEAN = {
    "walk": {"egnn-r": 32.0, "egnn-s": 14.3, "egno": 3.5},
    "run": {"egnn-r": 277.3, "egnn-s": 28.5, "egno": 14.9},
}
_MOLECULES = (
    "aspirin", "benzene", "ethanol", "malonaldehyde", "naphthalene", "salicylic-acid", "toluene",
    "uracil",
)  # fmt: skip
#: By model and molecule, × 10² Å².
MD17_FINAL = {
    "egnn": dict(
        zip(_MOLECULES, (14.41, 62.40, 4.64, 13.64, 0.47, 1.02, 11.78, 0.64), strict=True)
    ),
    "egno": dict(zip(_MOLECULES, (9.18, 48.85, 4.62, 12.80, 0.37, 0.86, 10.21, 0.52), strict=True)),
}
MD17_MEAN = {
    "egno": dict(zip(_MOLECULES, (7.37, 22.41, 3.28, 10.67, 0.32, 0.77, 4.58, 0.47), strict=True)),
}
#: By model, Å²: states 15 frames ahead.
ADK_FINAL = {
    "linear-dynamics": 2.890, "egnn": 2.735, "eghn": 2.034, "egno": 2.231, "eghno": 1.801,
}  # fmt: skip
#: By model, the next frame from ten: MSE (Å²) and MAE (Å).
ADK_NEXT = {"st-egnn": (1.599, 0.770), "stegmn-paper": (1.582, 0.767)}
