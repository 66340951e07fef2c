"""Raters beside the model, what more labels would bring, and whether runs differ."""


localrules:
    compare_raters,
    summarize_raters,
    advise,
    compare_runs,


rule compare_raters:
    input:
        labels=rater_labels_of,
        ethograms=per_video("results/ethograms/{run}/{video}.csv", "test"),
    output:
        table="results/raters/{preset}/{split}/{n_train}.csv",
    log:
        "logs/compare_raters/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/compare_raters/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        videos=flags_of(videos="test"),
        behaviors=settings_of("labels", but=["annotator"]),
        settings=settings_of("evaluate", but=["bootstrap", "seed", "shuffles"]),
        groups=GROUPS,
        version=VERSIONS["compare_raters"],
    shell:
        "deg compare-raters"
        " {params.videos}"
        " --label-files {input.labels:q}"
        " --ethograms results/ethograms/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --labels {params.behaviors:q}"
        " --settings {params.settings:q}"
        " --groups {params.groups:q}"
        " --out {output.table:q}"
        " &> {log:q}"


rule summarize_raters:
    input:
        raters=expand("results/raters/{run}.csv", run=[run.name for run in TESTED_RUNS]),
    output:
        table="results/summary/raters.csv",
    log:
        "logs/summarize_raters.log",
    benchmark:
        "benchmarks/summarize_raters.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in TESTED_RUNS),
        version=VERSIONS["summarize_raters"],
    shell:
        "deg summarize-raters"
        " --runs {params.runs}"
        " --raters results/raters"
        " --out {output.table:q}"
        " &> {log:q}"


rule advise:
    input:
        metrics="results/summary/metrics.csv",
        labels=expand(
            "results/labels/{video}.csv",
            video=dict.fromkeys(video for run in TESTED_RUNS for video in PLAN[run].train),
        ),
        records=[training_record_of(run) for run in TESTED_RUNS],
    output:
        learning="results/summary/learning.csv",
        advice="results/summary/advice.csv",
    log:
        "logs/advise.log",
    benchmark:
        "benchmarks/advise.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in TESTED_RUNS),
        settings=settings_of("evaluate", but=["bootstrap", "iou", "shuffles"]),
        version=VERSIONS["advise"],
    shell:
        "deg advise"
        " --runs {params.runs}"
        " --records {input.records:q}"
        " --metrics {input.metrics:q}"
        " --labels results/labels"
        " --settings {params.settings:q}"
        " --learning {output.learning:q}"
        " --advice {output.advice:q}"
        " &> {log:q}"


rule compare_runs:
    input:
        metrics="results/summary/metrics.csv",
    output:
        tests="results/summary/tests.csv",
    log:
        "logs/compare_runs.log",
    benchmark:
        "benchmarks/compare_runs.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=SETTINGS["behaviors"],
        version=VERSIONS["compare_runs"],
    shell:
        "deg compare-runs"
        " --metrics {input.metrics:q}"
        " --behaviors {params.behaviors:q}"
        " --out {output.tests:q}"
        " &> {log:q}"
