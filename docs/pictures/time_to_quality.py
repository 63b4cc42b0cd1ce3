"""Plot accuracy over seconds of training, from the results of ``cost.time_to_quality``."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

TITLES = {"time_to_fashion_mnist": "Fashion-MNIST", "time_to_letter": "Letter Recognition"}


def draw():
    """Draw a curve for each model and data set."""
    path = Path("../../benchmarks/results/time_to_quality.json")  # Sphinx runs it in this folder.
    results = json.loads(path.read_text("utf-8"))["results"]
    _, axes = plt.subplots(2, 1, figsize=(6.4, 9), layout="constrained")
    for ax, (name, rows) in zip(axes, results.items(), strict=True):
        for i, row in enumerate(rows):
            seconds = [point["seconds"] for point in row["curve"]]
            accuracy = np.maximum.accumulate([point["accuracy"] for point in row["curve"]])
            style = "o-" if row["name"].startswith("SiameseEmbedder") else ".--"
            ax.plot(seconds, accuracy, style, color=f"C{i}", label=row["name"])
        ax.set(xscale="log", xlabel="seconds of the fit", title=TITLES[name])
        ax.set(ylabel="accuracy of 5 nearest neighbors")
    axes[1].legend()


if __name__ == "__main__":
    draw()
