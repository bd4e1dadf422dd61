"""Makes the golden cases beside this file: what Hugging Face computes on tiny models.

    pip install torch transformers==5.17.0 peft==0.21.0 safetensors   (5.24.0 for the models with experts or windows)
    python make_goldens.py [MODEL...]

Each <model>/ holds a checkpoint and io.safetensors (a batch, its logits and loss); each <model>/<case>/
an adapter as PEFT saves it, io.safetensors (logits, loss, gradients, merged logits), trace.json (the
losses of five steps of AdamW) and after.safetensors (the tensors after them). An adapter that EVA starts
has the batches that it read and A as it started in eva.safetensors besides.
"""

import json
import pathlib
import sys

import torch
from peft import (
    BOFTConfig,
    C3AConfig,
    CPTConfig,
    DeloraConfig,
    EvaConfig,
    FourierFTConfig,
    GraloraConfig,
    HiraConfig,
    HRAConfig,
    IA3Config,
    LilyConfig,
    LNTuningConfig,
    LoKrConfig,
    LoraConfig,
    MissConfig,
    OFTConfig,
    PeftModel,
    PolyConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    RandLoraConfig,
    RoadConfig,
    ShiraConfig,
    TrainableTokensConfig,
    WaveFTConfig,
    VBLoRAConfig,
    XLoraConfig,
    get_peft_model,
    initialize_lora_eva_weights,
)
from peft.tuners.c3a import layer as c3a
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda
from safetensors.torch import save_file
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForTokenClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForTokenClassification,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    MistralConfig,
    MistralForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    ModernBertConfig,
    ModernBertForTokenClassification,
    MPNetConfig,
    MPNetForSequenceClassification,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

HERE = pathlib.Path(__file__).parent
SIZES = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4)
ENCODER = dict(SIZES, intermediate_size=24, max_position_embeddings=32, num_labels=3, hidden_dropout_prob=0.0,
               attention_probs_dropout_prob=0.0)
