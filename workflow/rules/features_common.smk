"""Extraction in int8: whether it was chosen, and what that adds to the graph; no rule."""

EXTRACT = resolve(SETTINGS, "extract")
INT8 = EXTRACT["precision"] == "int8"
# Put together while parsing: a line that stays empty would be another command, and all features
# of those who never chose int8 stale.
QUANTIZED = " --quantized {input.quantized:q}" if INT8 else ""
QUANTIZED_PARTS = [".xml", ".bin", ".run.json"] if INT8 else []


@quick
def quantized_of(wildcards):
    """Input function: the int8 extractor of the wildcards' run, where int8 was chosen."""
    return f"results/models/quantized/{name_of(wildcards)}.xml" if INT8 else []
