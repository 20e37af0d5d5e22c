"""cleanlab on features that Graft wrote: what bench/audit/labels.ts compares with.

    python bench/peers/cleanlab_labels.py DIR

DIR holds `labels.json` {rows, networks: columns of each, labels: one list a trial} and `0.f32`, `1.f32` …, the features of each network
(row-major float32). As cleanlab's tutorials do it: cross-validated logistic regression on standardised features, then
`find_label_issues` with its default filter. Prints {issues: one list of rows a trial}.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
folder = Path(sys.argv[1])
facts = json.loads((folder / "labels.json").read_text())
parts = [np.fromfile(folder / f"{i}.f32", "<f4").reshape(facts["rows"], -1) for i in range(len(facts["networks"]))]
features = np.hstack(parts)

issues = []
for labels in facts["labels"]:
    labels = np.array(labels)
    # The penalty that Graft's audit uses: 0.1 on the mean loss.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10 / len(labels), max_iter=100, tol=1e-3))
    probabilities = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
    found = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    issues.append([int(row) for row in found])
print(json.dumps({"issues": issues}))
