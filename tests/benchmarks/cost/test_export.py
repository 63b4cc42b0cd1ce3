"""The benchmark of exported verifiers, on tiny settings."""

from tests._helpers.benchmarks import needs_data, run


@needs_data
def test_exported_verifiers_are_compared_with_the_estimator(load_script, tmp_path):
    sizes = ("--rows", 500, "--pairs", 300, "--epochs", 1)
    module = load_script("cost.export")
    results = run(module, tmp_path, *sizes, "--rounds", 2, "--seeds", 1)
    ways = ["predict_proba", "onnxruntime", "onnxruntime, int8"]
    assert [row["way"] for row in results] == 4 * ways
    for place in range(0, 12, 3):
        estimator, plain, int8 = results[place : place + 3]
        assert estimator["difference"] == 0
        assert plain["difference"] < 1e-5
        assert abs(plain["auc"] - estimator["auc"]) < 1e-3
        assert 1e-5 < int8["difference"] < 1
        assert int8["bytes"] < plain["bytes"]
    assert all(0 < row["one"] < row["many"] for row in results)
