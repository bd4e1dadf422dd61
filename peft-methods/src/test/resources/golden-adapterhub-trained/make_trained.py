"""What AdapterHub's library computes, forward and backward, with adapters of several methods on tiny models.

    pip install torch transformers==4.57.6 adapters==1.3.0 safetensors
    python make_trained.py              # the cases beside this file
    python make_trained.py FOLDER SEED  # more cases, on models of another size

Each <model>/ holds a checkpoint and io.safetensors, a batch. Each <model>/<case>/ holds an adapter as the library saves
it, and io.safetensors with logits, loss and the gradient of each of its tensors. AdapterHubParityTest compares with it.
"""

import pathlib
import sys

import adapters
import torch
import transformers
from adapters import (AdapterPlusConfig, BnConfig, CompacterConfig, CompacterPlusPlusConfig, ConfigUnion, DiReftConfig,
                      DoubleSeqBnConfig, IA3Config, LoRAConfig, LoReftConfig, MAMConfig, NoReftConfig, ParBnConfig,
                      PrefixTuningConfig, PromptTuningConfig, SeqBnConfig, SeqBnInvConfig, UniPELTConfig)
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
SMALL = len(sys.argv) == 1
OUT = HERE if SMALL else pathlib.Path(sys.argv[1])
SEED = 3 if SMALL else int(sys.argv[2])
D = 16 if SMALL else 32
SIZES = dict(vocab_size=40, hidden_size=D, num_hidden_layers=2 if SMALL else 3, num_attention_heads=4,
             intermediate_size=24, max_position_embeddings=24)
STILL = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
MODELS = {
    "bert": lambda: transformers.BertForSequenceClassification(transformers.BertConfig(
        **SIZES, **STILL, num_labels=3)),
    "roberta": lambda: transformers.RobertaForSequenceClassification(transformers.RobertaConfig(
        **SIZES, **STILL, num_labels=3, pad_token_id=1)),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(
        **SIZES, num_key_value_heads=2, tie_word_embeddings=False)),
    "t5": lambda: transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=40, d_model=D, d_kv=D // 4, d_ff=24, num_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0)),
}


def prefix(**more):
    return PrefixTuningConfig(**(dict(prefix_length=3, bottleneck_size=5) | more))


def unipelt(prefix_config=None, adapter=None, lora=None):
    return UniPELTConfig(prefix_config or prefix(use_gating=True), adapter or SeqBnConfig(reduction_factor=4),
                         lora or LoRAConfig(r=2, alpha=4))


