"""Tables of the figures: text and Markdown, the same from the same, and pages between markers."""

import pytest

from deg_core import cli
from deg_core.bench import layout, pages, tables
from deg_core.bench.figures import figure
from deg_core.bench.layout import Table
from deg_core.bench.options import PARTS, STEPS
from deg_core.data.publish import publish_json
from deg_core.errors import ConfigError, StateError

MACHINE = {
    "processor": "Fast 9000", "cores": 2, "threads": 1, "memory_gb": 23.5, "device": "cpu",
    "system": "Linux x86_64", "python": "3.12.1", "torch": "2.9.0", "supports": ["avx2"],
    "load": 0.5,
}  # fmt: skip


def path(ratio):
    return {
        "frames_per_s": figure([2.0 * ratio] * 5), "cpu_ms": figure([500 / ratio] * 5),
        "wall_ratio": figure([ratio] * 5), "cpu_ratio": figure([ratio] * 5),
        "largest_difference": 1.23e-6, "smallest_cosine": 0.99999,
        "steps_cpu_ms": {name: figure([i + 0.5] * 5) for i, name in enumerate(STEPS)},
    }  # fmt: skip


EXTRACTION = {
    "preset": "fast", "size": [256, 192], "store": "raw", "weights": "untrained, seed 0",
    "frames": 64, "batch": 32,
    "plain": {"frames_per_s": figure([2.0] * 5), "cpu_ms": figure([500.0] * 5)},
    "paths": {"bf16": path(2.6), "fp32": path(1.3)},
}  # fmt: skip
RESULTS = {
    "format": "deg-core bench 1", "machine": MACHINE, "failed": [],
    "extraction": [EXTRACTION],
    "clips": [{
        "store": "jpeg", "size": [256, 256], "bytes_per_frame": 20_000.0, "clips": 100,
        "clips_per_cpu_s": figure([274.0, 280.0, 270.0]), "clips_per_s": figure([250.0]),
    }],
    "training": [
        {"preset": "lite", "stage": "train_flow", "size": [64, 64], "learns": False},
        {"preset": "lite", "stage": "train_features", "size": [64, 64], "learns": True,
         "precision": "bf16", "batch": 32, "steps_per_s": figure([0.5, 0.25, 0.5]),
         "cpu_s": figure([2.0, 4.0, 2.0]), "peak_mb": 1234.5,
         "wall_ratio": figure([1.5]), "cpu_ratio": figure([1.4])},
        {"preset": "lite", "stage": "train_sequence", "size": [64, 64], "learns": True,
         "precision": "fp32", "batch": 8, "steps_per_s": figure([2.0]), "cpu_s": figure([1.0]),
         "peak_mb": 99.0},
    ],
    "length": [
        {"preset": "lite", "size": [96, 96], "store": "raw", "minutes": minutes, "frames": 1,
         "import": cost, "extract": cost}
        for minutes, cost in (
            (1.0, {"wall_s": figure([4.0] * 3), "cpu_s": figure([5.0] * 3),
                   "peak_mb": figure([400.0] * 3)}),
            (60.0, {"wall_s": figure([252.0]), "cpu_s": figure([300.0]),
                    "peak_mb": figure([404.0])}),
        )
    ],
    "tgm": [{
        "shape": {"n": 8, "d": 512, "t": 180, "c_in": 8, "c_out": 8, "length": 15},
        "grouped": {"wall_s": figure([0.8]), "cpu_s": figure([0.8]), "added_mb": figure([800.0])},
        "dense": {"wall_s": figure([0.2]), "cpu_s": figure([0.2]), "added_mb": figure([100.0])},
        "wall_ratio": figure([4.0]), "cpu_ratio": figure([4.0]),
    }],
}  # fmt: skip


def text_of(part, results=RESULTS):
    return layout.as_text(tables.tables_of(part, results))


# --- layout


def test_columns_of_numbers_are_flush_right():
    table = Table("T", ["name", "n", "x"], [["a", "1", ""], ["bcdef", "100", "0.5"]], ["Note."])
    assert layout.as_text([table]) == (
        "T\n"
        "  name     n    x\n"
        "  a        1\n"
        "  bcdef  100  0.5\n"
        "Note."
    )  # fmt: skip


