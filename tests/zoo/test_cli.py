"""The commands, as a user types them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import zoo
from zoo import cli


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*args: str) -> Result:
    return CliRunner().invoke(cli.main, list(args), prog_name="zoo")


def good(*args: str) -> str:
    """Return what a command prints when it succeeds."""
    result = run(*args)
    assert result.exit_code == 0, result.stderr or repr(result.exception)
    return result.stdout


def bad(*args: str) -> str:
    """Return the one line of a command that is refused, and see that it wrote nothing."""
    before = sorted(Path().rglob("*"))
    result = run(*args)
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stderr.startswith("zoo: error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(Path().rglob("*")) == before
    return result.stderr


def test_help_and_version_say_what_there_is() -> None:
    assert all(name in good("--help") for name in cli.main.commands)
    assert good("--version").startswith("zoo 0.")
    for name in cli.main.commands:
        assert good(name, "--help").startswith(f"Usage: zoo {name}")


def test_listing_and_help_start_without_heavy_libraries() -> None:
    heavy = ["torch", "pyro", "jax", "numpyro", "arviz", "matplotlib", "sklearn", "scipy", "pandas", "joblib"]
    for args in (["list"], ["--help"], ["fit", "--help"]):
        code = (
            f"import sys; sys.argv = {['zoo', *args]!r}\nfrom zoo.cli import main\n"
            f"try:\n    main()\nfinally:\n    print(sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr == "[]\n", args


def test_list_has_every_model_and_filters_leave_some() -> None:
    assert all(name in good("list") for name in zoo.names())
    assert max(map(len, good("list").splitlines())) <= 100
    with_evidence = good("list", "--exact", "evidence").split()
    assert "height_bayes" in with_evidence
    assert "gmm" not in with_evidence
    marginal = good("list", "--local", "marginal")
    assert "gmm_bayes" in marginal
    assert "height" not in marginal.split()
    assert "gmm" not in good("list", "heights").split()
    assert good("list", "--backend", "pyro") == good("list")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--exact", "evidense"), "did you mean 'evidence'?"),
        (("--local", "marginl"), "did you mean 'marginal'?"),
        (("--backend", "pyr"), "did you mean 'pyro'"),
        (("zebra",), "no model fits"),
    ],
)
def test_a_filter_that_leaves_nothing_says_so(args: tuple[str, ...], words: str) -> None:
    assert words in bad("list", *args)


@pytest.mark.parametrize("name", zoo.names())
def test_show_prints_the_whole_card(name: str) -> None:
    card = zoo.model(name).card
    text = good("show", name)
    assert all(words in text for words in (card.title, *card.process.splitlines()))
    assert all(f"\n{site.name} " in text for site in card.sites)
    assert all(f"\n{option.name} " in text for option in card.options)
    unfolded = " ".join(text.split())
    for words in (*card.references, *card.exact.values(), *(w for d in card.datasets for w in (d.source, d.licence))):
        assert " ".join(words.split()) in unfolded
    written = [line for line in text.splitlines() if not line.startswith("  ")]  # a process is as it was written
    assert max(map(len, written)) <= 100


def test_show_code_prints_both_backends() -> None:
    text = good("show", "gmm", "--code")
    assert "\nimport pyro\n" in text
    assert "\nimport numpyro\n" in text


def test_show_graph_writes_a_diagram_and_a_sketch(backend: str) -> None:
    text = good("show", "gmm", "--graph", "-o", "K=3", "--backend", backend)
    assert "● x" in text
    assert "data · 272" in text
    assert Path("gmm.svg").read_text(encoding="utf-8").startswith("<svg")
    good("show", "gmm", "--graph", "--backend", backend)
    Path("mine.svg").touch()
    assert "exists" in bad("show", "gmm", "--graph", "--out", "mine.svg")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, backends_here: tuple[str, ...]) -> Path:
    """Return a short run's folder."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    zoo.fit("height_bayes", num_steps=50, backend=backends_here[-1], out=folder)
    return folder


