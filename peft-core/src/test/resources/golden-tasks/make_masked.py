"""Loss, perplexity and accuracy of masked tokens, as transformers' run_mlm.py computes them.

Run with transformers 5.24, torch and scikit-learn, after make_tasks.py:

    python make_masked.py

It writes masked.json: ids and labels of some rows, and what the model of filler-bert scores on them. run_mlm.py's
preprocess_logits_for_metrics takes the argmax, and its compute_metrics is the accuracy of evaluate, which is
scikit-learn's accuracy_score, over the labels that are not -100. Most of the labels are what the model says.
"""
import json
import math
import os
import random

import torch
from sklearn.metrics import accuracy_score
from transformers import AutoModelForMaskedLM

HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(7)
model = AutoModelForMaskedLM.from_pretrained(os.path.join(HERE, "filler-bert")).eval()
vocabulary = model.config.vocab_size
rows, predictions, labels, total, count = [], [], [], 0.0, 0
for length in [5, 12, 9, 20, 3]:
    ids = torch.tensor([[random.randrange(5, vocabulary) for _ in range(length)]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    best = logits.argmax(-1)
    row = [-100] * length
    for i in range(length):
        if random.random() < 0.5:
            row[i] = int(best[0, i]) if random.random() < 0.7 else random.randrange(vocabulary)
    counted = sum(label != -100 for label in row)
    loss = torch.nn.functional.cross_entropy(logits[0], torch.tensor(row), reduction="sum", ignore_index=-100)
    total, count = total + float(loss), count + counted
    predictions += [int(p) for p, label in zip(best[0], row) if label != -100]
    labels += [label for label in row if label != -100]
    rows.append({"ids": ids[0].tolist(), "labels": row})
with open(os.path.join(HERE, "masked.json"), "w", encoding="utf-8") as f:
    json.dump({
        "rows": rows,
        "loss": total / count,
        "perplexity": math.exp(total / count),
        "accuracy": accuracy_score(labels, predictions),
    }, f, indent=1)
    f.write("\n")