DEBERTA = dict(ENCODER, relative_attention=True)
MODELS = {
    "tiny-llama": (
        LlamaForCausalLM,
        LlamaConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2,
                    tie_word_embeddings=True),
        {"task_type": "CAUSAL_LM"},
    ),
    "tiny-bert": (
        BertForSequenceClassification,
        BertConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_labels=3,
                   hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
        {"task_type": "SEQ_CLS"},
    ),
    "tiny-bert-mlm": (
        BertForMaskedLM,
        BertConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, hidden_dropout_prob=0.0,
                   attention_probs_dropout_prob=0.0),
        {"task_type": None},
    ),
    "tiny-bert-qa": (
        BertForQuestionAnswering,
        BertConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, hidden_dropout_prob=0.0,
                   attention_probs_dropout_prob=0.0),
        {"task_type": "QUESTION_ANS"},
    ),
    "tiny-t5": (
        T5ForConditionalGeneration,
        T5Config(vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4, dropout_rate=0.0,
                 relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0),
        {"task_type": "SEQ_2_SEQ_LM"},
    ),
    "tiny-llama-tagger": (
        LlamaForTokenClassification,
        LlamaConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2, num_labels=3,
                    classifier_dropout=0.0),
        {"task_type": "TOKEN_CLS"},
    ),
    # Experts in all layers, and in the second of two, where the probabilities of the chosen do not add up to 1.
    "tiny-mixtral": (
        MixtralForCausalLM,
        MixtralConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2,
                      num_local_experts=4, num_experts_per_tok=2),
        {"task_type": "CAUSAL_LM"},
    ),
    "tiny-qwen3-moe": (
        Qwen3MoeForCausalLM,
        Qwen3MoeConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2, head_dim=8,
                       num_experts=6, num_experts_per_tok=3, moe_intermediate_size=8, decoder_sparse_step=2,
                       norm_topk_prob=False),
        {"task_type": "CAUSAL_LM"},
    ),
    # A prefix that slides out of a window: longer than it in the first of two layers, shorter than it in all.
    "tiny-gemma2": (
        Gemma2ForCausalLM,
        Gemma2Config(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2, head_dim=4,
                     query_pre_attn_scalar=4, sliding_window=3, pad_token_id=0, bos_token_id=1, eos_token_id=2),
        {"task_type": "CAUSAL_LM"},
    ),
    "tiny-mistral": (
        MistralForCausalLM,
        MistralConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2,
                      sliding_window=6),
        {"task_type": "CAUSAL_LM"},
    ),
    # Padded on the left: what queries that see nothing send back.
    "tiny-gpt2-left": (
        GPT2LMHeadModel,
        GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=32, bos_token_id=1, eos_token_id=2,
                   attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, attn_implementation="eager"),
        {"task_type": "CAUSAL_LM"},
    ),
    # Two decoders that classify texts: with padding that their ids tell, and that the mask alone tells.
    "tiny-llama-classifier": (
        LlamaForSequenceClassification,
        LlamaConfig(**SIZES, intermediate_size=24, max_position_embeddings=32, num_key_value_heads=2, num_labels=3,
                    pad_token_id=0),
        {"task_type": "SEQ_CLS"},
    ),
    "tiny-gpt2-classifier": (
        GPT2ForSequenceClassification,
        GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=32, num_labels=3, pad_token_id=0,
                   bos_token_id=1, eos_token_id=2, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0),
        {"task_type": "SEQ_CLS"},
    ),
    # Two groups of two layers, each applied several times.
    "tiny-albert": (
        AlbertForSequenceClassification,
        AlbertConfig(**dict(ENCODER, num_hidden_layers=3), embedding_size=8, num_hidden_groups=2, inner_group_num=2,
                     classifier_dropout_prob=0.0),
        {"task_type": "SEQ_CLS"},
    ),
    # All of disentangled attention's parts: maps of its own, and those of the tokens; buckets, and none.
    "tiny-deberta": (
        DebertaV2ForTokenClassification,
        DebertaV2Config(**DEBERTA, pos_att_type=["c2p", "p2c"], max_relative_positions=4, type_vocab_size=2),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-deberta-v3": (
        DebertaV2ForTokenClassification,
        DebertaV2Config(**DEBERTA, pos_att_type="p2c|c2p", position_buckets=4, max_relative_positions=6,
                        norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-deberta-c2p": (
        DebertaV2ForTokenClassification,
        DebertaV2Config(**DEBERTA, pos_att_type=["c2p"], position_buckets=8),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-deberta-p2c": (
        DebertaV2ForTokenClassification,
        DebertaV2Config(**DEBERTA, pos_att_type=["p2c"], position_buckets=8),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-deberta-absolute": (
        DebertaV2ForTokenClassification,
        DebertaV2Config(**ENCODER, pos_att_type=["c2p"]),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-distilbert": (
        DistilBertForSequenceClassification,
        DistilBertConfig(vocab_size=40, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=32,
                         num_labels=3, dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0),
        {"task_type": "SEQ_CLS"},
    ),
    "tiny-electra": (
        ElectraForTokenClassification,
        ElectraConfig(**ENCODER, embedding_size=8),
        {"task_type": "TOKEN_CLS"},
    ),
    "tiny-modernbert": (
        ModernBertForTokenClassification,
        ModernBertConfig(**dict(SIZES, num_hidden_layers=3), intermediate_size=24, max_position_embeddings=32,
                         num_labels=3, pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2,
                         local_attention=5, global_attn_every_n_layers=2, attention_bias=True, mlp_bias=True,
                         norm_bias=True, classifier_bias=True),
        {"task_type": "TOKEN_CLS"},
    ),
    # Ids of padding within a text: they have no position.
    "tiny-mpnet": (
        MPNetForSequenceClassification,
        MPNetConfig(**ENCODER),
        {"task_type": "SEQ_CLS"},
    ),
    "tiny-roberta": (
        RobertaForSequenceClassification,
        RobertaConfig(**ENCODER, pad_token_id=1, type_vocab_size=1),
        {"task_type": "SEQ_CLS"},
    ),
}
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
QUERY_VALUE = {"albert": ["query", "value"], "distilbert": ["q_lin", "v_lin"], "electra": ["query", "value"],
               "modernbert": ["Wqkv"], "mpnet": ["q", "v"], "roberta": ["query", "value"]}
