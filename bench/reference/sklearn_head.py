"""Reference values for Graft's head (src/train/head/fit.ts), from scikit-learn's multinomial logistic regression.

    python bench/reference/sklearn_head.py > src/train/head/sklearn.reference.json

Needs scikit-learn (the tests read the JSON). The table follows a rule that the test repeats. Graft minimises
mean cross-entropy + l2/2 |W|^2 on standardised features, which is scikit-learn's problem with C = 1 / (l2 n).
Kept are the probabilities of every `STEP`-th row.
"""
import json

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

STEP = 7
CASES = [
    # rows, columns, classes, l2, class_weight, rare: whether class 0 has a quarter of its rows
    (60, 5, 3, 0.01, None, False),
    (60, 5, 3, 1.0, None, False),
    (90, 6, 4, 0.001, None, True),
    (90, 6, 4, 0.05, "balanced", True),
    (50, 4, 2, 0.01, None, False),
    (50, 4, 2, 0.1, "balanced", True),
]


def table(rows, columns, classes, rare):
    i, j = np.arange(rows)[:, None], np.arange(columns)[None, :]
    label = (np.arange(rows) * 7 // 3) % classes
    if rare:
        label = np.where((label == 0) & (np.arange(rows) % 4 != 0), 1, label)
    own = 0.8 * np.cos(label[:, None] * (j + 1) * 1.9)
    x = np.sin(1.7 * i + 2.3 * j * j + 0.5 * i * j) + own + 3 * j
    return (x * (j + 1)).astype(np.float32).astype(np.float64), label


cases = []
for rows, columns, classes, l2, weights, rare in CASES:
    x, label = table(rows, columns, classes, rare)
    z = (x - x.mean(0)) / x.std(0)
    # With two classes scikit-learn fits one weight vector; W = (-w/2, w/2) has half of |w|^2, hence twice the C.
    c = 1 / (l2 * rows) * (2 if classes == 2 else 1)
    model = LogisticRegression(C=c, class_weight=weights, tol=1e-10, max_iter=10000).fit(z, label)
    cases.append(
        {
            "rows": rows,
            "columns": columns,
            "classes": classes,
            "l2": l2,
            "classWeights": weights or "none",
            "rare": rare,
            "counts": np.bincount(label).tolist(),
            "probabilities": model.predict_proba(z)[::STEP].round(6).tolist(),
        }
    )
print(json.dumps({"scikit-learn": sklearn.__version__, "step": STEP, "cases": cases}, indent=1))
