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
    "quantize": 1,
    "extract_features": 1,
    "train_sequence": 1,
    "predict": 1,
    "import_keypoints": 1,
    "map_clusters": 1,
    "predict_clusters": 1,
    "tune_thresholds": 4,
    "bout_lengths": 1,
    "choose_postprocessing": 1,
    "postprocess": 2,
    "evaluate": 3,
    "summarize": 2,
    "summarize_postprocessing": 1,
    "summarize_labels": 1,
    "summarize_flow": 1,
    "quality_reference": 1,
    "check_quality": 1,
    "summarize_quality": 1,
    "judge": 1,
    "describe": 1,
    "report_pages": 1,
    "compare_raters": 1,
    "summarize_raters": 1,
    "advise": 1,
    "compare_runs": 1,
    "figures": 2,
    "example": 1,
}
