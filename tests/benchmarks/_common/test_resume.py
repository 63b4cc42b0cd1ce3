"""Interrupted benchmarks are resumed."""

import pytest


def test_cases_in_the_file_are_not_measured_again(load_script, tmp_path):
    resume, path, measured = load_script("_common.resume").resume, tmp_path / "part", []

    def measure(name, number):
        if number == 3:
            raise KeyboardInterrupt
        measured.append((name, number))
        return {"AUC": number / 10}

    cases = [("digits", number) for number in range(5)]
    with pytest.raises(KeyboardInterrupt):
        resume(str(path), cases, measure)
    found = resume(str(path), cases[:3], measure)
    assert found == {("digits", number): {"AUC": number / 10} for number in range(3)}
    assert measured == cases[:3]
    resume(str(path), cases[4:], measure)
    assert len(path.read_text().splitlines()) == 4


def test_without_a_file_all_cases_are_measured(load_script):
    resume = load_script("_common.resume").resume
    assert resume("", [("faces",)], lambda name: {"AUC": 0.5}) == {("faces",): {"AUC": 0.5}}
