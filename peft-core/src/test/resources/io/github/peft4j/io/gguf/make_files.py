"""Makes the files beside this one: a small GGUF file with all types, and its numbers as safetensors.

    pip install gguf torch safetensors
    python make_files.py
"""

import pathlib

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
TYPES = gguf.GGMLQuantizationType
VALUES = gguf.GGUFValueType

random = np.random.default_rng(94)


def normal(rows, columns):
    return random.normal(0, 0.05, (rows, columns)).astype(np.float32)


def scaled(blocks, *places):
    """Random blocks with ordinary scales: each place gets a half near 0.01."""
    for place in places:
        blocks[..., place:place + 2] = random.normal(0, 0.01, blocks.shape[:-1] + (1,)).astype(np.float16).view(np.uint8)
    return blocks


x = normal(3, 64)
x[1] *= 1000
x[2, :32] = 0
x[2, 32:] = 0.25  # one value
wide = normal(2, 512)

writer = gguf.GGUFWriter(HERE / "types.gguf", "test")
expected = {"x": x}

# every type of value
for name, value in {
    "uint8": 200, "int8": -100, "uint16": 60000, "int16": -30000, "uint32": 4000000000, "int32": -2000000000,
    "uint64": 2**63 + 1, "int64": -(2**62), "float32": 0.1, "float64": 0.1, "bool": True, "string": "naïve 🦙",
}.items():
    getattr(writer, "add_" + name)("value." + name, value)
for name, values in {
    "uint8": [0, 255], "int8": [-128, 127], "uint16": [0, 65535], "int16": [-32768, 32767], "uint32": [0, 2**32 - 1],
    "int32": [-(2**31), 2**31 - 1], "uint64": [0, 2**63 - 1], "int64": [-(2**63), 2**63 - 1], "float32": [0.5, -0.1],
    "float64": [0.5, -0.1], "bool": [True, False, True], "string": ["", "<s>", "▁naïve", "🦙"],
}.items():
    writer.add_key_value("array." + name, values, VALUES.ARRAY, getattr(VALUES, name.upper()))

for name in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
    blocks = gguf.quants.quantize(x, TYPES[name])
    writer.add_tensor("writable." + name, blocks, raw_dtype=TYPES[name])
    expected["writable." + name] = gguf.quants.dequantize(blocks, TYPES[name])

for name, places in {
    "Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,),
    "Q8_0": (0,), "Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2),
}.items():
    elements, size = gguf.GGML_QUANT_SIZES[TYPES[name]]
    count = max(1, 128 // elements)
    blocks = scaled(random.integers(0, 256, (3, count, size), dtype=np.uint8), *places).reshape(3, -1)
    writer.add_tensor("random." + name, blocks, raw_dtype=TYPES[name])
    expected["random." + name] = gguf.quants.dequantize(blocks, TYPES[name])

for name, dtype in {"I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64, "F64": np.float64}.items():
    values = np.array([[-1, 2, 3], [-4, 5, -6]], dtype)
    writer.add_tensor("plain." + name, values)
    expected["plain." + name] = values
writer.add_tensor("plain.vector", wide[0, :5].copy())
expected["plain.vector"] = wide[0, :5]

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file({k: torch.from_numpy(np.array(v, order="C")) for k, v in expected.items()}, HERE / "expected.safetensors")
