"""Colors of behaviors."""

from deg_core.ethogram.palette import HUES, color_of, rgb_of


def test_the_first_behaviors_have_the_hues_themselves():
    assert [color_of(k) for k in range(len(HUES))] == list(HUES)
    assert rgb_of(0) == (0x00, 0x72, 0xB2)


def test_hues_come_again_darker_then_lighter():
    # 0.6 of (230, 159, 0), and half way from it to white
    assert rgb_of(1) == (230, 159, 0)
    assert rgb_of(9) == (138, 95, 0)
    assert rgb_of(17) == (242, 207, 128)


def test_24_behaviors_are_told_apart_and_the_25th_repeats():
    assert len({color_of(k) for k in range(24)}) == 24
    assert color_of(24) == color_of(0)
