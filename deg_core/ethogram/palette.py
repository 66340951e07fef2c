"""The color of each behavior, the same in every figure, in movies and on pages."""

# Okabe and Ito's hues (and two of Tol's), which color-blind readers tell apart, in an order in
# which neighbors differ in lightness, so that they also differ in grey.
HUES = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#882255", "#999933",
)  # fmt: skip
# What the hues are mixed with, from 0 (black) to 1 (white), the first, second and third time round.
LAPS = ((0, 0.0), (0, 0.4), (1, 0.5))


def rgb_of(index: int) -> tuple[int, int, int]:
    """Return the color of the behavior at one place of the configured list: red, green, blue.

    Parameters
    ----------
    index
        Place of the behavior in the configured list, from 0. The hues come again darker from 8 on,
        lighter from 16 on, and repeat from 24 on.
    """
    lap, place = divmod(index % (len(LAPS) * len(HUES)), len(HUES))
    toward, share = LAPS[lap]
    parts = (value / 255 for value in bytes.fromhex(HUES[place][1:]))
    red, green, blue = (round((part + (toward - part) * share) * 255) for part in parts)
    return red, green, blue


def color_of(index: int) -> str:
    """Return the same color as ``#rrggbb``."""
    return "#" + bytes(rgb_of(index)).hex()
