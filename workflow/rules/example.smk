"""The bundled example draws its videos; included only where config.yaml has `example`."""


rule render_example:
    output:
        video=f"{SETTINGS['example']['videos']}/{{video}}.mp4",
    log:
        "logs/render_example/{video}.log",
    benchmark:
        "benchmarks/render_example/{video}.tsv"
    conda:
        "../envs/deg.yaml"
    resources:
        mem_mb=memory(2000, 4000),
        runtime=minutes(10),
    params:
        seed=SETTINGS["example"]["seed"],
        version=VERSIONS["example"],
    shell:
        "deg render-example"
        " --video {wildcards.video}"
        " --seed {params.seed}"
        " --out {output.video:q}"
        " &> {log:q}"
