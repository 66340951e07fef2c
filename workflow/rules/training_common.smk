"""What the trainings share; no rule."""


def gpus_of(section):
    """Resource: graphics cards that one training of a section takes."""

    def cards(wildcards):
        return resolve(SETTINGS, section, wildcards.preset)["gpus"]

    return quick(cards)
