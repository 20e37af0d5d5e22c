"""cleanlab on the probabilities that Graft's judges give: what bench/audit/labels.ts compares with.

    python bench/peers/cleanlab_labels.py DIR

DIR holds `labels.json` {classes, labels} and `probabilities.f32` (row-major float32, cross-fitted). Prints {issues: rows}: what
`find_label_issues` names with its default filter.
"""
import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues

folder = Path(sys.argv[1])
facts = json.loads((folder / "labels.json").read_text())
labels = np.array(facts["labels"])
probabilities = np.fromfile(folder / "probabilities.f32", "<f4").reshape(-1, facts["classes"]).astype(float)
probabilities /= probabilities.sum(axis=1, keepdims=True)
found = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
print(json.dumps({"issues": [int(row) for row in found]}))
