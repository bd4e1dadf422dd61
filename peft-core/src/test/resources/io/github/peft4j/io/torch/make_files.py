"""Makes the files beside this one: small files of torch.save, and what is in them as safetensors.

    pip install torch safetensors
    python make_files.py
"""

import collections
import pathlib
import pickle

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent

table = torch.arange(12, dtype=torch.float32).reshape(4, 3) / 4
tensors = collections.OrderedDict(
    float32=table - 1,
    float16=(table * 2).to(torch.float16),
    bfloat16=(table * 3).to(torch.bfloat16),
    float64=table.to(torch.float64) / 3,
    int64=torch.tensor([-(2**40), 0, 2**62]),
    int32=torch.tensor([-1, 2], dtype=torch.int32),
    bool=torch.tensor([True, False, True]),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 4),
    parameter=torch.nn.Parameter(table + 1),
    # views: a tied table, rows of it, its transpose, every second column, three dimensions turned round
    tied=table,
    embedding=table,
    rows=table[1:3],
    transposed=table.t(),
    columns=table[:, ::2],
    turned=(torch.arange(24.0).reshape(2, 3, 4).to(torch.bfloat16)).permute(2, 0, 1),
)
tensors._metadata = collections.OrderedDict({"": {"version": 1}})

torch.save(tensors, HERE / "zip.bin")
torch.save(tensors, HERE / "zip-protocol-4.bin", pickle_protocol=4)
torch.save(tensors, HERE / "legacy.bin", _use_new_zipfile_serialization=False)
save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, HERE / "expected.safetensors")

torch.save({"a": torch.zeros(1).expand(5), "b": torch.ones(2)}, HERE / "repeated.bin")


class Call:
    def __reduce__(self):
        import os

        return os.system, ("true",)


refused = {
    "code": {"a": torch.zeros(1), "b": Call()},
    "module": torch.nn.Linear(2, 2),
    "nested": {"epoch": {"state_dict": torch.zeros(1)}},
    "number": {"a": torch.zeros(1), "loss": 0.5},
    "list": [torch.zeros(1)],
    "float8": {"a": torch.zeros(2, dtype=torch.float8_e4m3fn)},
    "complex": {"a": torch.zeros(2, dtype=torch.complex64)},
    "sparse": {"a": torch.eye(2).to_sparse()},
    "quantized": {"a": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)},
}
for name, content in refused.items():
    torch.save(content, HERE / f"refused-{name}.bin")
    if name == "code":
        torch.save(content, HERE / f"refused-{name}-legacy.bin", _use_new_zipfile_serialization=False)
with open(HERE / "refused-pickle.bin", "wb") as file:
    pickle.dump({"a": 1}, file)
