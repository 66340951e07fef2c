"""The flow generator: one per preset, trained on pixels alone."""


include: "training_common.smk"


rule train_flow:
    input:
        imports=expand("results/import/{video}.h5", video=PRETRAIN),
        stats="results/stats/rgb.json",
        weights=weights_of("flow"),
    output:
        model="results/models/flow/{preset}.pt",
        history="results/models/flow/{preset}.history.csv",
        record="results/models/flow/{preset}.run.json",
        examples="results/models/flow/{preset}.examples.npz",
    log:
        "logs/train_flow/{preset}.log",
    benchmark:
        "benchmarks/train_flow/{preset}.tsv"
    conda:
        "../envs/deg.yaml"
    threads: 8
    resources:
        gpu=gpus_of("flow"),
        mem_mb=memory(16000, 48000),
        runtime=minutes(480),
    params:
        videos=PRETRAIN,
        settings=settings_of("flow"),
        version=VERSIONS["train_flow"],
        state="state/train_flow/{preset}",
    shell:
        "deg train-flow"
        " --videos {params.videos}"
        " --imports results/import"
        " --stats {input.stats:q}"
        " --settings {params.settings:q}"
        " --state {params.state:q}"
        " --threads {threads}"
        " --model {output.model:q}"
        " --history {output.history:q}"
        " --record {output.record:q}"
        " --examples {output.examples:q}"
        " &> {log:q}"
