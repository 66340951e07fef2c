"""Raw videos and label files become files per frame."""


rule import_video:
    input:
        raw=ancient(raw_of),
    output:
        store="results/import/{video}.h5",
    log:
        "logs/import_video/{video}.log",
    benchmark:
        "benchmarks/import_video/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(120),
    params:
        settings=settings_of("import"),
        raw=identity_of_raw,
        version=VERSIONS["import_video"],
    shell:
        "deg import-video"
        " --raw {input.raw:q}"
        " --out {output.store:q}"
        " --settings {params.settings:q}"
        " &> {log:q}"


rule import_labels:
    input:
        labels=labels_of,
        store="results/import/{video}.h5",
    output:
        labels="results/labels/{video}.csv",
    log:
        "logs/import_labels/{video}.log",
    benchmark:
        "benchmarks/import_labels/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 4000),
        runtime=minutes(10),
    params:
        settings=settings_of("labels"),
        groups=GROUPS,
        version=VERSIONS["import_labels"],
    shell:
        "deg import-labels"
        " --labels {input.labels:q}"
        " --store {input.store:q}"
        " --out {output.labels:q}"
        " --settings {params.settings:q}"
        " --groups {params.groups:q}"
        " &> {log:q}"
