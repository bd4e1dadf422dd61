"""Reference trainings of magnitude and movement pruning (arXiv:2005.07683), by the authors' modules.

    python make_pruning.py FOLDER      # block_movement_pruning of
                                       # github.com/huggingface/block_movement_pruning

The linear maps of tiny-bert's layers are the authors' MaskedLinear; thresholds and penalties are
those of their masked_run_glue.py.
"""

import ast
import importlib
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 12
SCHEDULE = dict(total_step=STEPS, warmup_steps=2, initial_warmup=1, final_warmup=2)
CASES = {
    "movement": dict(method="topK", final_threshold=0.3),
    "movement-l1": dict(method="topK", final_threshold=0.3, scale=0.5,
                                regularization="l1", final_lambda=3.0),
    "movement-global": dict(method="threshold", final_threshold=0.3),
    "soft-movement": dict(method="sigmoied_threshold", initial_threshold=0.0, final_threshold=0.5,
                          regularization="l1", final_lambda=3.0),
    "magnitude": dict(method="magnitude", final_threshold=0.3),
}


def authors(folder):
    """Their modules, and two functions of their script, whose other imports are left out."""
    sys.path.insert(0, os.path.join(folder, "emmental"))
    modules = importlib.import_module("modules.masked_nn")
    with open(os.path.join(folder, "masked_run_glue.py")) as file:
        tree = ast.parse(file.read())
    names = ("schedule_threshold", "regularization")
    tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in names]
    scope = {"nn": nn, "torch": torch, "np": np}
    exec(compile(tree, "masked_run_glue.py", "exec"), scope)
    return modules.MaskedLinear, scope["schedule_threshold"], scope["regularization"]


def masked(model, linear_class, current, method, init, scale):
    class Linear(linear_class):
        def forward(self, x):
            return super().forward(x, current)

    for name, module in list(model.bert.encoder.named_modules()):
        if isinstance(module, nn.Linear):
            new = Linear(module.in_features, module.out_features, mask_init=init, mask_scale=scale,
                         pruning_method=method)
            if method == "magnitude":
                new.mask_scores = None
            new.load_state_dict(module.state_dict(), strict=False)
            parent, last = name.rsplit(".", 1)
            setattr(model.bert.encoder.get_submodule(parent), last, new)


def common(model, part):
    """The threshold of all scores, as masked_run_glue.py has it."""
    if part == 1.0:
        return -1e2
    scores = [p.view(-1) for n, p in model.named_parameters() if "mask_scores" in n]
    concat = torch.cat(scores)
    n = concat.numel()
    return concat.kthvalue(max(n - (int(n * part) + 1), 1)).values.item()


def run(folder, case, method, final_threshold, initial_threshold=1.0, init="constant", scale=0.0,
        regularization=None, final_lambda=0.0):
    linear_class, schedule_threshold, penalty = authors(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        os.path.join(HERE, "..", "golden", "tiny-bert"), dtype=torch.float32,
        attn_implementation="eager").eval()
    current = dict(threshold=1.0, ampere_temperature=0.0, shuffling_temperature=0.0)
    masked(model, linear_class, current, method, init, scale)
    model.bert.embeddings.requires_grad_(False)
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(3, 40, (6, 6), generator=generator)
    labels = torch.randint(0, 3, (6,), generator=generator)
    scores = [p for n, p in model.named_parameters() if "mask_scores" in n]
    others = [p for n, p in model.named_parameters() if "mask_scores" not in n and p.requires_grad]
    groups = [dict(params=others, lr=1e-2)] + [dict(params=scores, lr=0.05)] * bool(scores)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    losses, memory = [], None
    for step in range(STEPS):
        threshold, weight = schedule_threshold(
            step=step, initial_threshold=initial_threshold, final_threshold=final_threshold,
            final_lambda=final_lambda, **SCHEDULE)
        if method == "threshold":
            if threshold != 1.0 and (memory is None or step % 3 == 0):
                memory = common(model, threshold)
            threshold = common(model, 1.0) if threshold == 1.0 else memory
        current["threshold"] = threshold
        i = 2 * (step % 3)
        optimizer.zero_grad()
        loss = model(ids[i : i + 2], labels=labels[i : i + 2]).loss
        losses.append(loss.item())
        if regularization is not None:
            loss = loss + weight * penalty(model=model, mode=regularization)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
    current["threshold"] = common(model, final_threshold) if method == "threshold" else final_threshold
    tensors = {"input_ids": ids, "labels": labels, "losses": torch.tensor(losses)}
    with torch.no_grad():
        tensors["logits"] = model(ids).logits
        for name, module in model.named_modules():
            if isinstance(module, linear_class):
                mask = module.mask_(module.weight, method, current["threshold"], module.mask_scores,
                                    "disabled", 0.0, None, 1, 1, False)
                tensors["pruned." + name + ".weight"] = (mask * module.weight).detach()
    save_file(tensors, os.path.join(HERE, f"pruning-{case}.safetensors"))


def gates(folder):
    """Hard-concrete gates in training and in inference, and their penalty with its gradient."""
    linear_class, schedule_threshold, penalty = authors(folder)
    linear = linear_class(5, 7, pruning_method="l0")
    scores = torch.linspace(-6, 6, 35).reshape(7, 5)
    linear.mask_scores.data.copy_(scores)
    tensors = {"scores": scores.clone()}
    for name, training in (("training", True), ("inference", False)):
        torch.manual_seed(5)
        tensors[name] = linear.mask_(linear.weight, "l0", 1.0, linear.mask_scores, "disabled", 0.0,
                                     None, 1, 1, training).detach()
    value = penalty(model=linear, mode="l0")
    value.backward()
    tensors.update(penalty=value.detach().reshape(1), gradient=linear.mask_scores.grad)
    save_file(tensors, os.path.join(HERE, "pruning-gates.safetensors"))
    for step in (0, 10, 11, 40, 80, 81, 100):
        print(step, *schedule_threshold(step=step, total_step=100, warmup_steps=10, initial_threshold=1.0,
                                        final_threshold=0.5, initial_warmup=1, final_warmup=2, final_lambda=3.0))


if __name__ == "__main__":
    gates(sys.argv[1])
    for name, settings in CASES.items():
        run(sys.argv[1], name, **settings)
