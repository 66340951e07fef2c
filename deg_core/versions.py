"""One integer per stage: raised when, and only when, the numbers of the stage change.

Every rule passes its stage's version to its job, so raising one makes that stage and what
follows stale everywhere. ``tests/golden`` fails if a stage's numbers change without it.
"""

VERSIONS: dict[str, int] = {
    "import_video": 1,
    "import_labels": 1,
    "video_stats": 1,
    "merge_stats": 1,
    "train_flow": 2,
    "train_features": 1,
    "extract_features": 1,
    "train_sequence": 1,
    "predict": 1,
    "tune_thresholds": 3,
    "bout_lengths": 1,
    "postprocess": 2,
    "evaluate": 2,
    "summarize": 1,
    "figures": 1,
    "example": 1,
}
