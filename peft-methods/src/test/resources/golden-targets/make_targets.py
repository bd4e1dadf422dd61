"""Makes the golden cases beside this file: adapters whose configs name no modules.

    pip install torch transformers==5.17.0 peft==0.21.0 safetensors
    python make_targets.py

Each <model>/ holds a checkpoint of one layer, each <model>/<method>/ an adapter as PEFT saves it, with the
modules that its tables chose; io.safetensors has a batch and the logits.
"""

import pathlib

import torch
from peft import (
    AdaLoraConfig,
    BOFTConfig,
    FourierFTConfig,
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    MissConfig,
    OFTConfig,
    ShiraConfig,
    VeraConfig,
    get_peft_model,
)
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

HERE = pathlib.Path(__file__).parent
MODELS = {
    "llama": (LlamaForCausalLM, "CAUSAL_LM", LlamaConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
        num_key_value_heads=2, max_position_embeddings=16)),
    "gpt2": (GPT2LMHeadModel, "CAUSAL_LM", GPT2Config(
        vocab_size=16, n_embd=8, n_layer=1, n_head=2, n_positions=16, bos_token_id=1, eos_token_id=2,
        attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)),
    "bert": (BertForSequenceClassification, "SEQ_CLS", BertConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, num_labels=3,
        max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)),
    "t5": (T5ForConditionalGeneration, "SEQ_2_SEQ_LM", T5Config(
        vocab_size=16, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, dropout_rate=0.0,
        decoder_start_token_id=0, relative_attention_num_buckets=8)),
}
METHODS = {
    "lora": lambda **t: LoraConfig(r=2, **t),
    "adalora": lambda **t: AdaLoraConfig(init_r=2, target_r=1, total_step=10, tinit=1, tfinal=1, **t),
    "ia3": lambda **t: IA3Config(**t),
    "ln-tuning": lambda **t: LNTuningConfig(**t),
    "vera": lambda **t: VeraConfig(r=2, **t),
    "loha": lambda **t: LoHaConfig(r=2, **t),
    "lokr": lambda **t: LoKrConfig(r=2, **t),
    "oft": lambda **t: OFTConfig(oft_block_size=4, use_cayley_neumann=False, **t),
    "boft": lambda **t: BOFTConfig(boft_block_size=4, **t),
    "hra": lambda **t: HRAConfig(r=2, **t),
    "miss": lambda **t: MissConfig(r=2, **t),
    "fourierft": lambda **t: FourierFTConfig(n_frequency=6, **t),
    "shira": lambda **t: ShiraConfig(r=1, **t),
}


def randomize(parameters, scale):
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn_like(parameter) * scale)


def main():
    for name, (model_class, task, config) in MODELS.items():
        folder = HERE / name
        torch.manual_seed(2)
        model = model_class(config)
        randomize(model.parameters(), 0.2)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        ids = torch.randint(3, 16, (2, 5), generator=torch.Generator().manual_seed(1))
        inputs = dict(input_ids=ids)
        if task == "SEQ_2_SEQ_LM":
            inputs["decoder_input_ids"] = torch.tensor([[0, 7, 4], [0, 12, 9]])
        for method, make in METHODS.items():
            torch.manual_seed(3)
            try:
                adapted = get_peft_model(model_class.from_pretrained(folder), make(task_type=task))
            except (TypeError, ValueError) as e:
                print("PEFT:", name, method, str(e)[:80])
                continue
            randomize([p for p in adapted.parameters() if p.requires_grad], 0.2)
            adapted.peft_config["default"].base_model_name_or_path = name
            adapted.save_pretrained(folder / method)
            (folder / method / "README.md").unlink(missing_ok=True)
            logits = adapted.eval()(**inputs).logits.detach()
            save_file(dict(**inputs, logits=logits), folder / method / "io.safetensors")


if __name__ == "__main__":
    main()
