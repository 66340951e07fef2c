"""Probabilities become bouts, and bouts are scored."""


localrules:
    bout_lengths,
    summarize_postprocessing,


rule tune_thresholds:
    input:
        predictions=per_video("results/predictions/{run}/{video}.h5", "val"),
        labels=per_video("results/labels/{video}.csv", "val"),
    output:
        thresholds="results/thresholds/{preset}/{split}/{n_train}.json",
    log:
        "logs/tune_thresholds/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/tune_thresholds/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(30),
    params:
        videos=flags_of(videos="val"),
        settings=settings_of("thresholds", but=["joint"]),
        version=VERSIONS["tune_thresholds"],
    shell:
        "deg tune-thresholds"
        " {params.videos}"
        " --predictions results/predictions/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --labels results/labels"
        " --settings {params.settings:q}"
        " --out {output.thresholds:q}"
        " &> {log:q}"


rule bout_lengths:
    input:
        labels=per_video("results/labels/{video}.csv", "train"),
    output:
        lengths="results/thresholds/{preset}/{split}/{n_train}.lengths.json",
    log:
        "logs/bout_lengths/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/bout_lengths/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        videos=flags_of(videos="train"),
        version=VERSIONS["bout_lengths"],
    shell:
        "deg bout-lengths"
        " {params.videos}"
        " --labels results/labels"
        " --out {output.lengths:q}"
        " &> {log:q}"


rule choose_postprocessing:
    input:
        predictions=per_video("results/predictions/{run}/{video}.h5", "val"),
        labels=per_video("results/labels/{video}.csv", "val"),
        thresholds="results/thresholds/{preset}/{split}/{n_train}.json",
        lengths="results/thresholds/{preset}/{split}/{n_train}.lengths.json",
    output:
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
    log:
        "logs/choose_postprocessing/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/choose_postprocessing/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(30),
    params:
        videos=flags_of(videos="val"),
        settings=settings_of("postprocess"),
        tuning=settings_of("thresholds"),
        version=VERSIONS["choose_postprocessing"],
    shell:
        "deg choose-postprocessing"
        " {params.videos}"
        " --predictions results/predictions/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --labels results/labels"
        " --thresholds {input.thresholds:q}"
        " --lengths {input.lengths:q}"
        " --settings {params.settings:q}"
        " --tuning {params.tuning:q}"
        " --out {output.postprocessing:q}"
        " &> {log:q}"


rule postprocess:
    input:
        predictions="results/predictions/{preset}/{split}/{n_train}/{video}.h5",
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
    output:
        ethogram="results/ethograms/{preset}/{split}/{n_train}/{video}.csv",
        bouts="results/ethograms/{preset}/{split}/{n_train}/{video}.bouts.csv",
    log:
        "logs/postprocess/{preset}/{split}/{n_train}/{video}.log",
    benchmark:
        "benchmarks/postprocess/{preset}/{split}/{n_train}/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(15),
    params:
        version=VERSIONS["postprocess"],
    shell:
        "deg postprocess"
        " --predictions {input.predictions:q}"
        " --postprocessing {input.postprocessing:q}"
        " --ethogram {output.ethogram:q}"
        " --bouts {output.bouts:q}"
        " &> {log:q}"


rule summarize_postprocessing:
    input:
        chosen=expand("results/thresholds/{run}.postprocess.json", run=[run.name for run in RUNS]),
    output:
        table="results/summary/postprocessing.csv",
    log:
        "logs/summarize_postprocessing.log",
    benchmark:
        "benchmarks/summarize_postprocessing.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in RUNS),
        version=VERSIONS["summarize_postprocessing"],
    shell:
        "deg summarize-postprocessing"
        " --runs {params.runs}"
        " --thresholds results/thresholds"
        " --out {output.table:q}"
        " &> {log:q}"


rule evaluate:
    input:
        predictions=per_video("results/predictions/{run}/{video}.h5", "test"),
        ethograms=per_video("results/ethograms/{run}/{video}.csv", "test"),
        labels=per_video("results/labels/{video}.csv", "test"),
        postprocessing="results/thresholds/{preset}/{split}/{n_train}.postprocess.json",
    output:
        metrics="results/metrics/{preset}/{split}/{n_train}.json",
        bouts="results/metrics/{preset}/{split}/{n_train}.bouts.csv",
        edges="results/metrics/{preset}/{split}/{n_train}.edges.csv",
        statistics="results/metrics/{preset}/{split}/{n_train}.statistics.csv",
        transitions="results/metrics/{preset}/{split}/{n_train}.transitions.csv",
        examples="results/metrics/{preset}/{split}/{n_train}.examples.csv",
    log:
        "logs/evaluate/{preset}/{split}/{n_train}.log",
    benchmark:
        "benchmarks/evaluate/{preset}/{split}/{n_train}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(4000, 16000),
        runtime=minutes(60),
    params:
        videos=flags_of(videos="test"),
        settings=settings_of("evaluate"),
        version=VERSIONS["evaluate"],
    shell:
        "deg evaluate"
        " {params.videos}"
        " --predictions results/predictions/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --ethograms results/ethograms/{wildcards.preset}/{wildcards.split}/{wildcards.n_train}"
        " --labels results/labels"
        " --postprocessing {input.postprocessing:q}"
        " --settings {params.settings:q}"
        " --out {output.metrics:q}"
        " --bouts {output.bouts:q}"
        " --edges {output.edges:q}"
        " --statistics {output.statistics:q}"
        " --transitions {output.transitions:q}"
        " --examples {output.examples:q}"
        " &> {log:q}"