def test_markdown():
    table = Table("T", ["name", "n"], [["a", "1"]], ["Note."])
    assert layout.as_markdown([table, table]) == (
        "T:\n\n| name | n |\n| --- | --- |\n| a | 1 |\n\nNote.\n\n"
        "T:\n\n| name | n |\n| --- | --- |\n| a | 1 |\n\nNote."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (0.1234, "0.123"), (1.0, "1.00"), (12.34, "12.3"), (123.4, "123"),
     (21_600.4, "21600"), (-1.5, "-1.50"), (0.9999, "1.00"), (99.96, "100")],
)  # fmt: skip
def test_numbers_have_three_digits_that_say_something(value, text):
    assert tables._number(value) == text


# --- the parts


def test_every_part_has_tables():
    assert tuple(tables.TABLES) == PARTS
    assert set(tables.texts_of(RESULTS)) == set(PARTS)


def test_table_of_extraction():
    whole, steps = tables.tables_of("extraction", RESULTS)
    assert whole.rows == [
        ["fast", "256x192", "plain", "64", "2.00", "500", "1", "1", "", ""],
        ["fast", "256x192", "fp32", "64", "2.60", "385", "1.30", "1.30", "1.2e-06", "0.999990"],
        ["fast", "256x192", "bf16", "64", "5.20", "192", "2.60", "2.60", "1.2e-06", "0.999990"],
    ]
    assert whole.notes == [
        "Medians of 5 repetitions, all ways taken in turn; weights: untrained, seed 0; raw store; "
        "batches of 32 frames; without reading the models."
    ]
    assert steps.columns[3:] == list(STEPS)
    assert steps.rows[0] == [
        "fast", "256x192", "fp32", "0.500", "1.50", "2.50", "3.50", "4.50", "5.50",
        "6.50",
    ]  # fmt: skip


def test_what_could_not_be_measured_is_said_once():
    each = EXTRACTION | {"left_out": {"int8": "the packages are not installed"}}
    whole, _ = tables.tables_of("extraction", {**RESULTS, "extraction": [each, each]})
    assert whole.notes[1:] == ["Not measured: int8 (the packages are not installed)."]


def test_a_step_that_there_is_not_stays_empty():
    one = {**path(1.0), "steps_cpu_ms": {"decode": figure([1.0])}}
    _, steps = tables.tables_of(
        "extraction", {**RESULTS, "extraction": [{**EXTRACTION, "paths": {"fp32": one}}]}
    )
    assert steps.rows == [["fast", "256x192", "fp32", "1.00", "", "", "", "", "", ""]]


def test_table_of_clips():
    """20 kB x 108,000 frames are 2.16 GB; the median of 274, 280 and 270 is 274."""
    (table,) = tables.tables_of("clips", RESULTS)
    assert table.rows == [["jpeg", "256x256", "274", "250", "2.16"]]
    assert table.notes == ["Medians of 1 to 3 repetitions; files in memory."]


def test_table_of_training():
    (table,) = tables.tables_of("training", RESULTS)
    assert table.rows == [
        ["lite", "train_features", "bf16", "32", "0.500", "2.00", "1.50", "1.40", "16.0", "1234"],
        ["lite", "train_sequence", "fp32", "8", "2.00", "1.00", "", "", "16.0", "99.0"],
    ]
    assert table.notes[-1] == "Nothing to learn: train_flow of lite."
    on_card = [each | {"card_mb": 99.6} for each in RESULTS["training"]]
    (table,) = tables.tables_of("training", {**RESULTS, "training": on_card})
    assert table.columns[-1] == "peak MB on the card"
    assert table.rows[0][-2:] == ["1234", "99.6"]


def test_table_of_length():
    """252 s for 60 minutes are 4.2 s a minute; 404 MB are 1.01 times 400."""
    imported, extracted = tables.tables_of("length", RESULTS)
    assert imported.title.startswith("Import ")
    assert extracted.rows == [
        ["raw", "1.00", "4.00", "5.00", "4.00", "400", "1.00", "3"],
        ["raw", "60.0", "252", "300", "4.20", "404", "1.01", "1"],
    ]


def test_table_of_tgm():
    (table,) = tables.tables_of("tgm", RESULTS)
    assert table.rows == [
        ["8 x 512 x 180", "grouped", "0.800", "0.800", "1", "1", "800", "1.00"],
        ["8 x 512 x 180", "dense", "0.200", "0.200", "4.00", "4.00", "100", "0.125"],
    ]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_measured_gives_no_table(part):
    assert tables.tables_of(part, {**RESULTS, part: []}) == []
    assert text_of(part, {**RESULTS, part: []}) == ""


