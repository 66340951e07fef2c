"""All results in tidy tables, which the figures are drawn from."""


localrules:
    summarize,
    summarize_labels,


rule summarize:
    input:
        metrics=expand("results/metrics/{run}.json", run=[run.name for run in TESTED_RUNS]),
        described=expand(
            "results/metrics/{run}.{table}.csv",
            run=[run.name for run in TESTED_RUNS],
            table=[*DESCRIBED, "examples"],
        ),
        thresholds=expand("results/thresholds/{run}.json", run=[run.name for run in RUNS]),
        histories=of_trainings(RUNS, ".history.csv"),
        records=of_trainings(RUNS, ".run.json"),
        flow=expand(
            "results/models/flow/{preset}{part}",
            preset=LOOKING_PRESETS,
            part=[".history.csv", ".run.json"],
        ),
    output:
        tables=SUMMARY,
    log:
        "logs/summarize.log",
    benchmark:
        "benchmarks/summarize.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in RUNS),
        tested=" ".join(run.name for run in TESTED_RUNS),
        trainings=TRAINED,
        version=VERSIONS["summarize"],
    shell:
        "deg summarize"
        " --runs {params.runs}"
        " --tested {params.tested}"
        " --trainings {params.trainings:q}"
        " --results results"
        " --benchmarks benchmarks"
        " --out results/summary"
        " &> {log:q}"


rule summarize_labels:
    input:
        labels=expand("results/labels/{video}.csv", video=LABELED),
        imports=expand("results/import/{video}.h5", video=LABELED),
    output:
        data="results/summary/data.csv",
    log:
        "logs/summarize_labels.log",
    benchmark:
        "benchmarks/summarize_labels.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        groups=to_json({video: VIDEOS[video].group for video in LABELED}),
        version=VERSIONS["summarize_labels"],
    shell:
        "deg summarize-labels"
        " --groups {params.groups:q}"
        " --labels results/labels"
        " --imports results/import"
        " --out {output.data:q}"
        " &> {log:q}"
