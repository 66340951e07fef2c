"""Channel statistics of the videos of the fixed, label-free set; the empty arena of each video."""


localrules:
    merge_stats,


rule video_stats:
    input:
        store="results/import/{video}.h5",
    output:
        stats="results/stats/{video}.json",
        background="results/stats/{video}.background.png",
    log:
        "logs/video_stats/{video}.log",
    benchmark:
        "benchmarks/video_stats/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 8000),
        runtime=minutes(30),
    params:
        settings=settings_of("stats"),
        version=VERSIONS["video_stats"],
    shell:
        "deg video-stats"
        " --store {input.store:q}"
        " --out {output.stats:q}"
        " --background {output.background:q}"
        " --settings {params.settings:q}"
        " &> {log:q}"


rule merge_stats:
    input:
        stats=expand("results/stats/{video}.json", video=PRETRAIN),
    output:
        stats="results/stats/rgb.json",
    log:
        "logs/merge_stats.log",
    benchmark:
        "benchmarks/merge_stats.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        videos=PRETRAIN,
        version=VERSIONS["merge_stats"],
    shell:
        "deg merge-stats"
        " --videos {params.videos}"
        " --folder results/stats"
        " --out {output.stats:q}"
        " &> {log:q}"
