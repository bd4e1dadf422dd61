"""Writes a small model, LoftQ adapters of PEFT on it, and the logits of both together.

Usage: python make_loftq.py FOLDER   (transformers 5.24, PEFT 0.21, bitsandbytes 0.50.2, on a CPU)
"""

import inspect
import sys
from pathlib import Path

import torch
from peft import LoftQConfig, LoraConfig, get_peft_model
from peft.tuners.lora import layer
from peft.utils import loftq_utils
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig

OUT = Path(sys.argv[1])
IDS = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 8], [2, 7, 18, 28, 1, 8, 2, 8]])
TARGETS = ["q_proj", "v_proj", "gate_proj", "down_proj"]

# PEFT computes on a GPU, whatever the weights are on.
for name in ("loftq_init", "_loftq_init_new"):
    source = inspect.getsource(getattr(loftq_utils, name)).replace('else "cuda"', 'else "cpu"')
    exec(compile(source, name, "exec"), vars(loftq_utils))
layer.loftq_init = loftq_utils.loftq_init


def base(**settings):
    return AutoModelForCausalLM.from_pretrained(OUT / "base", dtype=torch.float32, **settings)


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits.float().contiguous()


torch.manual_seed(12)
config = LlamaConfig(
    vocab_size=48, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=4, max_position_embeddings=64, initializer_range=0.2)
AutoModelForCausalLM.from_config(config).half().save_pretrained(OUT / "base")
(OUT / "base" / "generation_config.json").unlink()

expected = {"ids": IDS, "plain": logits(base())}
for bits, iterations in ((4, 1), (4, 5), (8, 2)):
    lora = LoraConfig(
        r=4, lora_alpha=4, target_modules=TARGETS, init_lora_weights="loftq",
        loftq_config=LoftQConfig(loftq_bits=bits, loftq_iter=iterations))
    model = get_peft_model(base(), lora)
    model.peft_config["default"].base_model_name_or_path = "base"
    name = f"loftq-{bits}-{iterations}"
    model.save_pretrained(OUT / name)
    (OUT / name / "README.md").unlink()
    expected[name] = logits(model)

four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
model = get_peft_model(base(quantization_config=four), LoraConfig(r=4, lora_alpha=4, target_modules=TARGETS))
loftq_utils.replace_lora_weights_loftq(model, model_path=str(OUT / "base" / "model.safetensors"))
# bitsandbytes' products on a CPU round their inputs: the same weights in a dense model do not
changes = {n: m.get_delta_weight("default") for n, m in model.named_modules() if hasattr(m, "lora_A")}
dense = model.unload().dequantize()
for name, change in changes.items():
    dense.get_submodule(name.removeprefix("base_model.model.")).weight.data += change
expected["replaced"] = logits(dense)
save_file(expected, OUT / "expected.safetensors")
print({name: float((value - expected["plain"]).abs().mean()) for name, value in expected.items() if name != "ids"})
