"""Makes two adapters as transformers 4 and PEFT wrote them, where each expert's map was a module, and what PEFT
computes with them on the models in ../golden.

    pip install torch transformers==5.24.0 peft==0.21.0 safetensors
    python make_goldens.py
"""

import json
import pathlib

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
R = 2
MODELS = {
    "tiny-mixtral": ("block_sparse_moe.gate", "block_sparse_moe.experts.{}.{}", ("w1", "w3"), "w2", "gate"),
    "tiny-qwen3-moe": ("mlp.gate", "mlp.experts.{}.{}", ("gate_proj", "up_proj"), "down_proj", None),
}


def main():
    for name, (router, experts, ups, down, gate) in MODELS.items():
        torch.manual_seed(4)
        base = HERE.parent / "golden" / name
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        model = AutoModelForCausalLM.from_pretrained(base)
        tensors = {}

        def factors(module, rows, columns):
            key = f"base_model.model.model.layers.{layer}.{module}.lora_"
            tensors[key + "A.weight"] = torch.randn(R, columns) * 0.3
            tensors[key + "B.weight"] = torch.randn(rows, R) * 0.3

        for layer, block in enumerate(model.model.layers):
            query = block.self_attn.q_proj.weight
            factors("self_attn.q_proj", *query.shape)
            if not hasattr(block.mlp, "experts"):
                continue
            count, hidden, inner = block.mlp.experts.down_proj.shape
            if gate:
                factors(router, count, hidden)
            for expert in range(count):
                for up in ups:
                    factors(experts.format(expert, up), inner, hidden)
                factors(experts.format(expert, down), hidden, inner)
        save_file(tensors, folder / "adapter_model.safetensors")
        modules = ["q_proj", *ups, down] + ([gate] if gate else [])
        config = dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path=name, r=R, lora_alpha=4,
                      lora_dropout=0.0, bias="none", target_modules=modules, inference_mode=True)
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
        ids = torch.tensor([[5, 6, 7, 8, 9, 10], [9, 4, 30, 5, 0, 0]])
        mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
        adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).eval()
        with torch.no_grad():
            logits = adapted(input_ids=ids, attention_mask=mask).logits
        save_file({"logits": logits.contiguous()}, folder / "io.safetensors")


if __name__ == "__main__":
    main()
