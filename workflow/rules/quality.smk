"""Each video is compared with those of a run's training; what is unusual gets a flag."""


localrules:
    summarize_quality,


rule quality_reference:
    input:
        imports=per_video("results/import/{video}.h5", "train", "val"),
        features=per_video("results/features/{run}/{video}.h5", "train", "val"),
        predictions=per_video("results/predictions/{run}/{video}.h5", "val"),
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
    output:
        reference="results/quality/{preset}/{split}/{n_train}.reference.npz",
        known="results/quality/{preset}/{split}/{n_train}.reference.json",
    log:
        "logs/quality_reference/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/quality_reference/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(60),
    params:
        videos=flags_of(train_videos="train", val_videos="val"),
        settings=settings_of("quality"),
        version=VERSIONS["quality_reference"],
    shell:
        "deg quality-reference"
        " {params.videos}"
        " --imports results/import"
        " --features results/features/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --predictions results/predictions/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --postprocessing {input.postprocessing:q}"
        " --settings {params.settings:q}"
        " --reference {output.reference:q}"
        " --out {output.known:q}"
        " &> {log:q}"


rule check_quality:
    input:
        store="results/import/{video}.h5",
        features="results/features/{preset}/{split}/{n_train}/{video}.h5",
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
        reference="results/quality/{preset}/{split}/{n_train}.reference.npz",
        known="results/quality/{preset}/{split}/{n_train}.reference.json",
    output:
        quality="results/quality/{preset}/{split}/{n_train}/{video}.json",
    log:
        "logs/check_quality/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/check_quality/{preset}/{split}/{n_train}/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(15),
    params:
        part=used_for,
        settings=settings_of("quality"),
        version=VERSIONS["check_quality"],
    shell:
        "deg check-quality"
        " --video {wildcards.video}"
        " --part {params.part}"
        " --store {input.store:q}"
        " --features {input.features:q}"
        " --predictions {input.predictions:q}"
        " --postprocessing {input.postprocessing:q}"
        " --reference {input.reference:q}"
        " --known {input.known:q}"
        " --settings {params.settings:q}"
        " --out {output.quality:q}"
        " &> {log:q}"


rule summarize_quality:
    input:
        checks=checks,
    output:
        table="results/summary/quality.csv",
    log:
        "logs/summarize_quality.log",
    benchmark:
        "benchmarks/summarize_quality.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in CHECKED_RUNS),
        videos=" ".join(sorted(VIDEOS)),
        version=VERSIONS["summarize_quality"],
    shell:
        "deg summarize-quality"
        " --runs {params.runs}"
        " --videos {params.videos}"
        " --folder results/quality"
        " --out {output.table:q}"
        " &> {log:q}"
