"""Figures of data: what was labeled, what its amount gives, and what more would bring."""


localrules:
    figure_data,
    figure_training_size,
    figure_advice,


rule figure_data:
    input:
        data="results/summary/data.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/data.svg",
            caption="../report/figure_data.rst",
            category="1 Data",
            labels={"figure": "Labels"},
        ),
    log:
        "logs/figure_data.log",
    benchmark:
        "benchmarks/figure_data.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_data.py"


rule figure_training_size:
    input:
        learning="results/summary/learning.csv",
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/training_size.svg",
            caption="../report/figure_training_size.rst",
            category="2 Performance",
            labels={"figure": "6 Size of the training set"},
        ),
    log:
        "logs/figure_training_size.log",
    benchmark:
        "benchmarks/figure_training_size.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_training_size.py"


rule figure_advice:
    input:
        advice="results/summary/advice.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/advice.svg",
            caption="../report/figure_advice.rst",
            category="2 Performance",
            labels={"figure": "7 What more labels would bring"},
        ),
    log:
        "logs/figure_advice.log",
    benchmark:
        "benchmarks/figure_advice.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_advice.py"
