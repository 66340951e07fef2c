"""Figures of how runs decide and how they were trained, and the ethograms of all videos."""


localrules:
    figure_calibration,
    figure_postprocessing,
    figure_thresholds,
    figure_confusion,
    figure_learning_curves,


rule figure_calibration:
    input:
        calibration="results/summary/calibration.csv",
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/calibration/{preset}.svg",
            caption="../report/figure_calibration.rst",
            category="4 Decisions",
            labels={"figure": "1 Calibration", "preset": "{preset}"},
        ),
    log:
        "logs/figure_calibration/{preset}.log",
    benchmark:
        "benchmarks/figure_calibration/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_calibration.py"


rule figure_postprocessing:
    input:
        postprocessing="results/summary/postprocessing.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/postprocessing/{preset}.svg",
            caption="../report/figure_postprocessing.rst",
            category="4 Decisions",
            labels={"figure": "4 Postprocessing", "preset": "{preset}"},
        ),
    log:
        "logs/figure_postprocessing/{preset}.log",
    benchmark:
        "benchmarks/figure_postprocessing/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        behaviors=BEHAVIORS,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_postprocessing.py"


rule figure_thresholds:
    input:
        curves="results/summary/curves.csv",
        metrics="results/summary/metrics.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/thresholds/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_thresholds.rst",
            category="4 Decisions",
            labels=about_run("2 Thresholds"),
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


rule figure_confusion:
    input:
        confusion="results/summary/confusion.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/confusion/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_confusion.rst",
            category="4 Decisions",
            labels=about_run("3 Confusion"),
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


rule figure_learning_curves:
    input:
        history="results/summary/history.csv",
        style=STYLE,
    output:
        figure=report(
            "results/figures/learning_curves/{preset}/{split}/{n_train}.svg",
            caption="../report/figure_learning_curves.rst",
            category="6 Training",
            labels=about_run("Learning curves"),
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


rule figure_ethogram:
    input:
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
        ethogram="results/ethograms/{preset}/{split}/{n_train}/{video}.csv",
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
        labels=frame_labels_of,
        style=STYLE,
    output:
        figure=report(
            "results/figures/ethograms/{preset}/{split}/{n_train}/{video}.svg",
            caption="../report/figure_ethogram.rst",
            category="5 Ethograms",
            subcategory="{preset}/{split}/{n_train}",
            labels=about_ethogram,
        ),
    log:
        "logs/figure_ethogram/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/figure_ethogram/{preset}/{split}/{n_train}/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(15),
    params:
        part=used_for,
        version=VERSIONS["figures"],
    script:
        "../scripts/figure_ethogram.py"
