"""Makes the goldens beside this file: what TRL computes for pairs of answers, on ../golden/tiny-llama.

    pip install torch transformers==5.24.0 peft==0.21.0 trl==1.16.0 datasets safetensors
    python make_preferences.py

lora/ is the adapter that all start from. preferences.json holds the pairs, the ids that TRL makes of them, and for
each loss its value and TRL's metrics of one batch, and the losses of five steps of AdamW for two of them.
gradients.safetensors holds the gradients, as LOSS/TENSOR.
"""

import json
import pathlib
import shutil
import tempfile

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

HERE = pathlib.Path(__file__).parent
BASE = HERE.parent / "golden" / "tiny-llama"
MAX_LENGTH = 9
PAIRS = [
    {"prompt": "w5 w6 w7 ", "chosen": "w20 w21", "rejected": "w30"},
    {"prompt": "w8 ", "chosen": "w30 w31 w32 w33", "rejected": "w20 w8"},
    {"prompt": "w10 w11 w12 w13 ", "chosen": "w25", "rejected": "w33 w34 w35 w36 w37 w38 w39"},  # the longest is cut
    {"prompt": "w14 w15 ", "chosen": "w9 w9 w10", "rejected": "w9 w9 w11"},
]
CHAT = [
    {"prompt": [{"role": "user", "content": "w5 w6"}], "chosen": [{"role": "assistant", "content": "w20"}],
     "rejected": [{"role": "assistant", "content": "w30 w31"}]},
    {"prompt": [{"role": "system", "content": "w8"}, {"role": "user", "content": "w9"}],
     "chosen": [{"role": "assistant", "content": "w9 w10 w11"}], "rejected": [{"role": "assistant", "content": "w9"}]},
]
TEMPLATE = ("{% for message in messages %}{{ {'system': 'w3', 'user': 'w4', 'assistant': 'w7'}[message.role] }} "
            "{{ message.content }} </s> {% endfor %}{% if add_generation_prompt %}w7 {% endif %}")
LOSSES = ["sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "nca_pair", "sppo_hard", "apo_zero", "apo_down"]
STEPS = 5


def tokenizer():
    words = {"<pad>": 0, "<unk>": 1, "</s>": 2} | {f"w{i}": i for i in range(3, 40)}
    made = Tokenizer(models.WordLevel(words, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens([AddedToken("<pad>"), AddedToken("</s>")])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
                                   chat_template=TEMPLATE)


def base():
    return LlamaForCausalLM.from_pretrained(BASE, attn_implementation="eager", dtype=torch.float32)


def settings(**others):
    return dict(output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, gradient_checkpointing=False,
                max_length=MAX_LENGTH, per_device_train_batch_size=len(PAIRS), num_train_epochs=STEPS,
                learning_rate=0.02, weight_decay=0.01, lr_scheduler_type="linear", logging_steps=1, report_to=[],
                save_strategy="no", disable_tqdm=True, **others)


def adapted():
    return PeftModel.from_pretrained(base(), HERE / "lora", is_trainable=True)


def dpo(loss, smoothing, data=PAIRS):
    trainer = DPOTrainer(
        model=adapted(), args=DPOConfig(**settings(beta=0.3, loss_type=[loss], label_smoothing=smoothing)),
        train_dataset=Dataset.from_list(data), processing_class=tokenizer())
    # TRL compares an adapter that is trained further with a copy of itself; here the base model is the reference.
    if "ref" in trainer.model.peft_config:
        trainer.model.delete_adapter("ref")
    return trainer


def orpo():
    return ORPOTrainer(model=adapted(), args=ORPOConfig(**settings(beta=0.3)), train_dataset=Dataset.from_list(PAIRS),
                       processing_class=tokenizer())


def gradients(name, trainer, loss, tensors):
    loss.backward()
    for key, tensor in trainer.model.named_parameters():
        if tensor.requires_grad:
            tensors[f"{name}/{key.replace('.default', '')}"] = tensor.grad.clone()


def trace(trainer):
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main():
    torch.manual_seed(3)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM",
                        init_lora_weights=False)
    made = get_peft_model(base(), config)
    with torch.no_grad():
        for tensor in made.parameters():
            if tensor.requires_grad:
                tensor.copy_(torch.randn_like(tensor) * 0.3)
    made.peft_config["default"].base_model_name_or_path = "tiny-llama"
    shutil.rmtree(HERE / "lora", ignore_errors=True)
    made.save_pretrained(HERE / "lora")
    (HERE / "lora" / "README.md").unlink(missing_ok=True)

    tensors, cases = {}, {}
    for name in LOSSES:
        smoothing = 0.1 if name == "robust" else 0.0
        trainer = dpo(name, smoothing)
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(PAIRS))])
        trainer.model.train()
        loss = trainer._compute_loss(trainer.model, batch, False)
        metrics = {key: values[-1] for key, values in trainer._metrics["train"].items()
                   if key.startswith(("rewards/", "logps/"))}
        cases[name] = {"loss": loss.item(), "metrics": metrics, "label_smoothing": smoothing}
        gradients(name, trainer, loss, tensors)
    ids = {key: batch[key].tolist() for key in ("input_ids", "attention_mask", "completion_mask")}
    trainer = dpo("sigmoid", 0.0, CHAT)
    chat = trainer.data_collator([trainer.train_dataset[i] for i in range(len(CHAT))])
    chats = {key: chat[key].tolist() for key in ("input_ids", "attention_mask", "completion_mask")}
    trainer = orpo()
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(PAIRS))])
    trainer.model.train()
    loss, metrics = trainer.get_batch_loss_metrics(trainer.model, batch)
    cases["orpo"] = {"loss": loss.item(),
                     "metrics": {k: v for k, v in metrics.items() if not k.startswith("logits/")}}
    gradients("orpo", trainer, loss, tensors)
    traces = {"sigmoid": trace(dpo("sigmoid", 0.0)), "ipo": trace(dpo("ipo", 0.0)), "orpo": trace(orpo())}

    save_file(tensors, HERE / "gradients.safetensors")
    golden = {"pairs": PAIRS, "max_length": MAX_LENGTH, "beta": 0.3, "batch": ids, "chat": CHAT,
              "template": TEMPLATE, "chat_batch": chats, "losses": cases, "traces": traces}
    (HERE / "preferences.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