def test_fit_says_what_it_found_and_where_it_put_it(backend: str) -> None:
    args = ("fit", "height_bayes", "--backend", backend, "--num-steps", "20", "-o", "kappa0=2")
    text = good(*args)
    assert "ELBO" in text
    assert "evidence" in text
    assert "status     not converged: 20 steps are too few to tell" in text
    assert text.rstrip().endswith("runs/height_bayes-001")
    assert good(*args, "--seed", "1").rstrip().endswith("runs/height_bayes-002")
    found = zoo.load_run(Path("runs/height_bayes-001"))
    assert found.model.options["kappa0"] == 2.0
    assert found.request.num_steps == 20
    assert found.seed == 0


def test_fitting_a_run_refits_its_frozen_model(finished: Path) -> None:
    backend = zoo.load_run(finished).backend
    text = good("fit", str(finished), "--guide", "full_rank", "--num-steps", "20", "--backend", backend)
    assert text.rstrip().endswith("runs/height_bayes-001")
    assert zoo.load_run(Path("runs/height_bayes-001")).guide == "full_rank"
    assert f"refit of   {finished}, model frozen: it has no parameters to hold\n" in text
    assert "frozen" in bad("fit", str(finished), "-o", "kappa0=3")


def test_a_refit_says_what_it_holds(backends_here: tuple[str, ...]) -> None:
    first = good("fit", "height", "--num-steps", "5", "--backend", backends_here[-1])
    assert "refit" not in first
    before = zoo.load_run(Path("runs/height-001"))
    text = good("fit", "runs/height-001", "--seed", "1")
    assert f"refit of        runs/height-001, model frozen: its parameters are held, hash {before.model_hash}\n" in text


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("heigth",), "did you mean 'height'"),
        (("gmm", "-o", "kovariance=3"), "option 'kovariance' is unknown"),
        (("gmm", "-o", "K=0"), "K"),
        (("gmm_bayes", "-o", "covariance=ful"), "full"),
        (("height_bayes", "--guide", "flw"), "did you mean 'flow'?"),
        (("gmm", "--local", "marginl"), "marginal"),
        (("height", "--method", "hmc"), "nuts"),
        (("height", "--data", "nowhere.csv"), "nowhere.csv"),
        (("height", "--num-steps", "0"), "num_steps"),
        (("height", "--num-steps", "many"), "neither a whole number nor auto"),
        (("height", "--batch-size", "11"), "batch"),
        (("height", "--learning-rate", "-1"), "learning_rate"),
        (("height", "--device", "cuda"), "cuda"),
        (("height", "--dtype", "float16"), "float32"),
        (("height", "--optimizer", "adm"), "adam"),
        (("height", "--backend", "numpro"), "numpyro"),
        (("height", "--out", "."), "exists"),
    ],
)
def test_a_wrong_fit_is_refused_and_nothing_is_written(
    args: tuple[str, ...], words: str, backends_here: tuple[str, ...]
) -> None:
    assert words in bad("fit", "--backend", backends_here[-1], *args)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n1.7\nnan\n", "row"),
        ("x\n", "no rows"),
        ("x\n1.7\ntall\n", "line 3: 'tall'"),
        ("height,weight\n1,2\n", "column"),
    ],
)
def test_wrong_data_is_refused(text: str, words: str) -> None:
    Path("mine.csv").write_text(text)
    assert words in bad("fit", "height", "--data", "mine.csv")


def test_sample_prints_csv_and_writes_files(finished: Path) -> None:
    text = good("sample", str(finished), "-n", "4")
    assert text.splitlines()[0] == "x"
    assert len(text.splitlines()) == 5
    good("sample", str(finished), "-n", "4", "--out", "new.csv")
    assert Path("new.csv").read_text() == text
    good("sample", str(finished), "-n", "4", "--out", "new.npz")
    with np.load("new.npz") as arrays:
        np.testing.assert_allclose(arrays["x"], np.loadtxt("new.csv", skiprows=1), rtol=1e-6)
    assert good("sample", str(finished), "-n", "4", "--seed", "1") != text
    assert "exists" in bad("sample", str(finished), "--out", "new.csv")
    assert ".csv or .npz" in bad("sample", str(finished), "--out", "new.txt")
    assert "nowhere" in bad("sample", "nowhere")


