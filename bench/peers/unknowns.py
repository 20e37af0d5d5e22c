"""Scores of strangeness that need eigenvectors or inverses of covariances, on features that Graft wrote: for bench/unknowns.ts.

    python bench/peers/unknowns.py DIR

DIR holds `facts.json` {columns, labels, asked: names}, `fitted.f32`, one `NAME.f32` for each name, and the head on raw features, `weights.f32`
and `bias.f32` (all row-major float32). Prints, by score, the scores of each name's rows; higher is stranger.
"""
import json
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
facts = json.loads((folder / "facts.json").read_text())
columns = facts["columns"]
read = lambda name: np.fromfile(folder / f"{name}.f32", "<f4").reshape(-1, columns).astype(np.float64)
fitted, labels = read("fitted"), np.array(facts["labels"])
weights, bias = read("weights"), np.fromfile(folder / "bias.f32", "<f4").astype(np.float64)
asked = {name: read(name) for name in facts["asked"]}


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def metric(off):
    """The inverse of a covariance, shrunk half way to a multiple of the identity."""
    covariance = off.T @ off / len(off)
    return np.linalg.inv(0.5 * covariance + 0.5 * np.trace(covariance) / columns * np.eye(columns))


def squared(off, inverse):
    return np.einsum("ij,ij->i", off @ inverse, off)


def log_sum(logits):
    top = logits.max(1)
    return top + np.log(np.exp(logits - top[:, None]).sum(1))


# Lee et al., NeurIPS 2018, arXiv 1807.03888, and Ren et al., arXiv 2106.09022.
units = unit(fitted)
means = np.array([units[labels == label].mean(0) for label in range(labels.max() + 1)])
within, whole = metric(units - means[labels]), metric(units - units.mean(0))
mahalanobis = {name: np.min([squared(unit(rows) - mean, within) for mean in means], 0) for name, rows in asked.items()}
relative = {name: mahalanobis[name] - squared(unit(rows) - units.mean(0), whole) for name, rows in asked.items()}

# Wang et al., CVPR 2022, arXiv 2203.10807: the paper's number of principal directions, or half of all where there are fewer.
origin = -np.linalg.pinv(weights) @ bias
directions = 1000 if columns >= 1500 else 512 if columns >= 768 else columns // 2
_, vectors = np.linalg.eigh((fitted - origin).T @ (fitted - origin))
rest = vectors[:, : columns - directions]
outside = lambda rows: np.linalg.norm((rows - origin) @ rest, axis=1)
alpha = (fitted @ weights.T + bias).max(1).mean() / outside(fitted).mean()
vim = {name: alpha * outside(rows) - log_sum(rows @ weights.T + bias) for name, rows in asked.items()}

scores = {"Mahalanobis": mahalanobis, "relative Mahalanobis": relative, "ViM": vim}
print(json.dumps({score: {name: rows.tolist() for name, rows in by.items()} for score, by in scores.items()}))
