"""One rule per figure, all of them in the report; see workflow/report for the captions."""


include: "figures_common.smk"
include: "figures_data.smk"
include: "figures_scores.smk"
include: "figures_bouts.smk"
include: "figures_runs.smk"
include: "figures_models.smk"


# Only the figures of the study, all from results/summary: with nothing else left they are drawn,
# and nothing is computed for them. Not seen: a failed stage above the summary; `all` sees it.
rule figures:
    input:
        STUDY_FIGURES,
