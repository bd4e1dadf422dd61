"""Writes adamw_8bit.safetensors: what bitsandbytes' AdamW8bit makes of two tensors in four steps.

It runs bitsandbytes 0.50 on the CPU, but for one function. Its CPU quantises by a table of 65,536 places, so that 0 becomes
the code 131 of a signed map and the code 7 of an unsigned one. Its CUDA kernel and its PyTorch kernels take the nearest code.
So do `nearest` below and peft4j. The script fails if `nearest` differs from bitsandbytes' own `argmin` of the distances, or by
more than a place of the table from what its CPU does.
"""

import pathlib

import bitsandbytes as bnb
import bitsandbytes.backends.cpu.ops as cpu
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

torch.manual_seed(7)
torch.set_num_threads(1)
BLOCK = 256
SHAPES = {"whole": (24, 32), "rest": (7, 101)}
STEPS = 4


def nearest(x, code, absmax_out, codes_out, block):
    """Two neighbours part at the middle between them, as in kOptimizerStatic8bit2StateBlockwise's quantize_2D."""
    flat = torch.nn.functional.pad(x.reshape(-1), (0, -x.numel() % block)).view(-1, block)
    absmax = flat.abs().amax(1)
    scaled = flat * (1 / absmax.clamp(min=1e-38))[:, None]
    codes = torch.bucketize(scaled, (code[:-1] + code[1:]) / 2)
    distances = (scaled[:, :, None] - code).abs()
    picked = distances.gather(2, codes[:, :, None]).squeeze(2)
    assert (picked - distances.amin(2)).abs().max() < 1e-7
    table, maxima = torch.ops.bitsandbytes.quantize_blockwise(x, code, block)
    assert torch.equal(maxima, absmax)
    places = (code[table.reshape(-1).long()] - code[codes.view(-1)[: x.numel()]]).abs()
    steps = torch.maximum((code[1:] - code[:-1])[codes.view(-1)[: x.numel()].clamp(max=254)], torch.tensor(2 / 65535))
    held = absmax.repeat_interleave(block)[: x.numel()] > 0
    assert (places <= 2 * steps)[held].all()
    absmax_out.copy_(absmax)
    codes_out.copy_(codes.view(-1)[: x.numel()].view_as(codes_out))


cpu._quant_blockwise_fp32_direct = nearest
out = {"signed": F.create_dynamic_map(True), "unsigned": F.create_dynamic_map(False)}
for name, shape in SHAPES.items():
    p = torch.nn.Parameter(torch.randn(shape))
    out[f"{name}.start"] = p.detach().clone()
    optimizer = bnb.optim.AdamW8bit([p], lr=0.05, betas=(0.9, 0.99), eps=1e-7, weight_decay=0.1, min_8bit_size=BLOCK)
    for step in range(STEPS):
        p.grad = torch.randn(shape) * 10 ** torch.randint(-4, 2, shape).float()
        if step < 2:
            p.grad.view(-1)[:300] = 0  # the first block stays without a moment for two steps
        out[f"{name}.gradient.{step}"] = p.grad.clone()
        optimizer.step()
        out[f"{name}.parameter.{step}"] = p.detach().clone()
        for key in ("state1", "state2", "absmax1", "absmax2"):
            out[f"{name}.{key}.{step}"] = optimizer.state[p][key].clone()
save_file(out, pathlib.Path(__file__).with_name("adamw_8bit.safetensors"))
