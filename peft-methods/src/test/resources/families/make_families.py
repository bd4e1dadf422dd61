"""Makes families.json beside this file: a small model of each family, as Hugging Face transformers saves it.

    pip install torch transformers==5.24.0 safetensors
    python make_families.py

For each model_type there are its config and the names and shapes of its tensors. FamiliesTest fills the tensors with
random numbers: what a model computes is compared in the golden cases, not there.
"""

import json
import pathlib
import tempfile

import transformers as T
from safetensors import safe_open

HERE = pathlib.Path(__file__).parent
TOKENS = dict(vocab_size=32, pad_token_id=0, bos_token_id=1, eos_token_id=2)
SIZES = dict(TOKENS, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=32)
GROUPED = dict(SIZES, num_key_value_heads=2)
GEMMA = dict(GROUPED, head_dim=8, query_pre_attn_scalar=8, sliding_window=3)
ENCODER = dict(SIZES, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3)
BART = dict(TOKENS, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=32,
            dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, decoder_start_token_id=2)
T5 = dict(vocab_size=32, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4, relative_attention_num_buckets=8,
          relative_attention_max_distance=16, dropout_rate=0.0, decoder_start_token_id=0)
LM, CLASSIFIER, WRITER = "ForCausalLM", "ForSequenceClassification", "ForConditionalGeneration"


def gemma3():
    text = dict(GEMMA, layer_types=["sliding_attention", "full_attention"])
    vision = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=4,
                  patch_size=2)
    return T.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=1, image_token_index=31,
                          boi_token_index=30, eoi_token_index=29)


FAMILIES = [
    ("Llama", LM, GROUPED),
    ("GPT2", "LMHeadModel", dict(TOKENS, n_embd=16, n_layer=2, n_head=4, n_inner=24, n_positions=32, embd_pdrop=0.0,
                                 attn_pdrop=0.0, resid_pdrop=0.0)),
    ("Gemma", LM, dict(GROUPED, head_dim=8)),
    ("Gemma2", LM, GEMMA),
    ("Gemma3", LM, dict(GEMMA, layer_types=["sliding_attention", "full_attention"])),
    ("Gemma3", WRITER, gemma3),
    ("Granite", LM, dict(GROUPED, embedding_multiplier=2.0, attention_multiplier=0.3, residual_multiplier=0.7,
                         logits_scaling=1.5)),
    ("Mistral", LM, dict(GROUPED, sliding_window=3)),
    ("Mixtral", LM, dict(GROUPED, num_local_experts=3)),
    ("Olmo2", LM, GROUPED),
    ("Phi3", LM, GROUPED),
    ("Qwen2", LM, GROUPED),
    ("Qwen3", LM, dict(GROUPED, head_dim=8)),
    ("Qwen3Moe", LM, dict(GROUPED, head_dim=8, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=8)),
    ("SmolLM3", LM, dict(GROUPED, no_rope_layer_interval=2)),
    ("Starcoder2", LM, dict(GROUPED, embedding_dropout=0.0, residual_dropout=0.0, attention_dropout=0.0)),
    ("GPTNeoX", LM, dict(SIZES, rotary_pct=0.5)),
    ("OPT", LM, dict(TOKENS, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=4,
                     max_position_embeddings=32, word_embed_proj_dim=16, dropout=0.0)),
    ("Bloom", LM, dict(TOKENS, hidden_size=16, n_layer=2, n_head=4, hidden_dropout=0.0, attention_dropout=0.0)),
    ("Falcon", LM, dict(TOKENS, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, ffn_hidden_size=24)),
    ("Phi", LM, SIZES),
    ("Bert", CLASSIFIER, ENCODER),
    ("Roberta", CLASSIFIER, ENCODER),
    ("XLMRoberta", CLASSIFIER, ENCODER),
    ("Camembert", CLASSIFIER, ENCODER),
    ("DistilBert", CLASSIFIER, dict(vocab_size=32, dim=16, hidden_dim=24, n_layers=2, n_heads=4, num_labels=3,
                                    max_position_embeddings=32, dropout=0.0, attention_dropout=0.0,
                                    seq_classif_dropout=0.0)),
    ("Electra", CLASSIFIER, dict(ENCODER, embedding_size=8)),
    ("Albert", CLASSIFIER, dict(ENCODER, embedding_size=8, classifier_dropout_prob=0.0)),
    ("MPNet", CLASSIFIER, ENCODER),
    ("DebertaV2", CLASSIFIER, dict(ENCODER, relative_attention=True, position_buckets=4, norm_rel_ebd="layer_norm",
                                   share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
                                   pooler_dropout=0.0, type_vocab_size=0)),
    ("ModernBert", CLASSIFIER, dict(SIZES, num_labels=3, local_attention=4, global_attn_every_n_layers=2,
                                    cls_token_id=1, sep_token_id=2)),
    ("T5", WRITER, T5),
    ("MT5", WRITER, dict(T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    ("Bart", WRITER, BART),
    ("MBart", WRITER, BART),
    ("Marian", "MTModel", BART),
    ("Pegasus", WRITER, BART),
]


def settings_of(stem, settings):
    if callable(settings):
        return settings()
    return getattr(T, stem + ("TextConfig" if stem == "Gemma3" else "Config"))(**settings)


def family(stem, head, settings):
    model = getattr(T, stem + head)(settings_of(stem, settings))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(pathlib.Path(folder, "model.safetensors"), "pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}
        saved = json.loads(pathlib.Path(folder, "config.json").read_text())
    return saved["model_type"], dict(config=saved, tensors=shapes)


if __name__ == "__main__":
    families = dict(family(*f) for f in FAMILIES)
    assert len(families) == len(FAMILIES)
    lines = [json.dumps(name) + ": " + json.dumps(made, sort_keys=True) for name, made in families.items()]
    (HERE / "families.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(len(families), "families")