CASES = {
    "tiny-deberta": {
        "lora-positions": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["query_proj", "pos_query_proj", "pos_key_proj"], **task),
    },
    "tiny-deberta-v3": {
        "lora-norm": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["query_proj", "key_proj"],
            modules_to_save=["encoder.LayerNorm", "rel_embeddings"], **task),
        "ia3": lambda task: IA3Config(target_modules=["key_proj", "value_proj"], feedforward_modules=[], **task),
    },
    "tiny-mixtral": {
        "lora-experts": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj"], target_parameters=EXPERTS, **task),
        "lora-down": lambda task: LoraConfig(
            r=3, lora_alpha=4, use_rslora=True, target_modules=[], target_parameters=EXPERTS[1:], **task),
        "lora-all-linear": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", **task),
    },
    "tiny-qwen3-moe": {
        "lora-experts-ranks": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["v_proj"], target_parameters=EXPERTS,
            rank_pattern={"gate_up_proj": 3}, alpha_pattern={"experts.down_proj": 5}, **task),
        "lora-named": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj", "gate_proj", "up_proj", "down_proj"], **task),
        "lora-gate-saved": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["k_proj"], modules_to_save=["mlp.gate"], **task),
    },
    "tiny-gemma2": {"prefix": lambda task: PrefixTuningConfig(num_virtual_tokens=4, **task)},
    "tiny-mistral": {"prefix": lambda task: PrefixTuningConfig(num_virtual_tokens=3, **task)},
    "tiny-gpt2-left": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["c_attn"], fan_in_fan_out=True, **task),
        "prefix": lambda task: PrefixTuningConfig(num_virtual_tokens=3, **task),
        "gralora": lambda task: GraloraConfig(
            r=4, gralora_k=2, hybrid_r=1, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, **task),
        "waveft": lambda task: WaveFTConfig(
            n_frequency=20, wavelet_family="coif2", target_modules=["c_attn", "mlp.c_proj"], fan_in_fan_out=True,
            **task),
    },
    "tiny-llama-classifier": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], **task),
        "prefix": lambda task: PrefixTuningConfig(num_virtual_tokens=3, **task),
        "ln-tuning": lambda task: LNTuningConfig(**task),
    },
    "tiny-gpt2-classifier": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["c_attn"], fan_in_fan_out=True, **task),
        "prefix": lambda task: PrefixTuningConfig(num_virtual_tokens=3, **task),
        "prompt": lambda task: PromptTuningConfig(num_virtual_tokens=3, **task),
        "ln-tuning": lambda task: LNTuningConfig(**task),
    },
    "tiny-t5": {
        "lora-eva": lambda task: LoraConfig(
            r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights="eva",
            eva_config=EvaConfig(rho=2.0, tau=0.9), **task),
        "lora-layer": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q"], layers_to_transform=1, layers_pattern="block", **task),
        "lora-shared-saved": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q"], modules_to_save=["shared"], **task),
        "dora-shared": lambda task: LoraConfig(
            r=2, lora_alpha=4, use_dora=True, target_modules=["q", "shared"], **task),
        "lokr-named": lambda task: LoKrConfig(
            r=2, target_modules=["encoder.block.0.layer.0.SelfAttention.v", "k"], layers_to_transform=[1], **task),
        "fourierft-pattern": lambda task: FourierFTConfig(
            n_frequency=5, target_modules=["k"], layers_to_transform=[0],
            n_frequency_pattern={"encoder.block.0.layer.0.SelfAttention.k": 3, "^decoder.*": 7}, **task),
    },
    "tiny-bert-mlm": {
        "lora": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["query", "value", "transform.dense"], **task),
    },
    "tiny-bert-qa": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["query", "value"], **task),
        "prompt": lambda task: PromptTuningConfig(num_virtual_tokens=3, **task),
    },
    "tiny-llama-tagger": {
        "ia3-no-feedforward": lambda task: IA3Config(
            target_modules=["k_proj", "down_proj"], feedforward_modules=[], **task),
    },
    "tiny-llama": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], **task),
        "lora-patterns": lambda task: LoraConfig(
            r=2, lora_alpha=4, use_rslora=True, target_modules="all-linear",
            rank_pattern={"down_proj": 3}, alpha_pattern={"layers.1.self_attn.q_proj": 7}, **task),
        "lora-pissa": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="pissa", **task),
        "lora-olora": lambda task: LoraConfig(
            r=3, lora_alpha=6, target_modules=["k_proj", "up_proj"], init_lora_weights="olora", **task),
        "dora-pissa": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"], use_dora=True, init_lora_weights="pissa", **task),
        "lora-tokens": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["o_proj"], trainable_token_indices=[7, 12, 5], **task),
        "lora-output": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["lm_head", "norm"], **task),
        "lora-tied-targets": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj", "lm_head"], ensure_weight_tying=True, **task),
        "lora-tied-pattern": lambda task: LoraConfig(
            r=2, lora_alpha=4, use_dora=True, target_modules=".*(embed_tokens|q_proj)", ensure_weight_tying=True,
            **task),
        "lora-tied-saved": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["lm_head"], ensure_weight_tying=True, **task),
        "lora-tokens-apart": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["o_proj"],
            trainable_token_indices={"embed_tokens": [7, 12], "lm_head": [5]}, **task),
        "lora-output-tokens": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["q_proj", "lm_head"], trainable_token_indices=[7, 12], **task),
        "lora-parameters": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["v_proj"], target_parameters=["mlp.down_proj.weight"], **task),
        "lora-within-saved": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules="all-linear", modules_to_save=["layers.0.mlp"], **task),
        "ia3-output": lambda task: IA3Config(
            target_modules=["k_proj", "lm_head"], feedforward_modules=[], **task),
        "shira-saved-output": lambda task: ShiraConfig(
            r=1, target_modules=["q_proj"], modules_to_save=["lm_head"], random_seed=1, **task),
        "miss-bat": lambda task: MissConfig(
            r=4, target_modules=["q_proj", "up_proj"], init_weights="bat", **task),
        "circulant": lambda task: C3AConfig(
            block_size=8, target_modules="all-linear", init_weights=True,
            block_size_pattern={"down_proj": 4, "layers.1.self_attn.v_proj": 2}, **task),
        "delora-patterns": lambda task: DeloraConfig(
            r=3, delora_lambda=5, target_modules="all-linear", rank_pattern={"down_proj": 2},
            lambda_pattern={"layers.1.*": 2}, **task),
        "gralora-hybrid": lambda task: GraloraConfig(
            r=4, alpha=6, gralora_k=4, hybrid_r=2, target_modules=["v_proj", "down_proj"], **task),
        "waveft-proportional": lambda task: WaveFTConfig(
            n_frequency=11, scaling=5.0, wavelet_family="sym4", proportional_parameters=True,
            target_modules="all-linear", exclude_modules=["o_proj"], **task),
        "boft-one-butterfly": lambda task: BOFTConfig(
            boft_block_size=4, boft_n_butterfly_factor=2, target_modules=["v_proj"], **task),
        "lora-eva": lambda task: LoraConfig(
            r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights="eva",
            eva_config=EvaConfig(rho=2.0, tau=0.9), **task),
        "hira-pattern": lambda task: HiraConfig(
            r=2, target_modules=["q_proj", "down_proj"], rank_pattern={"q_proj": 3}, **task),
        "road-2": lambda task: RoadConfig(
            variant="road_2", group_size=4, target_modules=["v_proj", "up_proj"], **task),
        "road-4": lambda task: RoadConfig(variant="road_4", group_size=8, target_modules=["q_proj"], **task),
        "lily": lambda task: LilyConfig(
            r=2, stride_A=2, num_B=3, scaling=2.0, target_modules=["q_proj", "v_proj"], **task),
        "randlora": lambda task: RandLoraConfig(
            r=5, randlora_alpha=4, target_modules=["v_proj", "up_proj"], save_projection=False,
            projection_prng_key=7, **task),
        "randlora-sparse": lambda task: RandLoraConfig(
            r=3, randlora_alpha=4, target_modules=["down_proj"], sparse=True, **task),
        "vblora": lambda task: VBLoRAConfig(
            r=2, num_vectors=7, vector_length=8, topk=3, target_modules=["q_proj", "up_proj"], **task),
    },
    "tiny-bert": {
        "lora": lambda task: LoraConfig(r=2, lora_alpha=4, target_modules=["query", "value"], **task),
        "lora-bias-embedding": lambda task: LoraConfig(
            r=2, lora_alpha=4, bias="lora_only", modules_to_save=["pooler"],
            target_modules=["key", "word_embeddings"], **task),
        "lora-positions": lambda task: LoraConfig(
            r=2, lora_alpha=4, target_modules=["position_embeddings", "token_type_embeddings"], **task),
        "lora-without-task": lambda task: LoraConfig(
            r=2, lora_alpha=4, lora_bias=True, bias="lora_only", target_modules=["query"]),
        "coft-bias": lambda task: OFTConfig(
            oft_block_size=4, coft=True, eps=0.2, use_cayley_neumann=False, bias="oft_only",
            target_modules=["query", "output.dense"], **task),
        "hra-orthogonal": lambda task: HRAConfig(
            r=2, apply_GS=True, bias="all", target_modules=["value"], **task),
        "lora-bias-within-saved": lambda task: LoraConfig(
            r=2, lora_alpha=4, bias="all", target_modules=["key"], modules_to_save=["pooler"], **task),
        "coft-embedding": lambda task: OFTConfig(
            oft_block_size=4, coft=True, eps=0.2, target_modules=["query", "word_embeddings"], **task),
        "circulant-bias": lambda task: C3AConfig(
            block_size=4, bias="c3a_only", target_modules=["query", "key"], layers_to_transform=[1], **task),
        "delora-bias": lambda task: DeloraConfig(
            r=2, bias="all", init_weights=False, target_modules=["query", "dense"], **task),
        "waveft-sparse": lambda task: WaveFTConfig(
            n_frequency=9, use_idwt=False, random_loc_seed=5, bias="waveft_only", target_modules=["value"],
            n_frequency_pattern={"layer.0.*": 4}, **task),
        "boft-dense": lambda task: BOFTConfig(
            boft_block_size=0, boft_block_num=2, target_modules=["dense"], init_weights=False, **task),
        "dora-embedding": lambda task: LoraConfig(
            r=2, lora_alpha=4, use_dora=True, target_modules=["value", "word_embeddings"], **task),
        "hira-embedding": lambda task: HiraConfig(
            r=2, target_modules=["query", "word_embeddings"], init_weights="gaussian", **task),
        "road-1": lambda task: RoadConfig(group_size=8, target_modules=["query", "dense"], **task),
        "lily-dense": lambda task: LilyConfig(r=2, target_modules=["dense"], **task),
        "randlora-very-sparse": lambda task: RandLoraConfig(
            r=20, randlora_alpha=2, target_modules=["query"], very_sparse=True, save_projection=False,
            bias="randlora_only", **task),
        "vblora-chosen": lambda task: VBLoRAConfig(
            r=2, num_vectors=257, vector_length=16, target_modules=["value"], save_only_topk_weights=True,
            bias="vblora_only", **task),
    },
}
for name in QUERY_VALUE:
    CASES["tiny-" + name] = {
        "lora": lambda task, targets=QUERY_VALUE[name]: LoraConfig(r=2, lora_alpha=4, target_modules=targets, **task)}
