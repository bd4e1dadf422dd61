"""Makes the cases beside this file: what AdapterHub's library computes on tiny models.

    pip install torch transformers==4.57.6 adapters==1.3.0 safetensors
    python make_goldens.py [case …]

Each <model>/ holds a checkpoint (without one, that of ../golden is used), each <model>/<case>/ an adapter as
the library saves it, and expected.safetensors: a batch and its logits with the adapter. What shares memory
(prefixes, norms in front) the library can only save as pytorch_adapter.bin. Only the library's own heads take the
inverse of an invertible adapter before a language model's output, and save what Compacter's layers share in T5; head and
tagging_head have such heads on BERT.
"""

import pathlib
import sys

import adapters
import torch
from adapters.composition import Stack
from adapters import (AutoAdapterModel, BnConfig, CompacterConfig, CompacterPlusPlusConfig, DoubleSeqBnConfig,
                      DoubleSeqBnInvConfig, IA3Config, LoRAConfig, ParBnConfig, PrefixTuningConfig,
                      PromptTuningConfig, SeqBnConfig, SeqBnInvConfig)
from safetensors.torch import save_file
from transformers import (BartConfig, BartForConditionalGeneration, BertForSequenceClassification, GPT2Config,
                          GPT2LMHeadModel, LlamaForCausalLM, MBartConfig, MBartForConditionalGeneration,
                          MistralConfig, MistralForCausalLM, MT5Config, MT5ForConditionalGeneration, T5Config,
                          T5ForConditionalGeneration)

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden"
BART = dict(vocab_size=40, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=16, dropout=0.0,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
NEW = {
    "tiny-gpt2": lambda: GPT2LMHeadModel(GPT2Config(
        vocab_size=40, n_embd=16, n_layer=2, n_head=4, n_positions=32, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=2, eos_token_id=2)),
    "tiny-t5": lambda: T5ForConditionalGeneration(T5Config(
        vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=4, dropout_rate=0.0,
        relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0)),
    "tiny-bart": lambda: BartForConditionalGeneration(BartConfig(**BART)),
    "tiny-mbart": lambda: MBartForConditionalGeneration(MBartConfig(**BART)),
    "tiny-mt5": lambda: MT5ForConditionalGeneration(MT5Config(
        vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_layers=1, num_heads=4, dropout_rate=0.0,
        relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0)),
    "tiny-mistral": lambda: MistralForCausalLM(MistralConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=16, sliding_window=4, pad_token_id=0)),
}
CLASSES = {
    "tiny-bert": BertForSequenceClassification,
    "tiny-llama": LlamaForCausalLM,
    "tiny-gpt2": GPT2LMHeadModel,
    "tiny-t5": T5ForConditionalGeneration,
    "tiny-bart": BartForConditionalGeneration,
    "tiny-mbart": MBartForConditionalGeneration,
    "tiny-mt5": MT5ForConditionalGeneration,
    "tiny-mistral": MistralForCausalLM,
}
ENCODER_DECODERS = ("tiny-t5", "tiny-bart", "tiny-mbart", "tiny-mt5")
BOTTLENECKS = {
    "seq_bn": lambda: SeqBnConfig(reduction_factor=4),
    "double_seq_bn": lambda: DoubleSeqBnConfig(reduction_factor={"0": 4, "default": 8}),
    "par_bn": lambda: ParBnConfig(mh_adapter=True),
    "inv": lambda: SeqBnInvConfig(reduction_factor=4),
    "compacter": lambda: CompacterConfig(reduction_factor=4, phm_dim=2, init_weights_seed=5),
    "gates": lambda: DoubleSeqBnConfig(reduction_factor=4, use_gating=True, scaling=2.0),
}
LORAS = {
    "lora": lambda: LoRAConfig(r=3, alpha=5, dropout=0.1, attn_matrices=["q", "k", "v"], intermediate_lora=True,
                               output_lora=True),
    "ia3": lambda: IA3Config(output_lora=True),
}
NAMES = {
    "double_seq_bn": lambda: DoubleSeqBnConfig(reduction_factor=4, cross_adapter=True),
    "inv": BOTTLENECKS["inv"],
    "lora": LORAS["lora"],
    "ia3": LORAS["ia3"],
    "prefix": lambda: PrefixTuningConfig(prefix_length=3, flat=True),
}
CASES = {
    "tiny-bert": BOTTLENECKS | LORAS | {
        "scaled_par_bn": lambda: ParBnConfig(scaling="learned", ln_after=True, leave_out=[1]),
        "channel": lambda: SeqBnConfig(reduction_factor=4, scaling="channel", non_linearity="gelu",
                                       residual_before_ln=False, init_weights="houlsby"),
        "norms": lambda: BnConfig(mh_adapter=True, output_adapter=True, reduction_factor=4, non_linearity="gelu_new",
                                  original_ln_before=True, residual_before_ln="post_add", ln_before=True,
                                  ln_after=True, adapter_residual_before_ln=True, scaling=0.5),
        "prefix": lambda: PrefixTuningConfig(prefix_length=3, bottleneck_size=5),
        "prefix_flat": lambda: PrefixTuningConfig(prefix_length=3, flat=True, leave_out=[0]),
        "prefix_gates": lambda: PrefixTuningConfig(prefix_length=3, flat=True, use_gating=True, dropout=0.1),
        "compacter_shared": lambda: CompacterPlusPlusConfig(reduction_factor=4, phm_rank=2, shared_W_phm=True,
                                                            factorized_phm_rule=True, phm_c_init="uniform"),
        "compacter_own": lambda: CompacterPlusPlusConfig(reduction_factor=4, phm_bias=False, shared_phm_rule=False,
                                                         factorized_phm_W=False, learn_phm=False),
        "prompt": lambda: PromptTuningConfig(prompt_length=3),
        "head": lambda: SeqBnConfig(reduction_factor=4),
        "tagging_head": lambda: SeqBnConfig(reduction_factor=4),
        "double_inv": lambda: DoubleSeqBnInvConfig(reduction_factor=4, inv_adapter_reduction_factor=3),
        "gates_par": lambda: ParBnConfig(use_gating=True, ln_after=True),
    },
    "tiny-llama": BOTTLENECKS | LORAS | {
        "norms": lambda: BnConfig(mh_adapter=True, output_adapter=True, reduction_factor=4, non_linearity="leakyrelu",
                                  original_ln_before=True, ln_before=True, ln_after=True),
        "prefix": lambda: PrefixTuningConfig(prefix_length=3, bottleneck_size=5, non_linearity="relu"),
        "prefix_flat": lambda: PrefixTuningConfig(prefix_length=3, flat=True),
        "prefix_gates": lambda: PrefixTuningConfig(prefix_length=3, flat=True, use_gating=True, shared_gating=False,
                                                   leave_out=[1], init_weights_seed=4),
    },
    "tiny-gpt2": BOTTLENECKS | {
        "lora": lambda: LoRAConfig(selfattn_lora=False, intermediate_lora=True, output_lora=True, leave_out=[1]),
    },
    "tiny-t5": BOTTLENECKS | LORAS | {
        "cross": lambda: DoubleSeqBnConfig(reduction_factor=4, cross_adapter=True, leave_out=[0, 3]),
        "prefix": lambda: PrefixTuningConfig(prefix_length=3, bottleneck_size=5),
        "prefix_flat": lambda: PrefixTuningConfig(prefix_length=3, flat=True, encoder_prefix=False),
        "prefix_gates": lambda: PrefixTuningConfig(prefix_length=3, flat=True, cross_prefix=False, use_gating=True,
                                                   shared_gating=False),
    },
    "tiny-bart": NAMES,
    "tiny-mbart": NAMES,
    "tiny-mt5": {name: config for name, config in NAMES.items() if name != "inv"},
    "tiny-mistral": NAMES,
}
ADDED = ("adapters.", "prefix_tuning", "prefix_gates", "shared_parameters", ".loras.", "heads.task.",
         "prompt_tunings.")
