"""Makes the folders beside this file: adapters of ../golden and a model as torch.save writes them.

    pip install torch safetensors
    python make_goldens.py
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent / "golden" / "tiny-llama"
for adapter in ("lora", "boft-one-butterfly"):
    target = HERE / f"tiny-llama-{adapter}"
    target.mkdir(exist_ok=True)
    shutil.copy(SOURCE / adapter / "adapter_config.json", target)
    torch.save(load_file(SOURCE / adapter / "adapter_model.safetensors"), target / "adapter_model.bin")

# The model itself, as transformers saved it before version 5: in one file, and in two of the old format.
model = load_file(SOURCE / "model.safetensors")
whole = HERE / "tiny-llama-model"
shards = HERE / "tiny-llama-model-in-shards"
for target in (whole, shards):
    target.mkdir(exist_ok=True)
    shutil.copy(SOURCE / "config.json", target)
torch.save(model, whole / "pytorch_model.bin")
names = sorted(model)
weight_map = {}
for i, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :])):
    file = f"pytorch_model-{i + 1:05d}-of-00002.bin"
    torch.save({name: model[name].half() for name in part}, shards / file, _use_new_zipfile_serialization=False)
    weight_map.update({name: file for name in part})
index = {"metadata": {"total_size": sum(t.numel() * 2 for t in model.values())}, "weight_map": weight_map}
(shards / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")