CASES["tiny-albert"]["lora-all"] = lambda task: LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", **task)
for name in ("tiny-llama", "tiny-gpt2-left"):
    CASES[name]["cpt"] = lambda task: CPTConfig(
        cpt_token_ids=[4, 7, 9, 11, 7, 30, 21, 5], cpt_mask=[1] * 8, cpt_tokens_type_mask=[1, 2, 3, 4, 0, 6, 8, 8],
        opt_weighted_loss_type="decay", opt_loss_decay_factor=0.7, opt_projection_epsilon=2.0,
        opt_projection_format_epsilon=1.0, **task)
for name, targets in (("tiny-llama", ["q_proj", "v_proj"]), ("tiny-t5", ["q", "v", "wo"])):
    CASES[name]["poly"] = lambda task, targets=targets: PolyConfig(
        r=3, n_tasks=3, n_skills=2, n_splits=2, target_modules=targets, **task)
CASES["tiny-bert"]["poly-one-split"] = lambda task: PolyConfig(
    r=2, n_tasks=4, n_skills=5, target_modules="all-linear", exclude_modules=["pooler.dense"], **task)
for name in ("tiny-roberta", "tiny-mpnet"):
    CASES[name]["prompt"] = lambda task: PromptTuningConfig(num_virtual_tokens=3, **task)
