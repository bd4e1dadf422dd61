"""Writes small checkpoints with quantised weights and the logits of transformers.

bitsandbytes' are written by transformers. GPTQ's and AWQ's are packed here, after the layouts of
AutoGPTQ and AutoAWQ; their logits are those of the dense model with the dequantised weights.

Usage: python make_quantized.py FOLDER   (transformers 5.24, bitsandbytes 0.50.2, on a CPU)
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPT2Config, LlamaConfig

OUT = Path(sys.argv[1])
IDS = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 8], [2, 7, 18, 28, 1, 8, 2, 8]])
LAYERS = "model.layers.0."
MAPS = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
MAPS += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def llama(inner, biased=False):
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=48, hidden_size=64, intermediate_size=inner, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, attention_bias=biased, initializer_range=0.2)
    return with_biases(AutoModelForCausalLM.from_config(config).float().eval())


def gpt2():
    torch.manual_seed(8)
    config = GPT2Config(vocab_size=48, n_positions=16, n_embd=64, n_layer=1, n_head=4, initializer_range=0.2)
    return with_biases(AutoModelForCausalLM.from_config(config).float().eval())


def with_biases(model):
    for name, tensor in model.named_parameters():
        if name.endswith(".bias"):
            torch.nn.init.normal_(tensor, std=0.1)
    return model


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits.float().contiguous()


def bitsandbytes(name, model, **settings):
    """The logits are those of the dequantised model; bitsandbytes' own products round inputs.

    Rows have to be multiples of a block: on a CPU, bitsandbytes 0.50.2 dequantises others wrongly.
    """
    plain, folder = OUT / "plain", OUT / name
    model.save_pretrained(plain)
    config = BitsAndBytesConfig(**settings)
    quantised = AutoModelForCausalLM.from_pretrained(plain, quantization_config=config, dtype=torch.float32)
    shutil.rmtree(folder, ignore_errors=True)
    quantised.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    values = {"ids": IDS, "logits": logits(loaded.dequantize())}
    save_file(values, folder / "expected.safetensors")
    shutil.rmtree(plain)


def codes(weight, group, bits, symmetric):
    """Codes (out, in), and scales and zeros (groups, out)."""
    groups = weight.reshape(weight.shape[0], -1, group)
    largest = 2**bits - 1
    if symmetric:
        scales = groups.abs().amax(-1) * 2 / largest
        zeros = torch.full_like(scales, 2 ** (bits - 1))
    else:
        low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
        scales = (high - low) / largest
        zeros = (-low / scales).round().clamp(1, largest)
    scales = scales.half().float()
    found = ((groups / scales[..., None]).round() + zeros[..., None]).clamp(0, largest)
    return found.reshape(weight.shape).int(), scales.t().contiguous(), zeros.t().contiguous().int()


def pack(values, bits, order=None):
    """Packs the last dimension, the first value in the lowest bits."""
    count = 32 // bits
    order = list(range(count)) if order is None else order
    parts = values.reshape(*values.shape[:-1], -1, count).long()
    packed = sum(parts[..., order[i]] << (bits * i) for i in range(count))
    return torch.where(packed >= 2**31, packed - 2**32, packed).int()


def grouped(name, method, settings, bits=4, group=32, symmetric=False, shuffled=False, version=1):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    model = llama(128, biased=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    tensors = {n: t.clone() for n, t in model.state_dict().items()}
    for module in MAPS:
        weight = tensors.pop(LAYERS + module + ".weight")
        size = weight.shape[1] if group == -1 else group
        index = torch.arange(weight.shape[1]) // size
        if shuffled:
            index = index[torch.randperm(len(index), generator=torch.Generator().manual_seed(9))]
        order = torch.argsort(index, stable=True)  # inputs by group
        found, scales, zeros = codes(weight[:, order], size, bits, symmetric)
        found = found[:, torch.argsort(order)]
        dense = (found - zeros[index].t()) * scales[index].t()
        model.get_submodule(LAYERS + module).weight.data = dense
        at = LAYERS + module
        if method == "gptq":
            tensors[at + ".qweight"] = pack(found, bits).t().contiguous()
            tensors[at + ".qzeros"] = pack((zeros - 1) & (2**bits - 1) if version == 1 else zeros, bits)
            tensors[at + ".g_idx"] = index.int()
        else:
            tensors[at + ".qweight"] = pack(found.t().contiguous(), bits, AWQ_ORDER)
            tensors[at + ".qzeros"] = pack(zeros, bits, AWQ_ORDER)
        tensors[at + ".scales"] = scales.half()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "bits": bits, "group_size": group} | settings
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file({"ids": IDS, "logits": logits(model)}, folder / "expected.safetensors")


FOUR = dict(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
bitsandbytes("nf4", llama(320), bnb_4bit_quant_type="nf4", **FOUR)
bitsandbytes("nf4-double", llama(320), bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, **FOUR)
bitsandbytes("fp4", llama(128, biased=True), bnb_4bit_quant_type="fp4", **FOUR)
SKIP = ["lm_head", "mlp.c_fc"]
bitsandbytes("nf4-gpt2", gpt2(), bnb_4bit_quant_type="nf4", llm_int8_skip_modules=SKIP, **FOUR)
bitsandbytes("int8", llama(128, biased=True), load_in_8bit=True)
bitsandbytes("int8-gpt2", gpt2(), load_in_8bit=True)
SYM = {"sym": True, "desc_act": False, "true_sequential": True, "damp_percent": 0.01}
grouped("gptq", "gptq", SYM, symmetric=True)
grouped("gptq-order", "gptq", SYM | {"sym": False, "desc_act": True}, shuffled=True)
grouped("gptq-v2", "gptq", SYM | {"sym": False, "checkpoint_format": "gptq_v2"}, version=2)
grouped("gptq-8bit", "gptq", SYM | {"sym": False}, bits=8, group=-1)
grouped("awq", "awq", {"zero_point": True, "version": "gemm", "modules_to_not_convert": None})
