"""Figures of scores: against chance, raters, other presets, and without the sequence model."""


localrules:
    figure_performance,
    figure_behaviors,
    figure_comparison,
    figure_sequence_gain,
    figure_raters,


rule figure_performance:
    input:
        metrics="results/summary/metrics.csv",
        raters="results/summary/raters.csv",
        tests="results/summary/tests.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/performance.svg",
            caption="../report/figure_performance.rst",
            category="2 Performance",
            labels={"figure": "1 All behaviors"},
        ),
    log:
        "logs/figure_performance.log",
    benchmark:
        "benchmarks/figure_performance.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_performance.py"


rule figure_behaviors:
    input:
        metrics="results/summary/metrics.csv",
        raters="results/summary/raters.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/behaviors/{preset}.svg",
            caption="../report/figure_behaviors.rst",
            category="2 Performance",
            labels={"figure": "2 Per behavior", "preset": "{preset}"},
        ),
    log:
        "logs/figure_behaviors/{preset}.log",
    benchmark:
        "benchmarks/figure_behaviors/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_behaviors.py"


rule figure_comparison:
    input:
        metrics="results/summary/metrics.csv",
        tests="results/summary/tests.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/comparison.svg",
            caption="../report/figure_comparison.rst",
            category="2 Performance",
            labels={"figure": "3 Presets and baselines"},
        ),
    log:
        "logs/figure_comparison.log",
    benchmark:
        "benchmarks/figure_comparison.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_comparison.py"


rule figure_sequence_gain:
    input:
        metrics="results/summary/metrics.csv",
        tests="results/summary/tests.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/sequence_gain.svg",
            caption="../report/figure_sequence_gain.rst",
            category="2 Performance",
            labels={"figure": "4 What the sequence model adds"},
        ),
    log:
        "logs/figure_sequence_gain.log",
    benchmark:
        "benchmarks/figure_sequence_gain.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_sequence_gain.py"


rule figure_raters:
    input:
        raters="results/summary/raters.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/raters/{preset}.svg",
            caption="../report/figure_raters.rst",
            category="2 Performance",
            labels={"figure": "5 Among the raters", "preset": "{preset}"},
        ),
    log:
        "logs/figure_raters/{preset}.log",
    benchmark:
        "benchmarks/figure_raters/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_raters.py"