def test_samples_have_the_names_of_the_columns_that_were_fitted(backends_here: tuple[str, ...]) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 2))
    Path("mine.csv").write_text("\n".join(["length cm,width cm", *(f"{a},{b}" for a, b in rows)]))
    np.savez("mine.npz", x=rows)
    args = ("--num-steps", "5", "--restarts", "1", "--backend", backends_here[-1])
    for data, header in (
        (("--data", "mine.csv"), "length cm,width cm"),
        ((), "eruptions,waiting"),
        (("--data", "mine.npz"), "x.0,x.1"),
    ):
        folder = good("fit", "gmm", *data, *args).split()[-1]
        assert good("sample", folder, "-n", "2").splitlines()[0] == header
    refitted = good("fit", "runs/gmm-001", "--local", "exact", "--num-steps", "5").split()[-1]
    assert good("sample", refitted, "-n", "2").startswith("length cm,width cm\n")


def test_sampled_data_can_be_fitted(finished: Path) -> None:
    good("sample", str(finished), "-n", "20", "--out", "new.csv")
    backend = zoo.load_run(finished).backend
    good("fit", "height", "--data", "new.csv", "--num-steps", "5", "--backend", backend, "--out", "run")


def test_diagnose_judges_a_run(finished: Path) -> None:
    text = good("diagnose", str(finished), "--out", "judged")
    for words in ("k-hat of the guide", "leave-one-out", "replicated data", "variance", "loc"):
        assert words in text
    assert "R-hat" not in text
    written = json.loads(Path("judged/diagnosis.json").read_text(encoding="utf-8"))
    assert {row["site"] for row in written["summary"]} == {"variance", "loc"}
    assert {p.name for p in Path("judged").glob("*.png")} >= {
        "forest-loc.png",
        "pair.png",
        "replicated-x.png",
    }


@pytest.mark.slow
def test_compare_prints_a_table_and_writes_its_numbers(backend: str) -> None:
    args = ("--guide", "mean_field", "--guide", "laplace", "--seeds", "1", "--num-steps", "30", "--jobs", "1")
    text = good("compare", "height_bayes", "--backend", backend, *args)
    assert text.rstrip().endswith("runs/compare-height_bayes-001")
    names = {p.name for p in Path("runs/compare-height_bayes-001").iterdir()}
    assert names == {"comparison.csv", "comparison.json", "comparison.png"}


@pytest.mark.needs("pyro", "numpyro")
def test_crosscheck_agrees_and_says_so() -> None:
    text = good("crosscheck", "height", "--out", "found.json")
    assert "same" in text
    assert "DIFFER" not in text
    assert json.loads(Path("found.json").read_text(encoding="utf-8"))[0]["ok"] is True


@pytest.mark.needs("pyro", "numpyro")
def test_crosscheck_of_two_files_finds_a_planted_bug() -> None:
    folder = Path(zoo.model("height").exact.__file__).parent
    text = (folder / "model_pyro.py").read_text(encoding="utf-8")
    Path("a.py").write_text(text.replace("dist.Normal(loc, scale)", "dist.Normal(loc, scale**2)"), encoding="utf-8")
    np.savez("x.npz", x=np.array([1.6, 1.7, 1.9]))
    right = f"{folder / 'model_numpyro.py'}:model"
    result = run("crosscheck", "a.py:model", right, "--data", "x.npz")
    assert result.exit_code == 1, result.stderr
    assert "DIFFER" in result.stdout
    assert "same" in good("crosscheck", f"{folder / 'model_pyro.py'}:model", right, "--data", "x.npz")


def test_crosscheck_wants_something_to_check() -> None:
    assert "--all" in bad("crosscheck")
    assert "--all" in bad("crosscheck", "height", "--all")
    assert "exactly two" in bad("crosscheck", "a.py:model")


def test_tour_says_where_the_page_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoo.tour

    monkeypatch.setattr(zoo.tour, "tour", lambda quick, out: out / f"index-{quick}.html")
    assert good("tour", "--quick", "--out", "pages").strip() == str(Path("pages/index-True.html"))
