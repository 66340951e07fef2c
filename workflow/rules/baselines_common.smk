"""What presets look at, video, keypoints or clusters, and the files that follow; no rule."""

SOURCES = {preset: source_of(SETTINGS, preset) for preset in PRESETS}
LOOKING_PRESETS = [preset for preset in PRESETS if SOURCES[preset] == "video"]
KEYPOINT_PRESETS = [preset for preset in PRESETS if SOURCES[preset] == "keypoints"]
CLUSTER_PRESETS = [preset for preset in PRESETS if SOURCES[preset] == "clusters"]
LOOKING_RUNS = [run for run in RUNS if run.preset in LOOKING_PRESETS]
TRAINED_RUNS = [run for run in RUNS if run.preset not in CLUSTER_PRESETS]

# Trainings by gradient descent that a run has beside the flow generator's.
TRAININGS = {"video": ["features", "sequence"], "keypoints": ["sequence"], "clusters": []}
# The same by preset as one line of JSON: what an earlier choice of settings left is not read.
TRAINED = to_json({preset: TRAININGS[SOURCES[preset]] for preset in PRESETS})


@quick
def features_of(wildcards):
    """Input function: the features that a video's predictions are made of."""
    if wildcards.preset in KEYPOINT_PRESETS:
        return f"results/keypoints/{wildcards.video}.h5"
    return f"results/features/{name_of(wildcards)}/{wildcards.video}.h5"


@quick
def keypoints_of(wildcards):
    """Input function: the file of keypoints of a video."""
    return str(VIDEOS[wildcards.video].keypoints)


@quick
def clusters_of(wildcards):
    """Input function: the file of clusters of a video."""
    return str(VIDEOS[wildcards.video].clusters)


@quick
def training_clusters_of(wildcards):
    """Input function: the files of clusters of the wildcards' run's training videos."""
    return [str(VIDEOS[video].clusters) for video in videos_of(wildcards, "train")]


def of_trainings(runs, part):
    """List one file of each training that some runs have, told by its ending."""
    return [
        f"results/models/{stage}/{run.name}{part}"
        for run in runs
        for stage in TRAININGS[SOURCES[run.preset]]
    ]


def training_record_of(run):
    """Name the file that says which videos a run's last training learned from."""
    if run.preset in CLUSTER_PRESETS:
        return f"results/models/clusters/{run.name}.json"
    return f"results/models/sequence/{run.name}.run.json"
