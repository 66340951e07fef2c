"""The bundled example and the studies draw their videos; only where config.yaml has `example`."""


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
        scene=SETTINGS["example"].get("scene", "mouse"),
        n_frames=SETTINGS["example"].get("n_frames", 800),
        version=VERSIONS["example"],
    shell:
        "deg render-example"
        " --video {wildcards.video}"
        " --seed {params.seed}"
        " --scene {params.scene}"
        " --n-frames {params.n_frames}"
        " --out {output.video:q}"
        " &> {log:q}"
