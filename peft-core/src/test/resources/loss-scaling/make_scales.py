"""Writes scales.json: what torch.amp.GradScaler makes of tables of overflows (PyTorch 2.7 and later)."""

import json
import pathlib

import torch

TABLE = [int(c) for c in "1100010001110000000110100000"]
CASES = {
    "default": (TABLE, {}),
    "short": (TABLE, {"init_scale": 1024.0, "growth_interval": 3}),
    "odd": (TABLE, {"init_scale": 3.0, "growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 2}),
    "large": ([0, 0, 0, 1, 0], {"init_scale": 2.0**127, "growth_interval": 1}),
}


def states(table, **settings):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", **settings)
    for overflow in table:
        scaler.scale(torch.zeros(()))  # makes the scale
        weight.grad = torch.tensor([float("inf") if overflow else 1.0])
        scaler.step(optimizer)
        scaler.update()
        yield [scaler.get_scale(), scaler._get_growth_tracker()]


scales = {}
for name, (table, settings) in CASES.items():
    scales[name] = {"overflowed": table, "states": list(states(table, **settings)), **settings}
path = pathlib.Path(__file__).with_name("scales.json")
path.write_text(json.dumps(scales) + "\n")
