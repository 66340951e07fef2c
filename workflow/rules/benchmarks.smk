"""What the pipeline costs on this machine; the target `benchmarks`, which `all` leaves out."""


localrules:
    benchmarks,
    bench_tables,


BENCHMARKS = ["extraction", "clips", "training", "length", "tgm"]
# The repository's own figures, which its docs show, are those of a rendered video and of all
# presets; a project's are those of its own settings, models and first video.
BENCHMARKS_PAGE = "docs/benchmarks.md" if "example" in SETTINGS else ""
BENCHMARKS_OWN = not os.path.isfile(BENCHMARKS_PAGE)


# A measurement, so nothing makes it stale: --forcerun bench measures again.
rule bench:
    input:
        video=[ancient(str(video.path)) for video in VIDEOS.values()][:BENCHMARKS_OWN],
    output:
        figures="results/benchmarks/{part}.json",
    log:
        "logs/bench/{part}.log",
    benchmark:
        "benchmarks/bench/{part}.tsv"
    wildcard_constraints:
        part="|".join(BENCHMARKS),
    conda:
        "../envs/deg.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=memory(16000, 48000),
        runtime=minutes(480),
    params:
        subject="--project ." if BENCHMARKS_OWN else "",
    shell:
        "deg bench"
        " {input.video:q}"
        " {params.subject}"
        " --parts {wildcards.part}"
        " --threads {threads}"
        " --out {output.figures:q}"
        " &> {log:q}"


rule bench_tables:
    input:
        figures=expand("results/benchmarks/{part}.json", part=BENCHMARKS),
    output:
        tables="results/benchmarks/tables.md",
    log:
        "logs/bench_tables.log",
    benchmark:
        "benchmarks/bench_tables.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        page="" if BENCHMARKS_OWN else f"--into {BENCHMARKS_PAGE}",
    shell:
        "deg bench-tables"
        " --figures {input.figures:q}"
        " --out {output.tables:q}"
        " {params.page}"
        " &> {log:q}"


# All of them, since a table would not tell that the figures above it are gone.
rule benchmarks:
    input:
        rules.bench_tables.input,
        rules.bench_tables.output,
