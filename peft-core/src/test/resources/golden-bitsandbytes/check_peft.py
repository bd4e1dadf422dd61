"""Does PEFT compute with an adapter on bitsandbytes' weights what peft4j computed?

Usage: check_peft.py MODEL ADAPTER LOGITS.json nf4|nf4-double|fp4|fp4-double

LOGITS.json holds the ids of one text and its logits row by row: {"ids": […], "logits": […]}. Run with PEFT 0.21,
transformers 5.24 and bitsandbytes 0.50.2. Inputs need gradients here: without, bitsandbytes computes in
bfloat16 on a CPU.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

model, adapter, logits, kind = sys.argv[1:]
expected = json.load(open(logits))
config = BitsAndBytesConfig(
    load_in_4bit=True,
    bnb_4bit_quant_type=kind.split("-")[0],
    bnb_4bit_use_double_quant=kind.endswith("double"),
    bnb_4bit_compute_dtype=torch.float32,
)
base = AutoModelForCausalLM.from_pretrained(model, quantization_config=config, dtype=torch.float32, device_map="cpu")
adapted = PeftModel.from_pretrained(base, adapter, is_trainable=True)
adapted.enable_input_require_grads()
found = adapted(torch.tensor([expected["ids"]])).logits.detach().flatten()
wanted = torch.tensor(expected["logits"])
print(f"largest difference {(found - wanted).abs().max():.2e}, largest logit {wanted.abs().max():.3f}")