for name in ("tiny-llama", "tiny-bert", "tiny-t5"):
    CASES[name]["trainable-tokens"] = lambda task: TrainableTokensConfig(token_indices=[5, 20, 33], **task)


XLORA = {
    "tiny-llama": {
        "xlora": lambda adapters, task: XLoraConfig(hidden_size=16, adapters=adapters, **task),
        "xlora-layerwise": lambda adapters, task: XLoraConfig(
            hidden_size=16, adapters=adapters, xlora_depth=3, xlora_size=6, xlora_dropout_p=0.0,
            layerwise_scalings=True, top_k_lora=2, softmax_temperature=0.5, global_scaling_weight=1.7, **task),
        "xlora-topk": lambda adapters, task: XLoraConfig(
            hidden_size=16, adapters=adapters, xlora_depth=2, xlora_size=5, xlora_dropout_p=0.0,
            enable_softmax=False, enable_softmax_topk=True, top_k_lora=2, layerwise_scalings=True, **task)},
}
CORDA = {
    "tiny-llama": {
        "corda-ipm": lambda task: LoraConfig(
            r=3, lora_alpha=6, init_lora_weights="corda", rank_pattern={"mlp.down_proj": 2},
            target_modules=["q_proj", "v_proj", "down_proj"], **task)},
    "tiny-gpt2-left": {
        "corda-kpm": lambda task: LoraConfig(
            r=2, lora_alpha=1, init_lora_weights="corda", corda_config=CordaConfig(corda_method="kpm"),
            target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, **task)},
}


