"""What single operations cost the host: microseconds a call, in a loop that does not wait for the device."""

import json
import time

import torch


def microseconds(call, calls):
    for _ in range(calls // 10):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    spent = time.perf_counter() - start
    torch.cuda.synchronize()
    return round(spent / calls * 1e6, 2)


def main():
    x = torch.ones(16, 64, device="cuda")
    a = torch.ones(16, 64, device="cuda", dtype=torch.bfloat16)
    w = torch.ones(64, 64, device="cuda", dtype=torch.bfloat16)
    host = torch.ones(4)
    lines = "".join("    x = torch.add(x, y)\n" for _ in range(100))
    script = torch.jit.CompilationUnit("def adds(x, y):\n" + lines + "    return x\n")
    with torch.no_grad():
        row = {
            "device": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "add": microseconds(lambda: torch.add(x, x), 20000),
            "add_in_torchscript": round(microseconds(lambda: script.adds(x, x), 300) / 100, 2),
            "view": microseconds(lambda: x.view(64, 16), 20000),
            "product": microseconds(lambda: torch.mm(a, w), 20000),
            "add_on_cpu": microseconds(lambda: torch.add(host, host), 20000),
        }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
