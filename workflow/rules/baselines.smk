"""Presets that look at no picture: classification from keypoints, and mapped clusters."""


localrules:
    map_clusters,


rule import_keypoints:
    input:
        keypoints=keypoints_of,
        store="results/import/{video}.h5",
    output:
        features="results/keypoints/{video}.h5",
    log:
        "logs/import_keypoints/{video}.log",
    benchmark:
        "benchmarks/import_keypoints/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(30),
    params:
        settings=settings_of("keypoints"),
        version=VERSIONS["import_keypoints"],
    shell:
        "deg import-keypoints"
        " --keypoints {input.keypoints:q}"
        " --store {input.store:q}"
        " --out {output.features:q}"
        " --settings {params.settings:q}"
        " &> {log:q}"


# The same stage as train_sequence, on other features; a rule of its own, since another text of
# that one's command would make all trained models stale.
rule train_keypoints:
    input:
        features=per_video("results/keypoints/{video}.h5", "train", "val"),
        labels=per_video("results/labels/{video}.csv", "train", "val"),
        weights=weights_of("sequence"),
    output:
        model="results/models/sequence/{preset}/{split}/{n_train}.pt",
        history="results/models/sequence/{preset}/{split}/{n_train}.history.csv",
        record="results/models/sequence/{preset}/{split}/{n_train}.run.json",
    log:
        "logs/train_keypoints/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/train_keypoints/{preset}/{split}/{n_train}.tsv"
    wildcard_constraints:
        preset=any_of(KEYPOINT_PRESETS),
    conda:
        "../envs/deg.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(120),
    params:
        videos=flags_of(train_videos="train", val_videos="val"),
        groups=GROUPS,
        settings=settings_of("sequence"),
        version=VERSIONS["train_sequence"],
        state="state/train_keypoints/{preset}/{split}/{n_train}",
    shell:
        "deg train-sequence"
        " {params.videos}"
        " --groups {params.groups:q}"
        " --features results/keypoints"
        " --labels results/labels"
        " --settings {params.settings:q}"
        " --state {params.state:q}"
        " --threads {threads}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --record {output.record:q}"
        " &> {log:q}"


rule map_clusters:
    input:
        clusters=training_clusters_of,
        labels=per_video("results/labels/{video}.csv", "train"),
    output:
        mapping="results/models/clusters/{preset}/{split}/{n_train}.json",
    log:
        "logs/map_clusters/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/map_clusters/{preset}/{split}/{n_train}.tsv"
    wildcard_constraints:
        preset=any_of(CLUSTER_PRESETS),
    conda:
        "../envs/deg.yaml"
    params:
        videos=flags_of(videos="train"),
        groups=GROUPS,
        settings=settings_of("clusters"),
        version=VERSIONS["map_clusters"],
    shell:
        "deg map-clusters"
        " {params.videos}"
        " --clusters {input.clusters:q}"
        " --labels results/labels"
        " --groups {params.groups:q}"
        " --settings {params.settings:q}"
        " --out {output.mapping:q}"
        " &> {log:q}"


rule predict_clusters:
    input:
        clusters=clusters_of,
        store="results/import/{video}.h5",
        mapping="results/models/clusters/{preset}/{split}/{n_train}.json",
    output:
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
    log:
        "logs/predict_clusters/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/predict_clusters/{preset}/{split}/{n_train}/{video}.tsv"
    wildcard_constraints:
        preset=any_of(CLUSTER_PRESETS),
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(15),
    params:
        version=VERSIONS["predict_clusters"],
    shell:
        "deg predict-clusters"
        " --clusters {input.clusters:q}"
        " --store {input.store:q}"
        " --mapping {input.mapping:q}"
        " --out {output.predictions:q}"
        " &> {log:q}"
