"""From videos and labels to ethograms: settings in config.yaml, videos in videos.tsv."""

from snakemake.utils import min_version

min_version("9.3")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/planning.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/baselines_common.smk"
include: "workflow/rules/products.smk"
include: "workflow/rules/import.smk"
include: "workflow/rules/stats.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/sequence.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/ethogram.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/benchmarks.smk"


if "example" in SETTINGS:

    include: "workflow/rules/example.smk"


# Every target lists every product of every stage that it rests on: asked for the last files only,
# Snakemake would not notice that a failed stage above them has lost its own.
rule all:
    default_target: True
    input:
        products,


rule infer:
    input:
        products_of_inference,
