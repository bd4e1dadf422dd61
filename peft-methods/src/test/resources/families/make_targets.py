"""Makes targets.json beside this file: the modules that PEFT adapts in each family if a config names none.

    pip install torch transformers==5.24.0 peft==0.21.0 safetensors
    python make_targets.py

For each model_type and method there are the modules of the small model of make_families.py, with * for numbers of
layers; or null if PEFT's table names modules that it then refuses. A method whose table lacks the type is not there.
"""

import contextlib
import json
import pathlib
import re

import transformers as T
from peft import AdaLoraConfig, C3AConfig, FourierFTConfig, IA3Config, LNTuningConfig, LoraConfig, ShiraConfig
from peft import VBLoRAConfig, VeraConfig, WaveFTConfig, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer

from make_families import CLASSIFIER, FAMILIES, settings_of

HERE = pathlib.Path(__file__).parent
# OFT, BOFT, HRA, HiRA, LoHa, LoKr, MiSS, RoAd, Lily, RandLoRA, DeLoRA and GraLoRA share LoRA's table
METHODS = {
    "LORA": lambda **t: LoraConfig(r=2, **t),
    "ADALORA": lambda **t: AdaLoraConfig(init_r=2, target_r=1, total_step=10, **t),
    "IA3": lambda **t: IA3Config(**t),
    "LN_TUNING": lambda **t: LNTuningConfig(**t),
    "VERA": lambda **t: VeraConfig(r=2, **t),
    "FOURIERFT": lambda **t: FourierFTConfig(n_frequency=4, **t),
    "SHIRA": lambda **t: ShiraConfig(r=1, **t),
    "C3A": lambda **t: C3AConfig(block_size=1, **t),
    "WAVEFT": lambda **t: WaveFTConfig(n_frequency=4, **t),
    "VBLORA": lambda **t: VBLoRAConfig(r=1, num_vectors=4, vector_length=1, **t),
}


def targets(stem, head, config, method):
    model = getattr(T, stem + head)(config)
    task = "SEQ_CLS" if head == CLASSIFIER else None
    try:
        adapted = get_peft_model(model, METHODS[method](task_type=task))
    except (ValueError, TypeError) as error:
        print(config.model_type, method, error)
        if "Please specify `target_modules`" in str(error):
            raise KeyError from error
        return None
    names = [name for name, module in adapted.base_model.model.named_modules() if isinstance(module, BaseTunerLayer)]
    return sorted({re.sub(r"\.\d+\.", ".*.", name) for name in names if "parametrizations" not in name})


def of_methods(stem, head, config):
    found = {}
    for method in METHODS:
        with contextlib.suppress(KeyError):
            found[method] = targets(stem, head, config, method)
    return found


if __name__ == "__main__":
    families = {}
    for stem, head, settings in FAMILIES:
        config = settings_of(stem, settings)
        families[config.model_type] = of_methods(stem, head, config)
    lines = [json.dumps(name) + ": " + json.dumps(found) for name, found in families.items()]
    (HERE / "targets.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
