"""The Hugging Face side of docs/accuracy.md: LoRA on entities, pairs or texts, by transformers' Trainer and PEFT.

  python hugging_face.py MODEL DATA TASK SEED

Run with transformers 5.24, PEFT 0.21 and seqeval 1.2. MODEL is a folder of Hugging Face, DATA has the files of make_data.py.
It prints a line of JSON.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from transformers import (
    AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification,
    DataCollatorWithPadding, Trainer, TrainingArguments, set_seed)

EPOCHS = {"entities": 2, "pairs": 2, "texts": 4}
LENGTH = {"entities": 64, "pairs": 96, "texts": 64}
BATCH = {"entities": 16, "pairs": 32, "texts": 32}
TARGETS = {"entities": ["query", "key", "value", "dense"], "pairs": ["query", "value"], "texts": ["query", "value"]}
IGNORED = -100


def read(data, task, part):
    with open(os.path.join(data, f"{task}-{part}.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def encoded(tokenizer, row, ids, length):
    """The first token of a word has the word's tag, as in run_ner.py."""
    if "tokens" not in row:
        e = tokenizer(row["text"], row.get("pair"), truncation=True, max_length=length)
        return dict(e, labels=ids[row["label"]])
    e = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=length)
    of = e.word_ids()
    return dict(e, labels=[IGNORED if w is None or i and w == of[i - 1] else ids[row["tags"][w]] for i, w in enumerate(of)])


def entity_metrics(names, expected, logits):
    pairs = [[(names[y], names[p]) for y, p in zip(*row) if y != IGNORED] for row in zip(expected, logits.argmax(-1))]
    true, predicted = ([[each[i] for each in row] for row in pairs] for i in (0, 1))
    return {"f1": f1_score(true, predicted), "precision": precision_score(true, predicted),
            "recall": recall_score(true, predicted), "accuracy": accuracy_score(true, predicted)}


def main():
    folder, data, task, seed = sys.argv[1:4] + [int(sys.argv[4])]
    tags = task == "entities"
    rows = {part: read(data, task, part) for part in ("train", "test")}
    names = sorted({name for row in rows["train"] for name in (row["tags"] if tags else [row["label"]])})
    ids = {name: i for i, name in enumerate(names)}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sets = {part: [encoded(tokenizer, row, ids, LENGTH[task]) for row in rows[part]] for part in rows}

    set_seed(seed)
    auto = AutoModelForTokenClassification if tags else AutoModelForSequenceClassification
    base = auto.from_pretrained(folder, id2label=dict(enumerate(names)), label2id=ids, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0.1, target_modules=TARGETS[task], task_type="TOKEN_CLS" if tags else "SEQ_CLS",
        modules_to_save=None if tags else ["pooler"]))

    trainer = Trainer(
        model,
        TrainingArguments(
            num_train_epochs=EPOCHS[task], per_device_train_batch_size=BATCH[task], per_device_eval_batch_size=64, learning_rate=1e-3,
            weight_decay=0.01, warmup_steps=0.06, seed=seed, save_strategy="no", report_to=[], disable_tqdm=True),
        train_dataset=sets["train"],
        data_collator=(DataCollatorForTokenClassification if tags else DataCollatorWithPadding)(tokenizer))
    trainer.train()
    logits, expected, metrics = trainer.predict(sets["test"])
    measured = entity_metrics(names, expected, logits) if tags else {"accuracy": float((logits.argmax(-1) == expected).mean())}
    print(json.dumps({"task": task, "seed": seed, "loss": metrics["test_loss"], "steps": trainer.state.global_step} | measured))


if __name__ == "__main__":
    main()
