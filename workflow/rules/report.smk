"""The pages of the report beside the figures: verdicts, videos with flags, what was run on what."""


include: "report_common.smk"
include: "quality.smk"


localrules:
    judge,
    describe,
    report_pages,


rule judge:
    input:
        tables=expand("results/summary/{table}.csv", table=JUDGING_TABLES),
    output:
        verdicts="results/summary/verdicts.csv",
    log:
        "logs/judge.log",
    benchmark:
        "benchmarks/judge.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in JUDGED_RUNS),
        behaviors=SETTINGS["behaviors"],
        parts=divided("train", "test"),
        version=VERSIONS["judge"],
    shell:
        "deg judge"
        " --runs {params.runs}"
        " --summary results/summary"
        " --behaviors {params.behaviors:q}"
        " --parts {params.parts:q}"
        " --out {output.verdicts:q}"
        " &> {log:q}"


rule describe:
    input:
        imports=expand("results/import/{video}.h5", video=VIDEOS),
        records=of_trainings(RUNS, ".run.json"),
        flow=expand("results/models/flow/{preset}.run.json", preset=LOOKING_PRESETS),
    output:
        setup="results/summary/setup.csv",
        videos="results/summary/videos.csv",
    log:
        "logs/describe.log",
    benchmark:
        "benchmarks/describe.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        runs=" ".join(run.name for run in RUNS),
        trainings=TRAINED,
        # Its content counts, and not when it was written.
        table=SETTINGS.get("videos", "videos.tsv"),
        digest=digest_of_table(),
        parts=divided("train", "val", "test"),
        changed=all_changed(),
        version=VERSIONS["describe"],
    shell:
        "deg describe"
        " --runs {params.runs}"
        " --trainings {params.trainings:q}"
        " --table {params.table:q}"
        " --parts {params.parts:q}"
        " --changed {params.changed:q}"
        " --results results"
        " --setup {output.setup:q}"
        " --videos {output.videos:q}"
        " &> {log:q}"


rule report_pages:
    input:
        verdicts="results/summary/verdicts.csv",
        quality="results/summary/quality.csv",
        setup="results/summary/setup.csv",
        videos="results/summary/videos.csv",
    output:
        verdicts=report(
            "results/report/verdicts.html",
            caption="../report/verdicts.rst",
            category="0 What to trust",
            labels={"page": "Verdict on each behavior"},
        ),
        videos=report(
            "results/report/videos.html",
            caption="../report/videos.rst",
            category="0 What to trust",
            labels={"page": "Videos unlike those of the training"},
        ),
        setup=report(
            "results/report/setup.html",
            caption="../report/setup.rst",
            category="0 What to trust",
            labels={"page": "What was run on what"},
        ),
    log:
        "logs/report_pages.log",
    benchmark:
        "benchmarks/report_pages.tsv"
    conda:
        "../envs/deg.yaml"
    params:
        version=VERSIONS["report_pages"],
    shell:
        "deg report-pages"
        " --summary results/summary"
        " --verdicts {output.verdicts:q}"
        " --videos {output.videos:q}"
        " --setup {output.setup:q}"
        " &> {log:q}"