FEW = {
    "bert": {
        "mam": lambda: MAMConfig(prefix(), ParBnConfig(reduction_factor=4)),
        "unipelt": lambda: unipelt(),
        "loreft": lambda: LoReftConfig(r=2, prefix_positions=2, suffix_positions=2, dropout=0.0),
        "noreft": lambda: NoReftConfig(r=2, prefix_positions=2, layers=[1], non_linearity="gelu", dropout=0.0),
        "direft": lambda: DiReftConfig(r=2, prefix_positions=1, suffix_positions=1, tied_weights=True, dropout=0.0),
        "compacter": lambda: CompacterConfig(reduction_factor=4, phm_dim=4),
        "lora+seq_bn": lambda: ConfigUnion(LoRAConfig(r=2, alpha=4, leave_out=[0]), SeqBnConfig(reduction_factor=4)),
        "prompt+ia3": lambda: ConfigUnion(PromptTuningConfig(prompt_length=2), IA3Config()),
    },
    "llama": {
        "unipelt": lambda: unipelt(lora=LoRAConfig(r=2, attn_matrices=["k"], intermediate_lora=True)),
        "loreft": lambda: LoReftConfig(r=3, prefix_positions=2, suffix_positions=3, dropout=0.0),
        "lora+loreft": lambda: ConfigUnion(LoRAConfig(r=2, output_lora=True), LoReftConfig(r=1, dropout=0.0)),
    },
    "t5": {
        "mam": lambda: MAMConfig(prefix(cross_prefix=False), ParBnConfig(reduction_factor=4, mh_adapter=True)),
        "unipelt": lambda: unipelt(),
        "loreft": lambda: LoReftConfig(r=2, prefix_positions=2, dropout=0.0),
    },
}
EVERYWHERE = {
    "mam": lambda: MAMConfig(prefix(), ParBnConfig(reduction_factor=4)),
    "mam-flat": lambda: MAMConfig(prefix(flat=True), ParBnConfig(reduction_factor=2, scaling="learned", ln_after=True)),
    "mam-double": lambda: MAMConfig(prefix(prefix_length=5, non_linearity="relu"),
                                    ParBnConfig(reduction_factor=3, mh_adapter=True, scaling=2.0, leave_out=[1])),
    "mam-seq": lambda: MAMConfig(prefix(), DoubleSeqBnConfig(reduction_factor=8)),
    "unipelt": lambda: unipelt(),
    "unipelt-two-gates": lambda: unipelt(prefix(shared_gating=False), DoubleSeqBnConfig(reduction_factor=4),
                                         LoRAConfig(r=3, attn_matrices=["q", "k", "v"])),
    "unipelt-feed-forward": lambda: unipelt(prefix(flat=True), ParBnConfig(reduction_factor=4),
                                            LoRAConfig(r=1, intermediate_lora=True, output_lora=True)),
    "unipelt-left-out": lambda: unipelt(None, SeqBnConfig(reduction_factor=4, leave_out=[1]),
                                        LoRAConfig(r=2, leave_out=[0], selfattn_lora=False, output_lora=True)),
    "loreft": lambda: LoReftConfig(r=2, prefix_positions=3, dropout=0.0),
    "loreft-last": lambda: LoReftConfig(r=3, prefix_positions=0, suffix_positions=3, dropout=0.0),
    "loreft-both": lambda: LoReftConfig(r=2, prefix_positions=4, suffix_positions=5, dropout=0.0),
    "loreft-tied": lambda: LoReftConfig(r=4, prefix_positions=2, suffix_positions=2, tied_weights=True, dropout=0.0),
    "loreft-layers": lambda: LoReftConfig(r=2, prefix_positions=2, layers=[0, 2], dropout=0.0),
    "loreft-encoder": lambda: LoReftConfig(r=2, prefix_positions=2, suffix_positions=3, layers=[0, 1], dropout=0.0),
    "loreft-square": lambda: LoReftConfig(r=D, prefix_positions=2, dropout=0.0),
    "loreft-tanh": lambda: LoReftConfig(r=2, prefix_positions=2, non_linearity="tanh", dropout=0.0),
    "loreft-seed": lambda: LoReftConfig(r=2, prefix_positions=2, init_weights_seed=7, dropout=0.0),
    "noreft": lambda: NoReftConfig(r=2, prefix_positions=3, dropout=0.0),
    "noreft-both": lambda: NoReftConfig(r=5, prefix_positions=1, suffix_positions=1, non_linearity="relu", dropout=0.0),
    "noreft-tied": lambda: NoReftConfig(r=2, suffix_positions=3, tied_weights=True, dropout=0.0),
    "direft": lambda: DiReftConfig(r=2, prefix_positions=3, dropout=0.0),
    "direft-both": lambda: DiReftConfig(r=2, prefix_positions=3, suffix_positions=2, dropout=0.0),
    "direft-swish": lambda: DiReftConfig(r=2, prefix_positions=3, tied_weights=True, non_linearity="swish", dropout=0.0),
    "compacter": lambda: CompacterConfig(reduction_factor=4, phm_dim=4),
    "compacter-2": lambda: CompacterConfig(reduction_factor=8, phm_dim=2, phm_rank=2, non_linearity="relu"),
    "compacter++": lambda: CompacterPlusPlusConfig(reduction_factor=4, phm_dim=4),
    "compacter++own": lambda: CompacterPlusPlusConfig(reduction_factor=4, shared_phm_rule=False, phm_bias=False),
    "compacter++dense": lambda: CompacterPlusPlusConfig(reduction_factor=4, factorized_phm_W=False, phm_c_init="uniform",
                                                        leave_out=[0], use_gating=True),
    "compacter++shared": lambda: CompacterPlusPlusConfig(reduction_factor=4, shared_W_phm=True, factorized_phm_rule=True),
    "compacter++fixed": lambda: CompacterPlusPlusConfig(reduction_factor=4, learn_phm=False, scaling="channel"),
    "plus": lambda: AdapterPlusConfig(reduction_factor=4, stochastic_depth=0.0),
    "plus-normed": lambda: AdapterPlusConfig(reduction_factor=4, stochastic_depth=0.0, original_ln_after=True),
    "lora+seq_bn": lambda: ConfigUnion(LoRAConfig(r=4, alpha=8), SeqBnConfig(reduction_factor=4)),
    "lora+double_seq_bn": lambda: ConfigUnion(LoRAConfig(r=4, alpha=3, attn_matrices=["v", "k"]),
                                              DoubleSeqBnConfig(reduction_factor=4, use_gating=True)),
    "lora-feed-forward+prefix": lambda: ConfigUnion(
        LoRAConfig(r=2, selfattn_lora=False, intermediate_lora=True, output_lora=True), prefix(leave_out=[])),
    "gated-lora": lambda: LoRAConfig(r=3, alpha=6, use_gating=True, attn_matrices=["k", "v"], output_lora=True),
    "ia3": lambda: IA3Config(),
    "ia3+par_bn": lambda: ConfigUnion(IA3Config(output_lora=True), ParBnConfig(reduction_factor=4)),
    "ia3+loreft": lambda: ConfigUnion(IA3Config(), LoReftConfig(r=2, dropout=0.0)),
    "lora+loreft": lambda: ConfigUnion(LoRAConfig(r=2), LoReftConfig(r=2, dropout=0.0)),
    "prefix+direft": lambda: ConfigUnion(prefix(), DiReftConfig(r=2, dropout=0.0)),
    "seq_bn+noreft": lambda: ConfigUnion(SeqBnConfig(reduction_factor=4), NoReftConfig(r=2, dropout=0.0)),
    "seq_bn+seq_bn": lambda: ConfigUnion(
        BnConfig(mh_adapter=True, output_adapter=False, reduction_factor=4, non_linearity="relu"),
        BnConfig(mh_adapter=False, output_adapter=True, reduction_factor=8, non_linearity="gelu")),
    "prompt+lora": lambda: ConfigUnion(PromptTuningConfig(prompt_length=4), LoRAConfig(r=4, alpha=8)),
    "prompt+seq_bn+lora": lambda: ConfigUnion(PromptTuningConfig(prompt_length=2), SeqBnConfig(reduction_factor=4),
                                              LoRAConfig(r=1)),
}
# What docs/differences-from-adapterhub.md says to be different is not here: an invertible adapter before a language
# model's output, and ReFT behind the vectors of a prompt.
CLASSIFIERS = {"lora+inv": lambda: ConfigUnion(LoRAConfig(r=2), SeqBnInvConfig(reduction_factor=4))}


