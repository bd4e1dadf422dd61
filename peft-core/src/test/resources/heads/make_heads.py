"""Makes heads.json beside this file: what Hugging Face transformers computes with each head of each family.

    pip install torch transformers==5.24.0 safetensors
    python make_heads.py

A case has a config, the names and shapes of the tensors as transformers saves them, an input, its logits and
its loss. The tensors' values are not stored: they follow from their names, see value() and HeadsTest.
"""

import json
import math
import pathlib
import tempfile
import zlib

import torch
import transformers as T
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
VOCABULARY = 24
BASE = dict(vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
            max_position_embeddings=16, pad_token_id=0)
ROBERTA = dict(BASE, pad_token_id=1)
BART = dict(vocab_size=VOCABULARY, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=12, decoder_ffn_dim=12, max_position_embeddings=16,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
T5 = dict(vocab_size=VOCABULARY, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, decoder_start_token_id=0)
GPT2 = dict(vocab_size=VOCABULARY, n_embd=8, n_layer=1, n_head=2, n_inner=12, n_positions=16, pad_token_id=0)
LLAMA = dict(BASE, num_key_value_heads=1)
NEOX = dict(BASE, rotary_pct=0.5)
GEMMA = dict(LLAMA, head_dim=4)
ALL = ["MaskedLM", "SequenceClassification", "TokenClassification", "QuestionAnswering", "Model"]
# what the labels of texts are, see PROBLEMS
NUMBERS = ["SequenceClassification one", "SequenceClassification two", "SequenceClassification several"]
DECODERS = ["CausalLM"] + ALL[1:]
BART_HEADS = ["ConditionalGeneration"]
FAMILIES = [
    ("Bert", "BertConfig", BASE, ALL + NUMBERS),
    ("Roberta", "RobertaConfig", ROBERTA, ALL),
    ("XLMRoberta", "XLMRobertaConfig", ROBERTA, ALL),
    ("Camembert", "CamembertConfig", ROBERTA, ALL),
    ("MPNet", "MPNetConfig", dict(BASE, pad_token_id=1), ALL),
    ("DistilBert", "DistilBertConfig",
     dict(vocab_size=VOCABULARY, dim=8, n_layers=1, n_heads=2, hidden_dim=12, max_position_embeddings=16), ALL),
    ("Electra", "ElectraConfig", dict(BASE, embedding_size=6), ALL),
    ("Albert", "AlbertConfig", dict(BASE, embedding_size=6), ALL),
    ("DebertaV2", "DebertaV2Config",
     dict(BASE, relative_attention=True, position_buckets=4, norm_rel_ebd="layer_norm", share_att_key=True,
          pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0), ALL),
    ("DebertaV2", "DebertaV2Config", dict(BASE, legacy=False, pooler_hidden_act="tanh", type_vocab_size=0),
     ["MaskedLM", "SequenceClassification"]),
    ("ModernBert", "ModernBertConfig",
     dict(BASE, num_hidden_layers=2, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2,
          local_attention=4, global_attn_every_n_layers=2), ALL),
    ("ModernBert", "ModernBertConfig",
     dict(BASE, num_hidden_layers=2, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2,
          classifier_pooling="mean", classifier_bias=True, norm_bias=True, decoder_bias=False),
     ["MaskedLM", "SequenceClassification"]),
    ("GPT2", "GPT2Config", GPT2, DECODERS),
    ("Llama", "LlamaConfig", LLAMA, DECODERS + NUMBERS),
    ("Mistral", "MistralConfig", LLAMA, DECODERS),
    ("Mixtral", "MixtralConfig", dict(LLAMA, num_local_experts=2), DECODERS),
    ("Qwen2", "Qwen2Config", LLAMA, DECODERS),
    ("Qwen3", "Qwen3Config", dict(LLAMA, head_dim=4), DECODERS),
    ("Qwen3Moe", "Qwen3MoeConfig", dict(LLAMA, head_dim=4, num_experts=2, moe_intermediate_size=6,
                                       num_experts_per_tok=1), DECODERS),
    ("SmolLM3", "SmolLM3Config", LLAMA, DECODERS),
    ("Granite", "GraniteConfig", dict(LLAMA, logits_scaling=3.0), ["CausalLM", "Model"]),
    ("Olmo2", "Olmo2Config", LLAMA, ["CausalLM", "SequenceClassification", "Model"]),
    ("Starcoder2", "Starcoder2Config", LLAMA, DECODERS[:3] + ["Model"]),
    ("Phi", "PhiConfig", LLAMA, DECODERS[:3] + ["Model"]),
    ("Phi3", "Phi3Config", LLAMA, DECODERS[:3] + ["Model"]),
    ("Gemma", "GemmaConfig", GEMMA, DECODERS[:3] + ["Model"]),
    ("Gemma2", "Gemma2Config", dict(GEMMA, final_logit_softcapping=2.0), DECODERS[:3] + ["Model"]),
    ("Gemma3", "Gemma3TextConfig", dict(GEMMA, final_logit_softcapping=None),
     ["CausalLM", "Text.SequenceClassification", "Text.Model"]),
    ("Gemma3", "Gemma3TextConfig",
     dict(GEMMA, num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"], sliding_window=4,
          use_bidirectional_attention=True), ["Text.Model"]),
    ("GPTNeoX", "GPTNeoXConfig", NEOX, DECODERS),
    ("OPT", "OPTConfig",
     dict(vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, ffn_dim=12,
          max_position_embeddings=16, pad_token_id=0, word_embed_proj_dim=8),
     ["CausalLM", "SequenceClassification", "QuestionAnswering", "Model"]),
    ("Bloom", "BloomConfig", dict(vocab_size=VOCABULARY, hidden_size=8, n_layer=1, n_head=2, pad_token_id=0), DECODERS),
    ("Falcon", "FalconConfig",
     dict(vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, ffn_hidden_size=12,
          pad_token_id=0), DECODERS),
    ("T5", "T5Config", T5, BART_HEADS),
    ("MT5", "MT5Config", T5, BART_HEADS),
    ("Bart", "BartConfig", BART, BART_HEADS),
    ("MBart", "MBartConfig", BART, BART_HEADS),
    ("Marian", "MarianConfig", BART, BART_HEADS),
    ("Pegasus", "PegasusConfig", BART, BART_HEADS),
]

PROBLEMS = {
    "one": (dict(num_labels=1), [2.5, -0.75]),
    "two": (dict(num_labels=2, problem_type="regression"), [[2.5, -0.75], [0.0, 1.25]]),
    "several": (dict(num_labels=3, problem_type="multi_label_classification"), [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
}


def value(name, i):
    """A number in [-0.5, 0.5) for element i of a tensor."""
    x = (zlib.crc32(name.encode()) + 0x9E3779B9 * (i + 1)) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    return (x ^ (x >> 16)) / 2**32 - 0.5


def tensor(name, shape):
    """Weights of norms are around 1, all else around 0."""
    norm = len(shape) == 1 and name.endswith("weight")
    numbers = [value(name, i) for i in range(math.prod(shape))]
    return torch.tensor([1 + 0.3 * v if norm else 1.2 * v for v in numbers]).reshape(shape)


def class_name(stem, head):
    if head.startswith("Text."):
        return stem + "Text" + ("" if head == "Text.Model" else "For") + head[5:]
    if head == "Model":
        return stem + "Model"
    if (stem, head) == ("GPT2", "CausalLM"):
        return "GPT2LMHeadModel"
    if stem == "Marian":
        return "MarianMTModel"
    return stem + "For" + head


def rounded(array):
    return [float(f"{v:.6g}") for v in array.flatten().tolist()]


def case(stem, config, settings, head):
    head, _, problem = head.partition(" ")
    name = class_name(stem, head)
    labels = dict(num_labels=3) if head.endswith(("SequenceClassification", "TokenClassification")) else {}
    if problem:
        labels = PROBLEMS[problem][0]
    model = getattr(T, name)(getattr(T, config)(**settings, **labels))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        file = pathlib.Path(folder, "model.safetensors")
        shapes = {n: list(t.shape) for n, t in sorted(load_file(file).items())}
        save_file({n: tensor(n, s) for n, s in shapes.items()}, file, metadata={"format": "pt"})
        saved = json.loads(pathlib.Path(folder, "config.json").read_text())
        plain = dict(experts_implementation="eager") if stem in ("Mixtral", "Qwen3Moe") else {}
        model, info = getattr(T, name).from_pretrained(
            folder, output_loading_info=True, attn_implementation="eager", **plain)
    assert not info["missing_keys"] and not info["unexpected_keys"], (name, info)
    model.eval()
    pad = model.config.pad_token_id or 0
    batch = dict(input_ids=torch.tensor([[5, 17, 8, 21, 3], [9, 4, 13, pad, pad]]),
                 attention_mask=torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]))
    task = head.replace("Text.", "")
    targets = {
        "MaskedLM": dict(labels=torch.tensor([[-100, 3, -100, 6, -100], [-100, 2, -100, -100, -100]])),
        "SequenceClassification": dict(labels=torch.tensor([2, 0])),
        "TokenClassification": dict(labels=torch.tensor([[0, 1, 2, -100, 1], [2, 0, 1, -100, -100]])),
        "QuestionAnswering": dict(start_positions=torch.tensor([1, 5]), end_positions=torch.tensor([3, 9])),
        "CausalLM": dict(labels=torch.tensor([[5, 17, 8, -100, 3], [9, 4, 13, -100, -100]])),
        "ConditionalGeneration": dict(labels=torch.tensor([[7, 3, 9, 4], [11, 8, -100, -100]])),
        "Model": {},
    }[task]
    if problem:
        targets = dict(labels=torch.tensor(PROBLEMS[problem][1]))
    with torch.no_grad():
        out = model(**batch, **targets)
    if task == "QuestionAnswering":
        logits = torch.stack([out.start_logits, out.end_logits], -1)
    else:
        logits = out.last_hidden_state if task == "Model" else out.logits
    return dict(
        name=name, config=saved, tensors=shapes, input={k: v.tolist() for k, v in {**batch, **targets}.items()},
        shape=list(logits.shape), logits=rounded(logits), loss=None if task == "Model" else float(out.loss))


if __name__ == "__main__":
    cases = [case(s, c, k, h) for s, c, k, heads in FAMILIES for h in heads]
    text = ",\n".join(json.dumps(c, sort_keys=True) for c in cases)
    (HERE / "heads.json").write_text("[\n" + text + "\n]\n")
    print(len(cases), "cases")
