"""Losses of five steps of a tiny Llama on conversations, as TRL's SFTTrainer and PEFT compute them.

Run with TRL 1.16, transformers 5.24, PEFT 0.21.2 and torch:  python make_chats.py
It writes the model, its tokenizer and chat template, the adapter before the first step, and losses.json with the data and
the losses: of the assistant's turns (assistant_only_loss), of all tokens, and
of the completion after a prompt. Each step has all examples,
so that no order of examples matters. There is no dropout.
"""
import json
import os
import shutil
import tempfile

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
from trl import SFTConfig, SFTTrainer

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = os.path.join(HERE, *[".."] * 5, "peft-core/src/test/resources/golden-tokenizers/files/llama2.json")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ 'model:\n' }}"
    "{% generation %}{{ m.content + eos_token }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m.role + ': ' + m.content + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'model:\n' }}{% endif %}")
CHATS = [
    [("user", "Who sat?"), ("assistant", "The cat sat on the mat.")],
    [("system", "Be brief."), ("user", "What reads?"), ("assistant", "A model."), ("user", "Why?"), ("assistant", "The dog wrote it.")],
    [("user", "café"), ("assistant", "naïve"), ("user", "low"), ("assistant", "lowest"), ("user", "new"), ("assistant", "newest models")],
]


def messages(chat):
    return [{"role": role, "content": content} for role, content in chat]


def model():
    with open(os.path.join(HERE, "chat_template.jinja"), "w") as f:
        f.write(TEMPLATE)
    shutil.copy(TOKENIZER, os.path.join(HERE, "tokenizer.json"))
    with open(os.path.join(HERE, "tokenizer_config.json"), "w") as f:
        json.dump({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}, f)
    torch.manual_seed(3)
    config = LlamaConfig(vocab_size=520, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, initializer_range=0.2,
                         bos_token_id=1, eos_token_id=2, pad_token_id=0)
    base = AutoModelForCausalLM.from_config(config)
    base.save_pretrained(HERE)
    torch.manual_seed(4)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(base, lora).save_pretrained(os.path.join(HERE, "adapter"))
    os.remove(os.path.join(HERE, "adapter", "README.md"))


def losses(rows, **settings):
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(HERE, dtype=torch.float32), os.path.join(HERE, "adapter"), is_trainable=True)
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(output_dir=out, max_steps=5, per_device_train_batch_size=len(rows), learning_rate=0.01, lr_scheduler_type="constant",
                           weight_decay=0.0, max_grad_norm=1.0, logging_steps=1, report_to="none", save_strategy="no", use_cpu=True,
                           bf16=False, gradient_checkpointing=False, max_length=128, disable_tqdm=True, **settings)
        trainer = SFTTrainer(adapted, config, train_dataset=Dataset.from_list(rows), processing_class=AutoTokenizer.from_pretrained(HERE))
        exact = []
        compute = trainer.compute_loss

        def keeping(*args, **kwargs):
            result = compute(*args, **kwargs)
            exact.append((result[0] if isinstance(result, tuple) else result).item())
            return result

        trainer.compute_loss = keeping  # the log rounds
        trainer.train()
    return exact


if __name__ == "__main__":
    model()
    whole = [{"messages": messages(chat)} for chat in CHATS]
    split = [{"prompt": messages(chat[:-1]), "completion": messages(chat[-1:])} for chat in CHATS]
    result = {"chats": [messages(chat) for chat in CHATS],
              "assistant": losses(whole, assistant_only_loss=True),
              "all": losses(whole),
              "completion": losses(split, assistant_only_loss=True)}
    with open(os.path.join(HERE, "losses.json"), "w", encoding="utf-8") as f:
        json.dump(result, f)
        f.write("\n")
    print({name: values for name, values in result.items() if name != "chats"})
