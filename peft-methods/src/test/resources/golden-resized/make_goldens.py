"""Adapters that PEFT saves with a model whose token tables were resized, and the model's logits with them.

    pip install torch transformers==5.24.0 peft==0.21.0 safetensors
    python make_goldens.py

tied/ is ../golden/tiny-llama, whose output shares the input's table; untied/ (made here) has two tables. Both get
three tokens more. Each <model>-<case>/ holds an adapter and expected.safetensors: ids and logits.

    python make_goldens.py check FOLDER

loads adapters that peft4j saved (ResizedTablesTest writes them with -Dpeft4j.resized=FOLDER) and compares the logits.
"""

import pathlib
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, TrainableTokensConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
BASES = {"tied": HERE.parent / "golden" / "tiny-llama", "untied": HERE / "untied"}
ROWS = 43
IDS = torch.tensor([[1, 5, 40, 9, 41, 42, 3], [2, 42, 42, 7, 8, 40, 4]])
CASES = {
    "plain": {},
    "saved": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "saved-input": {"modules_to_save": ["embed_tokens"]},
    "tokens": {"trainable_token_indices": {"embed_tokens": [40, 41]}},
    "targeted": {"target_modules": ["q_proj", "embed_tokens"]},
    "trainable-tokens": None,
}


def resized(base):
    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(ROWS)
    return model


def untied():
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(BASES["tied"], tie_word_embeddings=False)
    model.get_output_embeddings().weight.data.normal_(0, 0.2)
    model.save_pretrained(BASES["untied"])
    (BASES["untied"] / "generation_config.json").unlink(missing_ok=True)


def make(name, base, case, settings):
    torch.manual_seed(2)
    model = resized(base)
    with torch.no_grad():  # far from the mean, so that a row shows that is not taken from the file
        tables = {id(t.weight): t.weight for t in (model.get_input_embeddings(), model.get_output_embeddings())}
        for table in tables.values():
            table[40:] += torch.randn(3, table.shape[1]) * 0.2
    if settings is None:
        config = TrainableTokensConfig(token_indices=[40, 41], target_modules=["embed_tokens"])
    else:
        config = LoraConfig(**({"target_modules": ["q_proj", "v_proj"]} | settings), r=4, task_type="CAUSAL_LM")
    model = get_peft_model(model, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
        folder = HERE / f"{name}-{case}"
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        config = folder / "adapter_config.json"
        config.write_text(config.read_text().replace(str(base), name))
        save_file({"ids": IDS, "logits": model(IDS).logits.contiguous()}, folder / "expected.safetensors")


def check(folder):
    for adapter in sorted(pathlib.Path(folder).iterdir()):
        expected = load_file(adapter / "expected.safetensors")
        model = PeftModel.from_pretrained(resized(BASES[adapter.name.split("-")[0]]), adapter).eval()
        with torch.no_grad():
            apart = (model(expected["ids"]).logits - expected["logits"]).abs().max().item()
        print(f"{adapter.name}: logits differ by {apart:.1e}{'' if apart < 1e-5 else ' FAILED'}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["check"]:
        check(sys.argv[2])
    else:
        untied()
        for name, base in BASES.items():
            for case, settings in CASES.items():
                if name == "untied" and case == "trainable-tokens":
                    continue  # PEFT's file lacks the output's rows
                make(name, base, case, settings)
