"""Makes small GGUF files, and what transformers computes of the same numbers.

    python make_models.py FOLDER

It needs gguf 0.19, transformers 5.24, torch and tokenizers. The names of tensors are those of
gguf's tensor map; keys stand in the order of llama.cpp's convert_hf_to_gguf.py. Weights have Q8_0,
and the models of transformers get the numbers that these blocks stand for.
"""

import json
import math
import os
import sys

import gguf
import numpy as np
import torch
from gguf import GGUFWriter, GGMLQuantizationType as T
from tokenizers import (
    AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)
from transformers import (
    BertConfig, BertModel, Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GemmaConfig,
    GemmaForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Phi3Config,
    Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

OUT = sys.argv[1]
IDS = [[2, 17, 5, 29, 20, 3, 7, 12, 15, 31]]
SIZES = dict(
    vocab_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64)
LLAMA3 = dict(
    rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=8192)
ODD = dict(
    rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=2.0,
    original_max_position_embeddings=32)
LONG = dict(
    rope_type="longrope", rope_theta=10000.0, short_factor=[1 + 0.1 * i for i in range(8)],
    long_factor=[1 + 0.5 * i for i in range(8)], original_max_position_embeddings=32)


def rows(weight, heads):
    """llama.cpp's order of the rows of heads."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def llama3_factors(config):
    """What llama.cpp divides frequencies by, in single precision."""
    rope, dim = config.rope_parameters, config.head_dim
    old, low, high = (rope["original_max_position_embeddings"], rope["low_freq_factor"],
                      rope["high_freq_factor"])
    factors = []
    for freq in 1.0 / (rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)):
        wave = 2 * math.pi / freq
        if wave < old / high:
            factors.append(1)
        elif wave > old / low:
            factors.append(rope["factor"])
        else:
            smooth = (old / wave - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return torch.tensor(factors, dtype=torch.float32).numpy()


def keys(w, arch, c):
    """The keys of the model, in the converter's order."""
    rope = getattr(c, "rope_parameters", None) or {}
    rope = rope.get("full_attention", rope)
    if arch == "gpt2":
        w.add_block_count(c.n_layer)
        w.add_context_length(c.n_positions)
        w.add_embedding_length(c.n_embd)
        w.add_feed_forward_length(4 * c.n_embd)
        w.add_head_count(c.n_head)
        w.add_layer_norm_eps(c.layer_norm_epsilon)
        w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        return
    if arch == "bert":
        w.add_block_count(c.num_hidden_layers)
        w.add_context_length(c.max_position_embeddings)
        w.add_embedding_length(c.hidden_size)
        w.add_feed_forward_length(c.intermediate_size)
        w.add_head_count(c.num_attention_heads)
        w.add_layer_norm_eps(c.layer_norm_eps)
        w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        w.add_causal_attention(False)
        w.add_pooling_type(gguf.PoolingType.MEAN)
        return
    if arch == "phi3":
        w.add_context_length(c.max_position_embeddings)
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        w.add_embedding_length(c.hidden_size)
        w.add_feed_forward_length(c.intermediate_size)
        w.add_block_count(c.num_hidden_layers)
        w.add_head_count(c.num_attention_heads)
        w.add_head_count_kv(c.num_key_value_heads)
        w.add_layer_norm_rms_eps(c.rms_norm_eps)
        w.add_rope_dimension_count(c.hidden_size // c.num_attention_heads)
        w.add_rope_freq_base(rope["rope_theta"])
        w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        w.add_sliding_window(c.sliding_window or 0)
        return
    early = arch in ("gemma", "gemma2")
    if not early:
        w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    if early:
        w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    if not early:
        if rope.get("rope_type") == "linear":
            w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            w.add_rope_scaling_factor(rope["factor"])
        if rope.get("rope_type") == "yarn":
            w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
            w.add_rope_scaling_factor(rope["factor"])
            w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        w.add_rope_freq_base(rope["rope_theta"])
        if arch == "gemma3":
            w.add_rope_freq_base_swa(c.rope_parameters["sliding_attention"]["rope_theta"])
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    if arch != "qwen2":
        w.add_key_length(c.head_dim)
        w.add_value_length(c.head_dim)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    if arch == "llama":
        w.add_vocab_size(c.vocab_size)
        w.add_rope_dimension_count(c.head_dim)
    if arch == "gemma2":
        w.add_attn_logit_softcapping(c.attn_logit_softcapping)
        w.add_final_logit_softcapping(c.final_logit_softcapping)
    if arch in ("gemma2", "gemma3"):
        w.add_sliding_window(c.sliding_window)


def write(name, arch, model, tokenizer=None):
    c = model.config
    layers = getattr(c, "num_hidden_layers", None) or c.n_layer
    names = gguf.get_tensor_name_map(
        {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[arch], layers)
    w = GGUFWriter(None, arch)
    w.add_type("model")
    state = {k: v for k, v in model.state_dict().items()
             if not k.startswith("pooler") and (k != "lm_head.weight" or not c.tie_word_embeddings)}
    extra = {}
    if arch == "llama" and c.rope_parameters.get("rope_type") == "llama3":
        extra["rope_freqs.weight"] = llama3_factors(c)
    if arch == "phi3" and c.rope_parameters.get("rope_type") == "longrope":
        extra["rope_factors_long.weight"] = np.array(c.rope_parameters["long_factor"], np.float32)
        extra["rope_factors_short.weight"] = np.array(c.rope_parameters["short_factor"], np.float32)
    count = sum(v.numel() for v in state.values()) + sum(v.size for v in extra.values())
    w.add_name(name[0].upper() + name[1:])
    w.add_size_label(gguf.size_label(count, count, 0, 0))
    if arch == "phi3" and extra:
        scale = c.max_position_embeddings / c.rope_parameters["original_max_position_embeddings"]
        w.add_rope_scaling_attn_factors(
            (1 + np.log(scale) / np.log(c.rope_parameters["original_max_position_embeddings"])) ** 0.5)
    keys(w, arch, c)
    w.add_quantization_version(2)
    if tokenizer is None:
        w.add_tokenizer_model("none")
    else:
        tokenizer(w, c)
    for stored, values in extra.items():
        w.add_tensor(stored, values, raw_dtype=T.F32)
    for hf in sorted(state):
        value = state[hf].numpy()
        stored = names.get_name(hf, try_suffixes=(".weight", ".bias"))
        if arch == "llama" and ("q_proj" in hf or "k_proj" in hf):
            change = lambda x: rows(x, x.shape[0] // c.head_dim)
            back = lambda x: np.ascontiguousarray(
                x.reshape(-1, c.head_dim // 2, 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape))
        elif arch.startswith("gemma") and hf.endswith("norm.weight"):
            change, back = lambda x: x + np.float32(1), lambda x: x - np.float32(1)
        elif arch == "gpt2" and hf.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            change = back = lambda x: np.ascontiguousarray(x.T)
        else:
            change = back = lambda x: x
        value = change(value)
        plain = (value.ndim <= 1 or stored.endswith("_norm.weight")
                 or stored in ("position_embd.weight", "token_types.weight"))
        kind = T.F32 if plain else T.Q8_0
        data = gguf.quants.quantize(value, kind)
        w.add_tensor(stored, data, raw_dtype=kind)
        state[hf].copy_(torch.from_numpy(back(gguf.quants.dequantize(data, kind))))
    path = f"{OUT}/{name}.gguf"
    w.write_header_to_file(path=path)
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with torch.no_grad():
        made = model.eval()(torch.tensor(IDS))
        if arch == "bert":
            return torch.nn.functional.normalize(made.last_hidden_state.mean(1)).numpy()
        return made.logits[0].numpy()


def model(kind, config):
    torch.manual_seed(3)
    made = kind(config)
    with torch.no_grad():
        for name, p in made.named_parameters():
            if p.dim() == 1:
                gemma = type(config).__name__.startswith("Gemma")
                p.normal_(0.3 if gemma else 1.0, 0.2)
            else:
                p.normal_(0, 0.15)
    return made


def sentence_piece(w, c):
    """A vocabulary of SentencePiece's kind, with bytes."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "  ", "   "]
    types = [3, 3, 3, 3, 3, 4, 4]
    scores = [-1000.0] * 7
    tokens += [f"<0x{i:02X}>" for i in range(256)]
    types += [6] * 256
    scores += [0.0] * 256
    pieces = ["▁t", "he", "▁the", "in", "▁a", "qu", "qui", "ck", "▁qui", "▁quick", "ö", "ow", "▁"]
    pieces += list("abcdefghijklmnopqrstuvwxyz")
    tokens += pieces
    types += [1] * len(pieces)
    scores += [-float(i) for i in range(len(pieces))]
    while len(tokens) < c.vocab_size:
        tokens.append(f"[PAD{len(tokens)}]")
        types.append(5)
        scores.append(-10000.0)
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list(tokens)
    w.add_token_scores(scores)
    w.add_token_types(types)
    w.add_bos_token_id(2)
    w.add_eos_token_id(1)
    w.add_unk_token_id(3)
    w.add_pad_token_id(0)
    w.add_add_bos_token(True)
    w.add_add_sep_token(False)
    w.add_add_space_prefix(False)


TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}")


def byte_level():
    """A byte-level tokenizer that cuts numbers into digits, as SmolLM's."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        ["the quick brown fox 1234", "a little girl who said hello", "fünf sechs sieben"] * 3,
        trainers.BpeTrainer(
            vocab_size=296, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens([AddedToken("<think>", normalized=False)])
    return t


def smollm(t):
    def add(w, c):
        data = json.loads(t.to_str())
        vocab = {i: token for token, i in t.get_vocab().items()}
        added = {a["id"]: a for a in data["added_tokens"]}
        tokens, types = [], []
        for i in range(c.vocab_size):
            tokens.append(vocab.get(i, f"[PAD{i}]"))
            types.append((3 if added[i]["special"] else 4) if i in added else 1 if i in vocab else 5)
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre("smollm")
        w.add_token_list(tokens)
        w.add_token_types(types)
        w.add_token_merges([" ".join(m) for m in data["model"]["merges"]])
        w.add_bos_token_id(1)
        w.add_eos_token_id(2)
        w.add_unk_token_id(0)
        w.add_pad_token_id(0)
        w.add_chat_template(TEMPLATE)
    return add


def word_pieces():
    """A tokenizer of BERT's kind."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "quick", "brown", "fox", "two",
              "space", "##s", "##o", "12", "##34", "5", "##6", "f", "##un", "hi", "user", "think",
              "x", "a", "b", "<", ">", "|", "日", "##x", "im", "start", "_", "end", "##f"]
    t = Tokenizer(models.WordPiece({x: i for i, x in enumerate(tokens)}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.add_special_tokens(tokens[:5])
    return t


def bert(t):
    def add(w, c):
        tokens, types = [], []
        for i in range(c.vocab_size):
            token = t.id_to_token(i)
            types.append(3 if i < 5 else 5 if token is None else 1)
            token = f"[PAD{i}]" if token is None else token
            tokens.append(
                token if i < 5 else token[2:] if token.startswith("##") else "\u2581" + token)
        w.add_token_type_count(c.type_vocab_size)
        w.add_tokenizer_model("bert")
        w.add_tokenizer_pre("bert-bge")
        w.add_token_list(tokens)
        w.add_token_types(types)
        w.add_bos_token_id(2)
        w.add_eos_token_id(3)
        w.add_unk_token_id(1)
        w.add_sep_token_id(3)
        w.add_pad_token_id(0)
        w.add_mask_token_id(4)
        w.add_add_bos_token(True)
        w.add_add_eos_token(True)
        w.add_add_sep_token(False)
        w.add_bool("tokenizer.ggml.normalizer.lowercase", True)
    return add


TEXTS = ["", "the quick brown fox", "  two   spaces", "1234 56", "fünf <think>x", "日本", " a\n\nb",
         "<|im_start|>user\nhi<|im_end|>"]


def lora():
    """A LoRA adapter of the llama, and what convert_lora_to_gguf.py makes of it."""
    from safetensors.numpy import save_file
    rng = np.random.default_rng(5)
    tensors = {}
    w = GGUFWriter(None, "llama")
    w.add_type("adapter")
    w.add_string("adapter.type", "lora")
    w.add_name("Lora")
    w.add_float32("adapter.lora.alpha", 6.0)
    w.add_quantization_version(2)
    outputs = {"k_proj": 16, "q_proj": 32, "v_proj": 16}
    stored = {"k_proj": "attn_k", "q_proj": "attn_q", "v_proj": "attn_v"}
    for layer in range(2):
        for module, out in outputs.items():
            a = rng.standard_normal((2, 32)).astype(np.float32)
            b = rng.standard_normal((out, 2)).astype(np.float32)
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}.lora_"
            tensors[name + "A.weight"], tensors[name + "B.weight"] = a, b
            base = f"blk.{layer}.{stored[module]}.weight.lora_"
            w.add_tensor(base + "a", a)
            w.add_tensor(base + "b", b if module == "v_proj" else rows(b, out // 16))
    save_file(tensors, f"{OUT}/lora.safetensors")
    w.write_header_to_file(path=f"{OUT}/lora.gguf")
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    os.makedirs(OUT, exist_ok=True)
    t = byte_level()
    large = dict(SIZES, vocab_size=304)
    made = {
        "llama": ("llama", model(LlamaForCausalLM, LlamaConfig(**large)), smollm(t)),
        "llama3": ("llama", model(LlamaForCausalLM, LlamaConfig(
            **SIZES, tie_word_embeddings=True, attention_bias=True, rope_parameters=LLAMA3))),
        "factors": ("llama", model(LlamaForCausalLM, LlamaConfig(**SIZES, rope_parameters=ODD))),
        "yarn": ("llama", model(LlamaForCausalLM, LlamaConfig(**SIZES, rope_parameters=dict(
            rope_type="yarn", rope_theta=10000.0, factor=4.0,
            original_max_position_embeddings=16)))),
        "qwen2": ("qwen2", model(Qwen2ForCausalLM, Qwen2Config(**SIZES, rope_parameters=dict(
            rope_type="linear", rope_theta=10000.0, factor=2.0)))),
        "qwen3": ("qwen3", model(Qwen3ForCausalLM, Qwen3Config(
            **SIZES, head_dim=32, tie_word_embeddings=True))),
        "gemma": ("gemma", model(GemmaForCausalLM, GemmaConfig(**SIZES, head_dim=16))),
        "gemma2": ("gemma2", model(Gemma2ForCausalLM, Gemma2Config(
            **SIZES, head_dim=16, query_pre_attn_scalar=16, sliding_window=6))),
        "gemma3": ("gemma3", model(Gemma3ForCausalLM, Gemma3TextConfig(**dict(
            large, num_hidden_layers=6, head_dim=16, query_pre_attn_scalar=16, sliding_window=6,
            bos_token_id=2, eos_token_id=1, pad_token_id=0))), sentence_piece),
        "phi3": ("phi3", model(Phi3ForCausalLM, Phi3Config(
            **SIZES, sliding_window=6, pad_token_id=0, original_max_position_embeddings=32,
            rope_parameters=LONG))),
        "gpt2": ("gpt2", model(GPT2LMHeadModel, GPT2Config(
            vocab_size=32, n_embd=32, n_layer=2, n_head=2, n_positions=64))),
    }
    pieces = word_pieces()
    made["bert"] = ("bert", model(BertModel, BertConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=64)), bert(pieces))
    expected = {"ids": IDS[0], "logits": {}, "texts": TEXTS}
    for name, parts in made.items():
        logits = write(name, *parts)
        expected["logits"][name] = [round(float(x), 6) for x in logits[-1]]
    expected["bert"] = [pieces.encode(x).ids for x in TEXTS]
    expected["pair"] = pieces.encode("the fox", "hi").ids
    t.post_processor = None
    expected["llama"] = [t.encode(x).ids for x in TEXTS]
    expected["decoded"] = [t.decode(t.encode(x).ids) for x in TEXTS]
    from transformers import AutoTokenizer
    pieces = AutoTokenizer.from_pretrained(OUT, gguf_file="gemma3.gguf")
    expected["gemma3"] = [pieces(x)["input_ids"] for x in TEXTS]
    lora()
    with open(f"{OUT}/expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file, ensure_ascii=False)
        file.write("\n")


main()