class CircularConvolution:
    """PEFT's, differentiated by PyTorch: PEFT's own backward pass has another gradient of x than the function."""

    @staticmethod
    def apply(x, w):
        blocks = x.reshape(*x.shape[:-1], *w.shape[1:])
        product = torch.einsum("...nb,mnb->...mb", torch.fft.ifft(blocks), torch.fft.fft(w))
        return torch.fft.fft(product).real.flatten(-2)


c3a.BlockCircularConvolution = CircularConvolution


def randomize(parameters, scale):
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn_like(parameter) * scale)


def batch(model, task):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 40, (3, 7), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    if isinstance(model, GPT2LMHeadModel):
        mask = mask.flip(1)
    if isinstance(model, LlamaForSequenceClassification):
        mask[0, :2] = 0
        ids[mask == 0] = 0
    if isinstance(model, (RobertaForSequenceClassification, MPNetForSequenceClassification)):
        ids[mask == 0] = 1
        ids[2, 3] = 1
    if task["task_type"] == "CAUSAL_LM":
        labels = ids.masked_fill(mask == 0, -100)
        labels[0, :2] = -100
    elif task["task_type"] == "SEQ_2_SEQ_LM":
        labels = torch.randint(3, 40, (3, 5), generator=generator)
        labels[1, 3:] = -100
    elif task["task_type"] == "TOKEN_CLS":
        labels = (ids % 3).masked_fill(mask == 0, -100)
    elif task["task_type"] is None:
        labels = ids.masked_fill(torch.arange(7) % 3 != 0, -100)
        ids = ids.masked_fill(labels != -100, 1)
    elif task["task_type"] == "QUESTION_ANS":  # an answer beyond the text does not count
        return dict(input_ids=ids, attention_mask=mask, start_positions=torch.tensor([2, 1, 7]),
                    end_positions=torch.tensor([4, 3, 8]))
    else:
        labels = torch.tensor([2, 0, 1])
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def logits(outputs):
    if "start_logits" in outputs:
        return torch.stack([outputs.start_logits, outputs.end_logits], -1)
    return outputs.logits


