"""Reference values of src/networks/architectures/vit.ts: timm's `resample_abs_pos_embed`.

    python bench/reference/position_embedding.py > src/networks/architectures/fixtures/position_embedding.json

Needs torch and timm. Embeddings are by the rule of parity.py: [1, 1 + side², 2], the first token for the class.
"""

import json

import torch

from parity import import_timm, parity_tensor, rounded

import_timm()
from timm.layers import resample_abs_pos_embed  # noqa: E402

CASES = [(5, 8), (5, 3), (7, 7), (4, 16), (14, 5)]
"""Sides of the square of patches, before and after."""

if __name__ == "__main__":
    rows = []
    for old, new in CASES:
        table = torch.from_numpy(parity_tensor("pos_embed", (1, 1 + old**2, 2), 1.0))
        found = resample_abs_pos_embed(table, new_size=[new, new], num_prefix_tokens=1)
        values = [rounded(v) for v in found.flatten().tolist()]
        rows.append(json.dumps({"from": old, "to": new, "values": values}))
    print("[\n  " + ",\n  ".join(rows) + "\n]")
