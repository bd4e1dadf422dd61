"""Makes the golden texts beside this file: what Hugging Face transformers and PEFT write with tiny models.

    pip install torch transformers==5.17.0 peft==0.21.0 safetensors
    python make_generated.py [MODEL...]

Each <model>/ holds a checkpoint and generated.json, each <model>/<case>/ an adapter as PEFT saves it and
its generated.json: prompts, the end-of-text id, and of each prompt the greedy ids, up to the first end of
text, with their logits.
"""

import json
import pathlib
import sys

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

HERE = pathlib.Path(__file__).parent
T5 = dict(vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4, dropout_rate=0.0,
          relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0)
MODELS = {
    "tiny-t5": (T5ForConditionalGeneration, T5Config(**T5), "SEQ_2_SEQ_LM", ["q", "v", "wo"], 0.8),
    "tiny-t5-gated": (
        T5ForConditionalGeneration,
        T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
        "SEQ_2_SEQ_LM", ["q", "k", "wi_1"], 0.4,
    ),
    "tiny-llama": (
        LlamaForCausalLM,
        LlamaConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
                    max_position_embeddings=32, num_key_value_heads=2, pad_token_id=0),
        "CAUSAL_LM", ["q_proj", "v_proj"], 0.35,
    ),
    # Windows that texts and what is in front of them outgrow: in all layers, and in the first of two.
    "tiny-mistral": (
        MistralForCausalLM,
        MistralConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
                      max_position_embeddings=32, num_key_value_heads=2, sliding_window=6, pad_token_id=0),
        "CAUSAL_LM", ["q_proj", "v_proj"], 0.35,
    ),
    "tiny-gemma2": (
        Gemma2ForCausalLM,
        Gemma2Config(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
                     max_position_embeddings=32, num_key_value_heads=2, head_dim=4, query_pre_attn_scalar=4,
                     sliding_window=5, pad_token_id=0, tie_word_embeddings=False),
        "CAUSAL_LM", ["q_proj", "v_proj"], 0.35,
    ),
}
PROMPTS = [[5, 17, 8, 30, 22, 9, 14, 33], [12, 4, 28, 39, 6], [21, 35]]
NEW = 12


def cases(task, targets):
    return {
        "lora": LoraConfig(r=2, lora_alpha=8, target_modules=targets, task_type=task),
        "ia3": IA3Config(target_modules=targets, feedforward_modules=targets[2:], task_type=task),
        "prefix": PrefixTuningConfig(num_virtual_tokens=3, task_type=task),
        "prompt": PromptTuningConfig(num_virtual_tokens=3, task_type=task),
        "p-tuning": PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=8, task_type=task),
    }


def randomize(parameters, scale):
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn_like(parameter) * scale)


def generate(model, prompts, **settings):
    """Prompts in one batch, padded on the right: as T5's tokenizer does."""
    width = max(map(len, prompts))
    ids = torch.tensor([p + [0] * (width - len(p)) for p in prompts])
    mask = torch.tensor([[1] * len(p) + [0] * (width - len(p)) for p in prompts])
    return model.generate(
        input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=NEW, pad_token_id=0,
        return_dict_in_generate=True, output_logits=True, **settings)


def write(model, task, folder):
    """The end of text is the token that comes up last, so that texts are long and one of them ends."""
    model.eval()
    # A decoder's prompts go alone: behind virtual tokens PEFT counts padding on the left as positions.
    batches = [PROMPTS] if task == "SEQ_2_SEQ_LM" else [[p] for p in PROMPTS]
    first = {}
    for batch in batches:
        for row in generate(model, batch, eos_token_id=None).sequences[:, -NEW:].tolist():
            for step, id in enumerate(row):
                first[id] = min(step, first.get(id, NEW))
    eos = max((id for id in first if first[id] < NEW - 2), key=first.get)
    texts = []
    for batch in batches:
        out = generate(model, batch, eos_token_id=eos)
        for row, ids in enumerate(out.sequences[:, -len(out.logits):].tolist()):
            ids = ids[: ids.index(eos) + 1] if eos in ids else ids
            logits = [round(out.logits[i][row][id].item(), 5) for i, id in enumerate(ids)]
            texts.append(dict(ids=ids, logits=logits))
    data = dict(prompts=PROMPTS, eos=eos, max_new_tokens=NEW, texts=texts)
    (folder / "generated.json").write_text(json.dumps(data) + "\n")
    print(folder.name, eos, [t["ids"] for t in texts])


def main():
    for name in sys.argv[1:] or MODELS:
        model_class, config, task, targets, scale = MODELS[name]
        folder = HERE / name
        torch.manual_seed(2)
        config._attn_implementation = "eager"  # others do not cap Gemma's scores
        model = model_class(config)
        randomize(model.parameters(), scale)
        model.save_pretrained(folder)
        write(model, task, folder)
        for case, adapter in cases(task, targets).items():
            torch.manual_seed(3)
            adapted = get_peft_model(
                model_class.from_pretrained(folder, attn_implementation="eager"), adapter)
            randomize([p for p in adapted.parameters() if p.requires_grad], 0.5)
            adapted.peft_config["default"].base_model_name_or_path = name
            adapted.save_pretrained(folder / case)
            (folder / case / "README.md").unlink(missing_ok=True)
            write(adapted, task, folder / case)


if __name__ == "__main__":
    main()
