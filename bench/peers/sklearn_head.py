"""scikit-learn's cross-validated logistic regression on features that Graft wrote: what bench/head.ts compares with.

    python bench/peers/sklearn_head.py DIR

DIR holds `head.json` {columns, train: labels, test: labels} and `train.f32`, `test.f32` (row-major float32).
Prints {seconds, accuracy}: seconds of standardising and fitting, imports and reading left out; accuracy on the test rows.
"""
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
folder = Path(sys.argv[1])
facts = json.loads((folder / "head.json").read_text())
train, test = (np.fromfile(folder / f"{part}.f32", "<f4").reshape(-1, facts["columns"]) for part in ("train", "test"))

began = time.perf_counter()
scale = StandardScaler().fit(train)
fit = LogisticRegressionCV(Cs=7, cv=5, max_iter=500).fit(scale.transform(train), facts["train"])
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "accuracy": float(fit.score(scale.transform(test), facts["test"]))}))
