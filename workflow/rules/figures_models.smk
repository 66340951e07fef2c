"""Figures of the networks: what they cost, and what the flow generator sees."""


localrules:
    figure_models,
    summarize_flow,
    figure_flow,


rule figure_models:
    input:
        models="results/summary/models.csv",
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/models.svg",
            caption="../report/figure_models.rst",
            category="7 Models",
            labels={"figure": "1 Size and speed"},
        ),
    log:
        "logs/figure_models.log",
    benchmark:
        "benchmarks/figure_models.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_models.py"


# A copy, since all figures of a study are drawn from the summary.
rule summarize_flow:
    input:
        examples="results/models/flow/{preset}.examples.npz",
    output:
        examples="results/summary/flow/{preset}.npz",
    log:
        "logs/summarize_flow/{preset}.log",
    benchmark:
        "benchmarks/summarize_flow/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["summarize_flow"],
    shell:
        "deg summarize-flow"
        " --examples {input.examples:q}"
        " --out {output.examples:q}"
        " &> {log:q}"


rule figure_flow:
    input:
        examples="results/summary/flow/{preset}.npz",
        style=STYLE,
    output:
        figure=report(
            "results/figures/flow/{preset}.svg",
            caption="../report/figure_flow.rst",
            category="7 Models",
            labels={"figure": "2 Motion", "preset": "{preset}"},
        ),
    log:
        "logs/figure_flow/{preset}.log",
    benchmark:
        "benchmarks/figure_flow/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_flow.py"
