"""Reference values for Graft's transferability scores (src/advise/recommend/), each computed the long way.

    python bench/reference/transferability.py > src/advise/recommend/scores.reference.json

Needs numpy and scikit-learn (the tests read the JSON). The tables follow a rule that the test repeats.

LogME: You et al. 2021, arXiv 2102.11005, with the fixed point of You et al. 2022 (arXiv 2110.10545) as in the authors' code
(thuml/LogME: at most 11 rounds, stop at a change of 0.1%, 1e-5 added to both denominators). The determinant is that of the
whole D x D matrix, as in the paper; the authors' code leaves out its N - D constant factors where N < D.
H-score: Bao et al. 2019; shrunk: Ibrahim et al. 2021, arXiv 2110.06893, with scikit-learn's Ledoit-Wolf.
k-NN: each row by the cosine of its angle to all others, the nearest five voting with that cosine.
"""
import json

import numpy as np
import sklearn
from sklearn.covariance import LedoitWolf

CASES = [
    # rows, columns, classes, how far apart classes are
    (40, 6, 3, 1.0),
    (24, 60, 4, 1.0),
    (24, 60, 4, 0.0),
    (90, 12, 2, 0.3),
    (10, 30, 2, 2.0),
]
K = 5


def table(rows, columns, classes, apart):
    i, j = np.arange(rows)[:, None], np.arange(columns)[None, :]
    label = (np.arange(rows) * 7 // 3) % classes
    own = apart * np.cos(label[:, None] * (j + 1) * 1.9)
    x = np.sin(1.7 * i + 2.3 * j * j + 0.5 * i * j) + own + 0.5
    return x.astype(np.float32).astype(np.float64), label


def logme(f, label, classes):
    n, d = f.shape
    gram = f.T @ f
    scores = []
    for c in range(classes):
        y = (label == c).astype(np.float64)
        alpha = beta = 1.0
        for _ in range(11):
            t = alpha / beta
            a = alpha * np.eye(d) + beta * gram
            m = beta * np.linalg.solve(a, f.T @ y)
            gamma = d - alpha * np.trace(np.linalg.inv(a))
            m2, res2 = m @ m, ((y - f @ m) ** 2).sum()
            alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (res2 + 1e-5)
            if abs(alpha / beta - t) / t <= 1e-3:
                break
        _, logdet = np.linalg.slogdet(alpha * np.eye(d) + beta * gram)
        evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta) - logdet / 2
        evidence += -beta / 2 * res2 - alpha / 2 * m2 - n / 2 * np.log(2 * np.pi)
        scores.append(evidence / n)
    return float(np.mean(scores))


def h_score(f, label):
    f = f - f.mean(0)
    g = np.stack([f[label == c].mean(0) for c in label])
    shrunk = LedoitWolf().fit(f)
    inverse = np.linalg.pinv(shrunk.covariance_, rcond=1e-15)
    return float(np.trace(inverse @ ((1 - shrunk.shrinkage_) * np.cov(g, rowvar=False)))), float(shrunk.shrinkage_)


def knn(f, label, classes):
    unit = f / np.linalg.norm(f, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    right = 0
    for row, own in enumerate(label):
        near = np.argsort(-cosine[row], kind="stable")[:K]
        votes = np.zeros(classes)
        for other in near:
            votes[label[other]] += cosine[row, other]
        right += int(votes.argmax() == own)
    return right / len(label)


cases = []
for rows, columns, classes, apart in CASES:
    f, label = table(rows, columns, classes, apart)
    score, shrinkage = h_score(f, label)
    cases.append(
        {
            "rows": rows,
            "columns": columns,
            "classes": classes,
            "apart": apart,
            "logme": logme(f, label, classes),
            "hScore": score,
            "shrinkage": shrinkage,
            "knn": knn(f, label, classes),
        }
    )
print(json.dumps({"numpy": np.__version__, "scikit-learn": sklearn.__version__, "cases": cases}, indent=1))
