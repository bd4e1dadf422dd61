"""What a measurement ran on, in the words of Environment.java."""
import os
import platform
import subprocess
from pathlib import Path

import peft
import torch
import transformers


def facts(gpu):
    card = {"card": smi("name"), "driver": smi("driver_version")} if gpu else {}
    return {
        "device": "gpu" if gpu else "cpu", **card, "cpu": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 4),
        "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
        "python": platform.python_version()}


def memory(gpu):
    """Mebibytes: of the card what it reports, as in Java, and what PyTorch allocated at most."""
    used = {"device_memory_mib": int(smi("memory.used")), "allocated_mib": torch.cuda.max_memory_allocated() >> 20} if gpu else {}
    peak = field("/proc/self/status", "VmHWM")
    return used | ({"peak_rss_mib": int(peak.split()[0]) // 1024} if peak else {})


def smi(name):
    command = ["nvidia-smi", f"--query-gpu={name}", "--format=csv,noheader,nounits"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()


def field(file, name):
    lines = Path(file).read_text(encoding="utf-8").splitlines() if Path(file).exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