@pytest.mark.parametrize("part", PARTS)
def test_rows_fit_their_columns(part):
    for table in tables.tables_of(part, RESULTS):
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_machine_in_a_sentence():
    assert tables.machine_line(MACHINE) == (
        "Measured on Fast 9000, 2 cores, 1 thread used, 23.5 GB, cpu, Linux x86_64, Python 3.12.1, "
        "torch 2.9.0 (avx2); load of other programs when it began 0.5."
    )
    other = tables.machine_line({**MACHINE, "cores": 1, "threads": 2, "supports": []})
    assert "1 core, 2 threads used" in other
    assert "(nothing fast at low precision)" in other


def test_what_failed_is_said_where_its_figures_would_be():
    failed = [{"part": "clips", "what": "at 256x256", "why": "clips: killed."}]
    texts = tables.texts_of({**RESULTS, "clips": [], "failed": failed})
    assert texts["clips"].endswith("\n\nNot measured: at 256x256 (clips: killed.)")
    assert "Not measured" not in texts["tgm"]


# --- pages

PAGE = """# Measured

Prose by hand.

<!-- bench: clips -->
old
<!-- end of bench: clips -->

More prose, and <!-- another comment -->.

<!-- bench: tgm --><!-- end of bench: tgm -->
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def written(folder, *parts):
    path = folder / f"{'-'.join(parts)}.json"
    kept = {name: RESULTS[name] for name in ("format", "machine", "failed", *parts)}
    publish_json(path, kept)
    return path


def test_tables_come_between_their_markers_and_prose_stays(page, tmp_path):
    figures = [written(tmp_path, "tgm"), written(tmp_path, "clips")]
    pages.write(figures=figures, out=tmp_path / "all.md", into=page)
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("# Measured\n\nProse by hand.\n\n<!-- bench: clips -->\n\nMeasured on ")
    assert "\n\n<!-- end of bench: clips -->\n\nMore prose, and <!-- another comment -->.\n" in text
    assert "| 8 x 512 x 180 | dense |" in text.split("<!-- bench: tgm -->")[1]
    again = text
    pages.write(figures=figures[::-1], out=tmp_path / "all.md", into=page)
    assert page.read_text() == again


def test_all_tables_make_a_page_of_their_own_in_the_order_of_the_parts(tmp_path):
    figures = [written(tmp_path, "tgm", "clips"), written(tmp_path, "extraction")]
    pages.write(figures=figures, out=tmp_path / "all.md")
    text = (tmp_path / "all.md").read_text()
    places = [text.index(f"## {part}\n") for part in ("extraction", "clips", "tgm")]
    assert places == sorted(places)
    assert text.count("Measured on Fast 9000") == 3


def test_a_part_without_figures_keeps_its_table(page, tmp_path):
    pages.write(figures=[written(tmp_path, "tgm")], out=tmp_path / "all.md", into=page)
    assert "<!-- bench: clips -->\nold\n" in page.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- bench: clips -->",
        "<!-- end of bench: clips --> <!-- bench: clips -->",
        "<!-- bench: clips --><!-- bench: clips --><!-- end of bench: clips -->",
        "<!-- bench: clips --><!-- end of bench: clips --><!-- end of bench: clips -->",
    ],
)
def test_missing_or_doubtful_markers_are_told_and_nothing_changes(text, page, tmp_path):
    page.write_text(text)
    with pytest.raises(ConfigError, match=r"page\.md: expected the lines '<!-- bench: clips -->'"):
        pages.write(figures=[written(tmp_path, "clips")], out=tmp_path / "all.md", into=page)
    assert page.read_text() == text


def test_two_files_of_one_part_are_told(tmp_path):
    figures = [written(tmp_path, "clips"), written(tmp_path, "clips", "tgm")]
    with pytest.raises(
        ConfigError, match=r"clips-tgm\.json: a file before it holds the part clips"
    ):
        pages.write(figures=figures, out=tmp_path / "all.md")
    assert not (tmp_path / "all.md").exists()


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": "deg-core bench 0"}', "no json"])
def test_other_files_are_told(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(StateError, match=r"x\.json"):
        pages.write(figures=[tmp_path / "x.json"], out=tmp_path / "all.md")


def test_a_missing_page_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.md: cannot be read"):
        pages.write(
            figures=[written(tmp_path, "clips")], out=tmp_path / "all.md", into=tmp_path / "none.md"
        )


def test_the_command_writes_pages(tmp_path, page):
    words = ["--figures", written(tmp_path, "clips"), "--out", tmp_path / "o.md", "--into", page]
    assert cli.main(["bench-tables", *map(str, words)]) == 0
    assert "| jpeg | 256x256 | 274 |" in page.read_text()
    assert cli.main(["bench-tables", *map(str, [*words[:-1], tmp_path / "none.md"])]) == 2
