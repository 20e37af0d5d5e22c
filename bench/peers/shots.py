"""scikit-learn's heads on few examples a class, on features that Graft wrote: what bench/shots.ts compares with.

    python bench/peers/shots.py DIR

DIR holds `shots.json` {columns, train: labels, test: labels, samples: [[rows of train], …]} and `train.f32`, `test.f32` (row-major float32).
Prints one object: by head, the accuracy on the test rows for each sample.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler, normalize

warnings.filterwarnings("ignore")
folder = Path(sys.argv[1])
facts = json.loads((folder / "shots.json").read_text())
train, test = (np.fromfile(folder / f"{part}.f32", "<f4").reshape(-1, facts["columns"]) for part in ("train", "test"))
labels, truth = np.array(facts["train"]), np.array(facts["test"])
found = {"LogisticRegression": [], "LDA": [], "nearest mean": []}
for rows in facts["samples"]:
    x, y = train[rows], labels[rows]
    fewest = np.bincount(y, minlength=labels.max() + 1).min()
    scale = StandardScaler().fit(x)
    a, b = scale.transform(x), scale.transform(test)
    # Cross-validation takes two examples a class at least; with one, scikit-learn's default penalty.
    logistic = LogisticRegressionCV(Cs=7, cv=min(5, fewest), max_iter=300) if fewest > 1 else LogisticRegression(max_iter=300)
    found["LogisticRegression"].append(float(logistic.fit(a, y).score(b, truth)))
    # Shrunk as Ledoit and Wolf say; a covariance needs two examples of a class.
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    found["LDA"].append(float(lda.fit(a, y).score(b, truth)) if fewest > 1 else None)
    found["nearest mean"].append(float(NearestCentroid().fit(normalize(x), y).score(normalize(test), truth)))
print(json.dumps(found))
