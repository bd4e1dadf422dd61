"""Makes the folders beside this file: adapters of ../golden as PEFT saves it with safe_serialization=False.

    pip install torch safetensors
    python make_goldens.py
"""

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