def batch(name):
    generator = torch.Generator().manual_seed(SEED)
    ids = torch.randint(5, 40, (3, 10), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    mask[2, 6:] = 0
    if name in ("bert", "roberta"):
        labels = torch.tensor([0, 2, 1])
    elif name == "llama":
        labels = torch.where(mask == 1, ids, -100)
    else:
        labels = torch.randint(5, 40, (3, 7), generator=generator)
        labels[1, 5:] = -100
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def trained(base, config, inputs, folder):
    torch.manual_seed(SEED + 1)
    model = type(base).from_pretrained(folder.parent, attn_implementation="eager").float()
    adapters.init(model)
    model.add_adapter("a", config=config)
    model.train_adapter("a")
    own = {name: p for name, p in model.named_parameters() if p.requires_grad and "classifier" not in name}
    with torch.no_grad():
        for p in own.values():
            p.add_(torch.randn_like(p) * 0.05)
    model.save_adapter(str(folder), "a", with_head=False)
    model.train()
    output = model(**inputs)
    output.loss.backward()
    tensors = {"logits": output.logits.detach().contiguous(), "loss": output.loss.detach().reshape(1)}
    for name, p in own.items():
        if p.grad is not None:
            tensors["grad." + name] = p.grad.clone()
    save_file(tensors, folder / "io.safetensors")
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace(str(folder.parent), folder.parent.name))


def main():
    for name, make in MODELS.items():
        more = CLASSIFIERS if name in ("bert", "roberta") else {}
        cases = FEW.get(name, {}) if SMALL else EVERYWHERE | more
        if not cases:
            continue
        torch.manual_seed(SEED)
        base = make().float()
        with torch.no_grad():
            for p in base.parameters():
                p.add_(torch.randn_like(p) * 0.1) if p.dim() == 1 else p.copy_(torch.randn_like(p) * 0.2)
        base.save_pretrained(OUT / name)
        inputs = batch(name)
        save_file(inputs, OUT / name / "io.safetensors")
        for case, config in cases.items():
            folder = OUT / name / case
            try:
                trained(base, config(), inputs, folder)
            except Exception as e:  # what the library cannot compute is no case
                print(f"{name}/{case}: {type(e).__name__}: {str(e)[:100]}")


main()
