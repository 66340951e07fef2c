"""All scores and learning curves in four tables, which most figures are drawn from."""


localrules:
    summarize,


rule summarize:
    input:
        metrics=expand("results/metrics/{run}.json", run=[run.name for run in TESTED_RUNS]),
        thresholds=expand("results/thresholds/{run}.json", run=[run.name for run in RUNS]),
        histories=expand(
            "results/models/{stage}/{run}.history.csv",
            stage=["features", "sequence"],
            run=[run.name for run in RUNS],
        ),
        flow=expand("results/models/flow/{preset}.history.csv", preset=PRESETS),
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
        version=VERSIONS["summarize"],
    shell:
        "deg summarize"
        " --runs {params.runs}"
        " --tested {params.tested}"
        " --results results"
        " --out results/summary"
        " &> {log:q}"
