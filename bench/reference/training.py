"""Reference training runs for Graft's losses and optimisers (src/autodiff), from torch.nn and torch.optim.

    python bench/reference/training.py > src/autodiff/training.reference.json

Needs PyTorch and NumPy (the tests read the JSON). A linear layer of 4 inputs and 3 outputs is trained for 5 steps on 6
examples; x, weight and bias follow sin(1.3 i + 0.7 k + 0.5) with k = 0, 1, 2. The bias is not decayed and learns at half
the rate. Kept are the loss of each step, the gradient's norm, and the weights and their moving average at the end.
"""

import json

import numpy as np
import torch

STEPS = 5
CLASSES = [0, 2, 1, 2, 2, 0]


def wave(dims, k):
    value = np.sin(1.3 * np.arange(int(np.prod(dims))) + 0.7 * k + 0.5).astype(np.float32)
    return torch.tensor(value.astype(np.float64).reshape(dims))


def shares():
    """Rows that add up to 1."""
    raw = (wave([6, 3], 3) + 1.5).numpy()
    return torch.tensor((raw / raw.sum(1, keepdims=True)).astype(np.float32).astype(np.float64))


LABELS = {"classes": torch.tensor(CLASSES), "probabilities": shares(), "numbers": wave([6, 3], 4)}


def loss_function(loss):
    kind, options = loss["kind"], {k: v for k, v in loss.items() if k not in ("kind", "labels")}
    if kind == "crossEntropy":
        weights = options.get("classWeights")
        return torch.nn.CrossEntropyLoss(weights and torch.tensor(weights, dtype=torch.float64), label_smoothing=options.get("labelSmoothing", 0.0))
    if kind == "binaryCrossEntropy":
        weights = options.get("positiveWeights")
        return torch.nn.BCEWithLogitsLoss(pos_weight=weights and torch.tensor(weights, dtype=torch.float64))
    return torch.nn.MSELoss() if kind == "meanSquared" else torch.nn.HuberLoss(delta=options["delta"])


def optimiser(of, groups, rate):
    decay = of.get("weightDecay", 0.01 if of["kind"] == "adamW" else 0)
    groups = [{**groups[0], "weight_decay": decay}, {**groups[1], "weight_decay": 0.0}]
    if of["kind"] == "adamW":
        return torch.optim.AdamW(groups, rate, betas=tuple(of.get("betas", (0.9, 0.999))), eps=of.get("epsilon", 1e-8))
    momentum = of.get("momentum", 0.9)
    return torch.optim.SGD(groups, rate, momentum=momentum, nesterov=of.get("nesterov", momentum > 0))


def run(name, loss, opt, rate, clip=None, average=None):
    x, weight, bias = wave([6, 4], 0), wave([3, 4], 1).requires_grad_(), wave([3], 2).requires_grad_()
    mean = [weight.detach().clone(), bias.detach().clone()]
    function, labels = loss_function(loss), LABELS[loss["labels"]]
    steps = optimiser(opt, [{"params": [weight], "lr": rate}, {"params": [bias], "lr": rate / 2}], rate)
    losses, norms = [], []
    for _ in range(STEPS):
        steps.zero_grad()
        value = function(x @ weight.T + bias, labels)
        value.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_([weight, bias], clip if clip else float("inf"))))
        steps.step()
        losses.append(value.item())
        mean = [(average or 0) * m + (1 - (average or 0)) * p.detach() for m, p in zip(mean, (weight, bias))]
    short = lambda values: [float(f"{v:.7g}") for v in np.ravel(values)]
    return {
        "name": name,
        "loss": loss,
        "optimiser": opt,
        "rate": rate,
        "clip": clip,
        "average": average,
        "losses": short(losses),
        "norms": short(norms),
        "weight": short(weight.detach().numpy()),
        "bias": short(bias.detach().numpy()),
        "averageWeight": short(mean[0].numpy()) if average else None,
    }


CE = dict(kind="crossEntropy", labels="classes")
PLAIN = dict(kind="sgd", momentum=0)
CASES = [
    run("cross-entropy", CE, PLAIN, 0.5),
    run("cross-entropy, smoothed", {**CE, "labelSmoothing": 0.1}, PLAIN, 0.5),
    run("cross-entropy, weighted", {**CE, "classWeights": [0.5, 2, 1.25]}, PLAIN, 0.5),
    run("cross-entropy, smoothed and weighted", {**CE, "labelSmoothing": 0.2, "classWeights": [0.5, 2, 1.25]}, PLAIN, 0.5),
    run("cross-entropy of probabilities, smoothed and weighted", {**CE, "labels": "probabilities", "labelSmoothing": 0.2, "classWeights": [0.5, 2, 1.25]}, PLAIN, 0.5),
    run("binary cross-entropy", dict(kind="binaryCrossEntropy", labels="probabilities"), PLAIN, 0.5),
    run("binary cross-entropy, weighted", dict(kind="binaryCrossEntropy", labels="probabilities", positiveWeights=[3, 0.5, 1]), PLAIN, 0.5),
    run("mean squared", dict(kind="meanSquared", labels="numbers"), PLAIN, 0.5),
    run("Huber", dict(kind="huber", labels="numbers", delta=0.4), PLAIN, 0.5),
    run("SGD with momentum and decay", CE, dict(kind="sgd", nesterov=False, weightDecay=0.1), 0.3),
    run("SGD with Nesterov momentum and decay", CE, dict(kind="sgd", weightDecay=0.1), 0.3),
    run("AdamW", CE, dict(kind="adamW"), 0.05),
    run("AdamW with all its options", CE, dict(kind="adamW", betas=[0.8, 0.95], epsilon=0.01, weightDecay=0.5), 0.05),
    run("AdamW, clipped and averaged", CE, dict(kind="adamW"), 0.05, clip=0.1, average=0.6),
    run("SGD, clipped", CE, dict(kind="sgd"), 0.3, clip=0.2),
]
print("{" + f'"torch": "{torch.__version__}", "cases": [\n' + ",\n".join(json.dumps(c) for c in CASES) + "\n]}")
