"""Matrices as bitsandbytes stores them, small. Made with bitsandbytes 0.50.2 and torch 2.15 on a CPU.

Usage: make_bitsandbytes.py [FOLDER]; the files are those that BitsandbytesParity and Int8MatrixTest read.
"""
import os
import sys

import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
G = torch.Generator().manual_seed(5)


def ties(code):
    """Numbers between two neighbours of a block whose largest is 1: which of them is taken?"""
    known = torch.sort(code).values
    between = (known[:-1] + known[1:]) / 2
    return torch.cat([known, between, -between, known]).reshape(1, -1)[:, :62]


def matrices(code):
    block = torch.cat([ties(code), torch.ones(1, 1), torch.full((1, 1), -1e-9)], 1)
    return {
        "normal": torch.randn(9, 64, generator=G) * 0.05,
        "outliers": torch.randn(4, 128, generator=G) * 0.02 + (torch.rand(4, 128, generator=G) > 0.98) * 3.0,
        "zeros": torch.zeros(2, 64),
        "ties": block,
        "odd": torch.randn(7, 96, generator=G),
        "uneven": torch.randn(5, 33, generator=G),
        "tiny": torch.randn(2, 64, generator=G) * 1e-39,
        "many": torch.randn(65, 256, generator=G) * torch.rand(65, 1, generator=G),
    }


for kind in ("nf4", "fp4"):
    for double in (False, True):
        tensors = {}
        for name, x in matrices(F.get_4bit_type(kind, device="cpu")).items():
            for suffix, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16), ("f16", torch.float16)):
                if name == "many" and (suffix != "bf16" or not double or kind != "nf4"):
                    continue
                if name == "tiny" and suffix == "bf16":
                    continue  # a processor's rounding to bfloat16 may make them zeros
                # As one row: for rows that are no whole blocks, the code for AVX-512 reads wrong statistics.
                packed, state = F.quantize_4bit(
                    x.to(dtype).reshape(1, -1), blocksize=64, quant_type=kind, compress_statistics=double
                )
                key = f"{name}.{suffix}."
                tensors[key + "x"] = x.to(dtype)
                tensors[key + "packed"] = packed
                tensors[key + "absmax"] = state.absmax
                tensors[key + "code"] = state.code
                tensors[key + "dequantized"] = F.dequantize_4bit(packed, state).reshape(x.shape)
                if double:
                    tensors[key + "absmax2"] = state.state2.absmax
                    tensors[key + "code2"] = state.state2.code
                    tensors[key + "offset"] = state.offset.reshape(1)
        save_file(
            {k: v.clone().contiguous() for k, v in tensors.items()},
            f"{OUT}/{kind}{'-double' if double else ''}.safetensors",
        )

tensors = {}
for name, x in matrices(F.get_4bit_type("nf4", device="cpu")).items():
    if name in ("many", "tiny"):
        continue
    for suffix, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        # As Int8Params stores a weight: rounded to float16 first.
        codes, largest, _ = F.int8_vectorwise_quant(x.to(dtype).to(torch.float16))
        key = f"{name}.{suffix}."
        tensors[key + "x"] = x.to(dtype)
        tensors[key + "CB"] = codes
        tensors[key + "SCB"] = largest
        tensors[key + "dequantized"] = F.int8_vectorwise_dequant(codes, largest)
save_file({k: v.clone().contiguous() for k, v in tensors.items()}, f"{OUT}/int8.safetensors")
