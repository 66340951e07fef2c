"""The sequence model: probabilities from features over time."""


rule train_sequence:
    input:
        features=per_video("results/features/{run}/{video}.h5", "train", "val"),
        labels=per_video("results/labels/{video}.csv", "train", "val"),
        weights=weights_of("sequence"),
    output:
        model="results/models/sequence/{preset}/{split}/{n_train}.pt",
        history="results/models/sequence/{preset}/{split}/{n_train}.history.csv",
        record="results/models/sequence/{preset}/{split}/{n_train}.run.json",
    log:
        "logs/train_sequence/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/train_sequence/{preset}/{split}/{n_train}.tsv"
    wildcard_constraints:
        preset=any_of(LOOKING_PRESETS),
    conda:
        "../envs/deg.yaml"
    threads: 8
    resources:
        gpu=gpus_of("sequence"),
        mem_mb=memory(8000, 32000),
        runtime=minutes(240),
    params:
        videos=flags_of(train_videos="train", val_videos="val"),
        groups=GROUPS,
        settings=settings_of("sequence"),
        version=VERSIONS["train_sequence"],
        state="state/train_sequence/{preset}/{split}/{n_train}",
    shell:
        "deg train-sequence"
        " {params.videos}"
        " --groups {params.groups:q}"
        " --features results/features/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --labels results/labels"
        " --settings {params.settings:q}"
        " --state {params.state:q}"
        " --threads {threads}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --record {output.record:q}"
        " &> {log:q}"


rule predict:
    input:
        features=features_of,
        model="results/models/sequence/{preset}/{split}/{n_train}.pt",
    output:
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
    log:
        "logs/predict/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/predict/{preset}/{split}/{n_train}/{video}.tsv"
    wildcard_constraints:
        preset=any_of(LOOKING_PRESETS + KEYPOINT_PRESETS),
    conda:
        "../envs/deg.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(30),
    params:
        version=VERSIONS["predict"],
    shell:
        "deg predict"
        " --features {input.features:q}"
        " --model {input.model:q}"
        " --out {output.predictions:q}"
        " --threads {threads}"
        " &> {log:q}"