SHARES_MEMORY = {"norms", "prefix", "prefix_flat", "prefix_gates"}


def batch(name):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 40, (3, 7), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    inputs = dict(input_ids=ids, attention_mask=mask)
    if name in ENCODER_DECODERS:
        inputs["decoder_input_ids"] = torch.randint(3, 40, (3, 4), generator=generator)
    return inputs


def make_case(folder, case, config):
    torch.manual_seed(3)
    base = folder if (folder / "config.json").exists() else GOLDEN / folder.name
    # with PyTorch's fused attention the library masks Llama's prefixes out: its masks are Boolean then
    flexible = (case == "inv" and folder.name != "tiny-bert") or (case == "compacter" and folder.name == "tiny-t5")
    flexible |= "head" in case
    model_class = AutoAdapterModel if flexible else CLASSES[folder.name]
    model = model_class.from_pretrained(base, attn_implementation="eager")
    model.config._name_or_path = folder.name
    model.name_or_path = folder.name
    adapters.init(model)
    model.add_adapter("task", config=config)
    if case == "head":
        model.add_classification_head("task", num_labels=3)
    if case == "tagging_head":
        model.add_tagging_head("task", num_labels=3)
    model.set_active_adapters("task")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ADDED):
                parameter.add_(torch.randn_like(parameter) * 0.2)
    inputs = batch(folder.name)
    logits = model.eval()(**inputs).logits
    model.save_adapter(folder / case, "task", use_safetensors=case not in SHARES_MEMORY)
    if folder.name != "tiny-bert":
        for head in ("head_config.json", "model_head.safetensors", "pytorch_model_head.bin"):
            (folder / case / head).unlink(missing_ok=True)
    save_file(dict(inputs, logits=logits.detach().contiguous()), folder / case / "expected.safetensors")


def make_stack(folder):
    """A task adapter on a language adapter: seq_bn on inv."""
    base = folder if (folder / "config.json").exists() else GOLDEN / folder.name
    model_class = CLASSES[folder.name] if folder.name == "tiny-bert" else AutoAdapterModel
    model = model_class.from_pretrained(base, attn_implementation="eager")
    adapters.init(model)
    model.load_adapter(str(folder / "inv"), load_as="language", with_head=False, use_safetensors=True)
    model.load_adapter(str(folder / "seq_bn"), load_as="task", with_head=False, use_safetensors=True)
    model.set_active_adapters(Stack("language", "task"))
    inputs = batch(folder.name)
    logits = model.eval()(**inputs).logits
    save_file(dict(inputs, logits=logits.detach().contiguous()), folder / "stack.safetensors")


def main():
    torch.use_deterministic_algorithms(True)
    for name, cases in CASES.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        if name in NEW and len(sys.argv) == 1:
            torch.manual_seed(2)
            model = NEW[name]()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn_like(parameter) * 0.1)
            model.save_pretrained(folder)
            (folder / "generation_config.json").unlink(missing_ok=True)
        for case, config in cases.items():
            if case in sys.argv[1:] or len(sys.argv) == 1:
                make_case(folder, case, config())
        if "seq_bn" in cases and ("stack" in sys.argv[1:] or len(sys.argv) == 1):
            make_stack(folder)


if __name__ == "__main__":
    sys.exit(main())