def tensors(**values):
    return {name: value.detach().clone().contiguous() for name, value in values.items()}


def start_from_data(model, folder):
    """EVA's ranks and directions, from three batches of text."""
    generator = torch.Generator().manual_seed(5)
    batches = []
    for _ in range(3):
        ids = torch.randint(3, 40, (4, 9), generator=generator)
        mask = torch.ones_like(ids)
        mask[2, 6:] = 0
        labels = ids.masked_fill(mask == 0, -100)
        labels[1, :2] = -100
        if model.config.is_encoder_decoder:  # one mask for prompts and answers: only without padding it fits both
            mask = torch.ones_like(ids)
            labels = torch.randint(3, 40, (4, 9), generator=generator)
        batches.append(dict(input_ids=ids, attention_mask=mask, labels=labels))
    initialize_lora_eva_weights(model, batches, show_progress_bar=False)
    started = {n: p for n, p in model.named_parameters() if "lora_A" in n}
    data = {f"{i}.{name}": t for i, b in enumerate(batches) for name, t in b.items()}
    folder.mkdir(exist_ok=True)
    save_file(tensors(**started, **data), folder / "eva.safetensors")


def make_corda(model_class, folder, config):
    """CorDA's A and B, from five texts; the adapter's file alone says nothing without them."""
    torch.manual_seed(3)
    model = model_class.from_pretrained(folder.parent, attn_implementation="eager")
    generator = torch.Generator().manual_seed(6)
    texts = [torch.randint(3, 40, (1, length), generator=generator) for length in (9, 12, 5, 20, 7)]
    preprocess_corda(model, config, run_model=lambda: [model(text) for text in texts])
    model = get_peft_model(model, config)
    started = {n: p for n, p in model.named_parameters() if "lora_" in n}
    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder)
    for name in ("README.md", "adapter_model.safetensors"):
        (folder / name).unlink(missing_ok=True)
    data = {f"{i}.input_ids": text for i, text in enumerate(texts)}
    save_file(tensors(**started, **data), folder / "corda.safetensors")


