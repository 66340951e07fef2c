"""The feature extractor: trained once per run, in int8 if asked for, applied to whole videos."""


include: "features_common.smk"


rule train_features:
    input:
        imports=per_video("results/import/{video}.h5", "train", "val"),
        labels=per_video("results/labels/{video}.csv", "train", "val"),
        backgrounds=per_video("results/stats/{video}.background.png", "train", "val"),
        stats="results/stats/rgb.json",
        flow="results/models/flow/{preset}.pt",
        weights=weights_of("features"),
    output:
        model="results/models/features/{preset}/{split}/{n_train}.pt",
        history="results/models/features/{preset}/{split}/{n_train}.history.csv",
        record="results/models/features/{preset}/{split}/{n_train}.run.json",
    log:
        "logs/train_features/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/train_features/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    threads: 8
    resources:
        gpu=gpus_of("features"),
        mem_mb=memory(16000, 48000),
        runtime=minutes(480),
    params:
        videos=flags_of(train_videos="train", val_videos="val"),
        groups=GROUPS,
        settings=settings_of("features"),
        version=VERSIONS["train_features"],
        state="state/train_features/{preset}/{split}/{n_train}",
    shell:
        "deg train-features"
        " {params.videos}"
        " --groups {params.groups:q}"
        " --imports results/import"
        " --labels results/labels"
        " --backgrounds results/stats"
        " --stats {input.stats:q}"
        " --flow {input.flow:q}"
        " --settings {params.settings:q}"
        " --state {params.state:q}"
        " --threads {threads}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --record {output.record:q}"
        " &> {log:q}"


# Made only where `extract.precision` is int8; for processors, so without a card.
rule quantize:
    input:
        imports=per_video("results/import/{video}.h5", "train", "val"),
        labels=per_video("results/labels/{video}.csv", "val"),
        backgrounds=per_video("results/stats/{video}.background.png", "train", "val"),
        flow="results/models/flow/{preset}.pt",
        features="results/models/features/{preset}/{split}/{n_train}.pt",
    output:
        quantized="results/models/quantized/{preset}/{split}/{n_train}.xml",
        weights="results/models/quantized/{preset}/{split}/{n_train}.bin",
        record="results/models/quantized/{preset}/{split}/{n_train}.run.json",
    log:
        "logs/quantize/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/quantize/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    threads: 4
    resources:
        mem_mb=memory(8000, 32000),
        runtime=minutes(120),
    params:
        videos=flags_of(train_videos="train", val_videos="val"),
        max_loss=EXTRACT["int8_max_loss"],
        version=VERSIONS["quantize"],
    shell:
        "deg quantize"
        " {params.videos}"
        " --imports results/import"
        " --labels results/labels"
        " --backgrounds results/stats"
        " --flow {input.flow:q}"
        " --features {input.features:q}"
        " --max-loss {params.max_loss}"
        " --threads {threads}"
        " --out {output.quantized:q}"
        " --record {output.record:q}"
        " &> {log:q}"


rule extract_features:
    input:
        store="results/import/{video}.h5",
        background="results/stats/{video}.background.png",
        flow="results/models/flow/{preset}.pt",
        features="results/models/features/{preset}/{split}/{n_train}.pt",
        quantized=quantized_of,
    output:
        features="results/features/{preset}/{split}/{n_train}/{video}.h5",
    log:
        "logs/extract_features/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/extract_features/{preset}/{split}/{n_train}/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=memory(6000, 24000),
        runtime=minutes(120),
    params:
        settings=settings_of("extract", but=["int8_max_loss"]),
        version=VERSIONS["extract_features"],
    shell:
        "deg extract-features"
        " --store {input.store:q}"
        " --background {input.background:q}"
        " --flow {input.flow:q}"
        " --features {input.features:q}"
        " --out {output.features:q}"
        " --settings {params.settings:q}"
        " --threads {threads}"
        f"{QUANTIZED}"
        " &> {log:q}"
