"""One rule per figure, all of them in the report; see workflow/report for the captions."""


include: "figures_common.smk"


localrules:
    figure_performance,
    figure_confusion,
    figure_thresholds,
    figure_learning_curves,
    figure_ethogram,
    figure_flow,


rule figure_performance:
    input:
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/performance.svg",
            caption="../report/figure_performance.rst",
            category="1 Performance",
            labels={"figure": "F1 on test videos"},
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


rule figure_confusion:
    input:
        confusion="results/summary/confusion.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/confusion/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_confusion.rst",
            category="2 Confusion",
            labels={"preset": "{preset}", "split": "{split}", "training videos": "{n_train}"},
        ),
    log:
        "logs/figure_confusion/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/figure_confusion/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_confusion.py"


rule figure_thresholds:
    input:
        curves="results/summary/curves.csv",
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/thresholds/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_thresholds.rst",
            category="3 Thresholds",
            labels={"preset": "{preset}", "split": "{split}", "training videos": "{n_train}"},
        ),
    log:
        "logs/figure_thresholds/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/figure_thresholds/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_thresholds.py"


rule figure_ethogram:
    input:
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
        ethogram="results/ethograms/{preset}/{split}/{n_train}/{video}.csv",
        thresholds="results/thresholds/{preset}/{split}/{n_train}.json",
        labels=frame_labels_of,
        style=STYLE,
    output:
        figure=report(
            "results/figures/ethograms/{preset}/{split}/{n_train}/{video}.svg",
            caption="../report/figure_ethogram.rst",
            category="4 Ethograms",
            subcategory="{preset}/{split}/{n_train}",
            labels=about_ethogram,
        ),
    log:
        "logs/figure_ethogram/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/figure_ethogram/{preset}/{split}/{n_train}/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        part=part_of,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_ethogram.py"


rule figure_learning_curves:
    input:
        history="results/summary/history.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/learning_curves/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_learning_curves.rst",
            category="5 Learning curves",
            labels={"preset": "{preset}", "split": "{split}", "training videos": "{n_train}"},
        ),
    log:
        "logs/figure_learning_curves/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/figure_learning_curves/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_learning_curves.py"


rule figure_flow:
    input:
        examples="results/models/flow/{preset}.examples.npz",
        style=STYLE,
    output:
        figure=report(
            "results/figures/flow/{preset}.svg",
            caption="../report/figure_flow.rst",
            category="6 Motion",
            labels={"preset": "{preset}"},
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