def make_xlora(model_class, folder, make, task, inputs):
    """X-LoRA over adapters 0, 1, …; PEFT 0.21 leaves the classifier's layers.0 out of its file."""
    torch.manual_seed(3)

    def base():
        model = model_class.from_pretrained(folder.parent, attn_implementation="eager")
        model.config.use_cache = False
        return model

    targets = [["q_proj", "v_proj"], ["v_proj", "down_proj"], ["q_proj"]]
    adapters = {}
    for i, modules in enumerate(targets):
        adapters[str(i)] = str(folder / str(i))
        lora = get_peft_model(
            base(), LoraConfig(r=2, lora_alpha=3 + i, init_lora_weights=False, target_modules=modules, **task))
        lora.peft_config["default"].base_model_name_or_path = folder.parent.name
        lora.save_pretrained(adapters[str(i)])
        (folder / str(i) / "README.md").unlink(missing_ok=True)
    model = get_peft_model(base(), make(adapters, task))
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    randomize(trained.values(), 0.5)
    started = tensors(**trained)
    outputs = model(**inputs)
    outputs.loss.backward()
    io = tensors(logits=outputs.logits, loss=outputs.loss.reshape(1))
    io.update(tensors(**{"grad." + n: p.grad for n, p in trained.items()}))
    save_file({**started, **io}, folder / "xlora.safetensors")


def shares_table(config):
    """Whether PEFT merges twice into one table."""
    tokens = getattr(config, "trainable_token_indices", None)
    if {"lm_head", "shared"} & set(getattr(config, "target_modules", None) or []):
        return True
    return isinstance(tokens, dict) or (getattr(config, "ensure_weight_tying", False) and not config.modules_to_save)


def make_case(model_class, folder, config, inputs):
    torch.manual_seed(3)
    model = get_peft_model(model_class.from_pretrained(folder.parent, attn_implementation="eager"), config)
    if getattr(config, "init_lora_weights", None) == "eva":
        start_from_data(model, folder)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    randomize(trained.values(), 0.05)
    model.peft_config["default"].base_model_name_or_path = folder.parent.name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)

    model.train(config.peft_type != "POLY")  # Poly draws in training
    if config.peft_type == "POLY":
        inputs = dict(inputs, task_ids=torch.tensor([2, 0, 1]))
    outputs = model(**inputs)
    outputs.loss.backward()
    io = tensors(logits=logits(outputs), loss=outputs.loss.reshape(1))
    io.update(tensors(**{"grad." + n: p.grad for n, p in trained.items() if p.grad is not None}))
    if config.peft_type == "CPT":  # the file has the sum of these
        io.update(tensors(**{"init." + n: p for n, p in model.named_parameters() if "prompt_encoder" in n}))
    if config.peft_type == "POLY":
        io.update(tensors(task_ids=inputs["task_ids"]))
    if not config.is_prompt_learning and config.peft_type not in ("LILY", "POLY") and not shares_table(config):
        merged = PeftModel.from_pretrained(
            model_class.from_pretrained(folder.parent, attn_implementation="eager"), folder).merge_and_unload()
        io.update(tensors(merged_logits=logits(merged.eval()(**inputs))))
    save_file(io, folder / "io.safetensors")

    model.zero_grad(set_to_none=True)
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-2, weight_decay=0.01)
    losses = []
    for _ in range(5):
        optimizer.zero_grad(set_to_none=True)
        loss = model(**inputs).loss
        loss.backward()
        losses.append(loss.item())
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0).item()
        optimizer.step()
    save_file(tensors(**trained), folder / "after.safetensors")
    (folder / "trace.json").write_text(json.dumps(dict(losses=losses, last_grad_norm=norm), indent=1) + "\n")


def main():
    torch.use_deterministic_algorithms(True)
    for name in sys.argv[1:] or MODELS:
        model_class, config, task = MODELS[name]
        torch.manual_seed(2)
        folder = HERE / name
        model = model_class(config).eval()
        randomize(model.parameters(), 0.1)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        inputs = batch(model, task)
        outputs = model(**inputs)
        save_file(tensors(**inputs, logits=logits(outputs), loss=outputs.loss.reshape(1)), folder / "io.safetensors")
        for case, make in CASES.get(name, {}).items():
            make_case(model_class, folder / case, make(task), inputs)
        for case, make in XLORA.get(name, {}).items():
            make_xlora(model_class, folder / case, make, task, inputs)
        for case, make in CORDA.get(name, {}).items():
            make_corda(model_class, folder / case, make(task))


if __name__ == "__main__":
    sys.exit(main())
