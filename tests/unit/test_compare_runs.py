"""The stage compare_runs: which groups are compared, over which splits, in which families."""

import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest

from deg_core.errors import StateError
from deg_core.ethogram import significance
from deg_core.stages import compare_runs

COLUMNS = [
    "preset", "split", "n_train", "model", "behavior", "metric", "value", "chance", "direction"
]  # fmt: skip
MODELS = ("sequence", "feature_extractor")
BEHAVIORS = ("overall", "groom", "rear")


def score(preset, split, n_train, model, behavior):
    """Give a score that depends on all of these, and on no library's random numbers."""
    base = {"fast": 0.7, "lite": 0.6, "slow": 0.75}[preset] - 0.05 * (model != "sequence")
    less = 0.0 if n_train == "all" else 0.3 / int(n_train)
    name = f"{preset} {split} {n_train} {model} {behavior}"
    wobble = hashlib.sha256(name.encode()).digest()[0] / 256
    return base - less + 0.05 * wobble


def table_of(presets, splits, sizes, metrics=("f1_macro", "f1")):
    rows = [
        [p, s, n, m, b, metric, score(p, s, n, m, b), 0.1, "higher"]
        for p, s, n, m, b in itertools.product(presets, splits, sizes, MODELS, BEHAVIORS)
        for metric in metrics
        if (metric == "f1_macro") == (b == "overall")
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def run(folder):
    compare_runs.run(
        metrics=folder / "metrics.csv", behaviors=["groom", "rear", "nan"], out=folder / "tests.csv"
    )


def compared(tmp_path, table):
    table.to_csv(tmp_path / "metrics.csv", index=False)
    run(tmp_path)
    return pd.read_csv(tmp_path / "tests.csv", keep_default_na=False)


def values(preset, n_train, behavior, model="sequence", splits=range(4)):
    return np.array([score(preset, s, n_train, model, behavior) for s in splits])


def test_two_presets(tmp_path):
    table = compared(tmp_path, table_of(["lite", "fast"], range(4), ["all"]))
    assert list(table.columns) == compare_runs.COLUMNS
    rows = table[table["question"] == "presets"]
    assert rows[["behavior", "metric", "test", "first", "second", "n"]].to_numpy().tolist() == [
        ["overall", "f1_macro", "paired_t", "fast", "lite", 4],
        ["groom", "f1", "paired_t", "fast", "lite", 4],
        ["rear", "f1", "paired_t", "fast", "lite", 4],
    ]
    for row in rows.itertuples():
        expected = significance.paired_t(
            values("fast", "all", row.behavior), values("lite", "all", row.behavior)
        )
        assert float(row.statistic) == pytest.approx(expected.statistic)
        # Two behaviors are a family; their mean is tested for itself.
        factor = 1 if row.behavior == "overall" else 2
        assert float(row.p_corrected) == pytest.approx(min(1.0, factor * expected.p))
        assert row.stars == significance.stars(float(row.p_corrected))
        assert (float(row.df1), row.df2) == (3.0, "")


def test_three_presets(tmp_path):
    table = compared(tmp_path, table_of(["slow", "lite", "fast"], range(4), ["all"]))
    rows = table[(table["question"] == "presets") & (table["behavior"] == "rear")]
    assert rows[["test", "first", "second"]].to_numpy().tolist() == [
        ["rm_anova", "", ""], ["tukey", "fast", "lite"], ["tukey", "fast", "slow"],
        ["tukey", "lite", "slow"],
    ]  # fmt: skip
    matrix = np.stack([values(p, "all", "rear") for p in ("fast", "lite", "slow")], axis=1)
    expected = significance.rm_anova(matrix)
    assert rows.iloc[0]["p"] == pytest.approx(expected.p)
    assert rows.iloc[0]["p_corrected"] == pytest.approx(expected.p_corrected)
    pair = significance.tukey(matrix)[1, 2]
    assert rows.iloc[3]["p_corrected"] == pytest.approx(pair.p_corrected)


def test_models_and_training_sizes(tmp_path):
    table = compared(tmp_path, table_of(["lite"], range(4), ["all", "12", "2"]))
    assert list(table["question"].unique()) == ["models of lite", "train_sizes of lite"]
    models = table[table["question"] == "models of lite"]
    assert set(zip(models["first"], models["second"], strict=True)) == {
        ("feature_extractor", "sequence")
    }
    sizes = table[(table["question"] == "train_sizes of lite") & (table["behavior"] == "groom")]
    # By number, `all` at the end.
    assert sizes[["first", "second"]].to_numpy().tolist() == [
        ["", ""], ["2", "12"], ["2", "all"], ["12", "all"]
    ]  # fmt: skip


def test_smaller_trainings_do_not_take_part_in_other_questions(tmp_path):
    full = compared(tmp_path, table_of(["lite", "fast"], range(4), ["all"]))
    swept = compared(tmp_path, table_of(["lite", "fast"], range(4), ["all", "2"]))
    pd.testing.assert_frame_equal(
        full.reset_index(drop=True),
        swept[~swept["question"].str.startswith("train_sizes")].reset_index(drop=True),
    )


def test_one_split(tmp_path):
    table = compared(tmp_path, table_of(["lite", "fast"], [0], ["all"]))
    assert set(table["n"]) == {1}
    assert set(table["statistic"]) == set(table["p"]) == set(table["stars"]) == {""}


def test_identical_groups(tmp_path):
    table = table_of(["lite", "fast", "slow"], range(3), ["all"]).assign(value=0.5)
    found = compared(tmp_path, table)
    assert set(found["test"]) == {"rm_anova", "tukey", "paired_t"}
    assert set(found["p_corrected"]) == {""}


def test_splits_without_a_value_are_left_out(tmp_path):
    table = table_of(["lite", "fast"], range(4), ["all"])
    lost = (table["preset"] == "fast") & (table["split"] == 2) & (table["behavior"] == "rear")
    table.loc[lost, "value"] = np.nan
    found = compared(tmp_path, table)
    n = found[found["question"] == "presets"].set_index("behavior")["n"].to_dict()
    assert n == {"overall": 4, "groom": 4, "rear": 3}


def test_behavior_that_never_has_a_value(tmp_path):
    table = table_of(["lite", "fast"], range(3), ["all"])
    table.loc[table["behavior"] == "rear", "value"] = np.nan
    found = compared(tmp_path, table).set_index(["question", "behavior"])
    assert found.loc[("presets", "rear"), "n"] == 0
    row = found.loc[("presets", "groom")]
    assert float(row["p_corrected"]) == float(row["p"])  # a family of one


def test_background_and_groups_are_no_behaviors(tmp_path):
    """What is derived from the behaviors costs these nothing, and is not corrected itself."""
    alone = table_of(["lite", "fast"], range(4), ["all"])
    alone = alone[alone["behavior"] != "rear"]
    derived = [
        alone[alone["behavior"] == "groom"].assign(behavior="background"),
        alone[alone["behavior"] == "overall"].assign(behavior="groom | rear", metric="f1"),
    ]
    found = compared(tmp_path, pd.concat([alone, *derived]))
    assert set(found["behavior"]) == {"overall", "groom", "background", "groom | rear"}
    assert (found["p_corrected"] == found["p"]).all()


def test_nothing_to_compare(tmp_path):
    assert compared(tmp_path, pd.DataFrame(columns=COLUMNS)).empty
    only = table_of(["lite"], range(3), ["all"])
    assert compared(tmp_path, only[only["model"] == "sequence"]).empty


def test_odd_names_are_text(tmp_path):
    table = table_of(["lite", "fast"], range(3), ["all"]).replace({"behavior": {"rear": "nan"}})
    assert "nan" in set(compared(tmp_path, table)["behavior"])


@pytest.mark.parametrize(
    ("text", "match"),
    [("", "damaged"), ("preset,split\n", "lacks n_train, model, behavior, metric, value"),
     ("preset,split,n_train,model,behavior,metric,value\na,0,all,sequence,b,f1,high\n", "high")],
)  # fmt: skip
def test_damaged_scores(tmp_path, text, match):
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(StateError, match=match):
        run(tmp_path)
