"""Tables: what the JSON files hold, and what README and docs show."""

import json
import re

import pytest

from tests._helpers.benchmarks import ROOT, tables_of

RESULTS = ROOT / "benchmarks" / "results"
LIST = ROOT / "benchmarks" / "README.md"
NAMES = sorted(path.stem for path in RESULTS.glob("*.json"))


@pytest.fixture
def scripts(load_script):
    """Return the script of each benchmark, by the name of the benchmark."""
    found = {}
    for path in (ROOT / "benchmarks").glob("[a-z]*/[a-z]*.py"):
        script = load_script(f"{path.parent.name}.{path.stem}")
        for name, value in vars(script).items():
            if hasattr(value, "tables") and value.__module__ == script.__name__:
                found[name] = script
    return found


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def test_the_tables_of_readme_and_docs_are_up_to_date(load_script):
    module = load_script("tables")
    module.main(["--check"])
    pages = [path.read_text("utf-8") for path in module.places(ROOT) if path.suffix == ".rst"]
    shown = [name for page in pages for name in re.findall(r"\.\. table:(\w+)", page)]
    assert sorted(shown) == sorted([*module.collect(RESULTS), *module.SUMMARIES])


def test_a_summary_reads_its_figures_from_the_only_matching_row(load_script):
    summaries = load_script("_common.summaries")
    table = [["model", "mean lead"], ["PCA", "0.1"], ["LDA", "0.2"], ["LDA", "0.3"]]
    assert summaries.cell(table, "mean lead", model="PCA") == "0.1"
    assert summaries.cell(table, "model", mean_lead="0.3") == "LDA"
    for model in ("LDA", "NCA"):
        with pytest.raises(ValueError, match="rows have"):
            summaries.cell(table, "mean lead", model=model)


def test_every_row_of_a_summary_has_a_string_below_each_header(load_script):
    module = load_script("tables")
    tables = module.collect(RESULTS)
    for build in module.SUMMARIES.values():
        header, *rows = build(tables)
        assert len(rows) >= 3
        assert all(len(row) == len(header) for row in rows)
        assert all(isinstance(cell, str) for row in rows for cell in row)


def test_the_list_of_benchmarks_has_a_question_for_each(scripts):
    listed = re.findall(r"^- `(\w+)`: .*\?$", LIST.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(scripts)


def test_the_tables_of_a_file_are_those_of_its_results(scripts):
    for name in NAMES:
        record = read(name)
        assert record["tables"] == tables_of(scripts[name], name, record["results"]), name


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_table_has_a_string_below_each_header(name):
    for header, *rows in read(name)["tables"].values():
        assert rows
        for row in [header, *rows]:
            assert len(row) == len(header)
            assert all(isinstance(cell, str) for cell in row)


def test_every_figure_of_a_system_is_read_from_the_results(load_script):
    for name in load_script("tables").FIRST:
        script, results = load_script(f"systems.{name}"), read(name)["results"]
        before = figures(script, name, results)
        for row in results:
            for measure in row.get("summary", {}).values():
                measure["mean"] += 1
        after = figures(script, name, results)
        assert before
        assert not any(old == new for old, new in zip(before, after, strict=True))


def figures(script, name, results):
    header, *rows = tables_of(script, name, results)["systems"]
    places = [header.index(column) for column in ("named network, rebuilt", "ours")]
    return [row[place] for row in rows for place in places if row[place]]


def test_lines_of_systems_are_joined_in_the_order_of_the_first_scripts(load_script, tmp_path):
    for name in ("two_cues", "omniglot", "fashion_mnist", "another"):
        record = {"tables": {"systems": [["script"], [name]]}}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    (table,) = load_script("tables").collect(tmp_path).values()
    assert table == [["script"], ["fashion_mnist"], ["omniglot"], ["two_cues"], ["another"]]


def test_an_outdated_table_is_found_and_rewritten(load_script, tmp_path, monkeypatch):
    module = load_script("tables")
    peers = [["estimator", "passed", "stopped by", "fits digits"], ["peer", "3", "", "yes"]]
    results = tmp_path / "benchmarks" / "results" / "peers.json"
    readme, docs = tmp_path / "README.md", tmp_path / "docs" / "benchmarks" / "index.rst"
    for path, content in {
        results: json.dumps({"tables": {"peers": peers}}),
        readme: "before\n<!-- table:peers -->\nold\n<!-- /table -->\nafter\n",
        docs: "before\n\n.. table:peers\n\nold\n\n.. end-table\n\nafter\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"README.md, docs/benchmarks/index.rst out of date"):
        module.main(["--check"])
    assert "old" in readme.read_text()
    module.main([])
    module.main(["--check"])
    for path in (readme, docs):
        text = path.read_text()
        assert "old" not in text
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
    assert "| peer | 3 |  | yes |\n" in readme.read_text()
    assert "   * - peer\n     - 3\n     -\n     - yes\n" in docs.read_text()
