"""Figures of bouts: examples, statistics, edges, and what follows what."""


localrules:
    figure_examples,
    figure_bouts,
    figure_edges,
    figure_transitions,


rule figure_examples:
    input:
        examples="results/summary/examples.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/examples/{preset}.svg",
            caption="../report/figure_examples.rst",
            category="3 Bouts",
            labels={"figure": "1 Examples near the average", "preset": "{preset}"},
        ),
    log:
        "logs/figure_examples/{preset}.log",
    benchmark:
        "benchmarks/figure_examples/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_examples.py"


rule figure_bouts:
    input:
        statistics="results/summary/statistics.csv",
        bouts="results/summary/bouts.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/bouts/{preset}.svg",
            caption="../report/figure_bouts.rst",
            category="3 Bouts",
            labels={"figure": "2 Time, number, duration", "preset": "{preset}"},
        ),
    log:
        "logs/figure_bouts/{preset}.log",
    benchmark:
        "benchmarks/figure_bouts/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_bouts.py"


rule figure_edges:
    input:
        metrics="results/summary/metrics.csv",
        edges="results/summary/edges.csv",
        statistics="results/summary/statistics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/edges/{preset}.svg",
            caption="../report/figure_edges.rst",
            category="3 Bouts",
            labels={"figure": "3 Found, split, merged", "preset": "{preset}"},
        ),
    log:
        "logs/figure_edges/{preset}.log",
    benchmark:
        "benchmarks/figure_edges/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_edges.py"


rule figure_transitions:
    input:
        transitions="results/summary/transitions.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/transitions/{preset}.svg",
            caption="../report/figure_transitions.rst",
            category="3 Bouts",
            labels={"figure": "4 Transitions", "preset": "{preset}"},
        ),
    log:
        "logs/figure_transitions/{preset}.log",
    benchmark:
        "benchmarks/figure_transitions/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_transitions.py"
