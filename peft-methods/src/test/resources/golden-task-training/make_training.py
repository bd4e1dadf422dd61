"""Losses of five steps of tiny models for pairs, tags, answers and masks, as transformers and PEFT compute them.

Run with transformers 5.24, PEFT 0.21.2 and torch:  python make_training.py
It writes a folder for each task: model, tokenizer, the adapter before the first step, and losses.json with the data and
the losses. Each step has all examples, so that no order of examples matters. Labels are those of run_ner.py and run_qa.py;
for masks, every token is masked, so that nothing is drawn.
"""
import json
import os
import shutil

import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForMaskedLM, AutoModelForQuestionAnswering, AutoModelForSequenceClassification,
    AutoModelForTokenClassification, AutoTokenizer, BertConfig)

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZER = os.path.join(HERE, *[".."] * 5, "peft-core/src/test/resources/golden-tokenizers/files/bert-uncased.json")
TAGS = ["O", "B-ANIMAL", "I-ANIMAL", "B-PLACE"]
WORDS = [
    (["The", "cat", "sat", "on", "the", "mat", "."], ["O", "B-ANIMAL", "O", "O", "O", "B-PLACE", "O"]),
    (["little", "dog"], ["B-ANIMAL", "I-ANIMAL"]),
    (["we", "wrote", "the", "models", "in", "1234567", "newest", "cafés", "and", "lowest", "models"],
     ["O", "O", "O", "O", "O", "O", "O", "B-PLACE", "O", "O", "O"]),
]
QUESTIONS = [
    ("Who sat?", "The cat sat on the mat, and the dog didn't like it.", "The cat", 0),
    ("Where?", "Once upon a time the little dog sat on the mat and the cat reads what we wrote about the models in time.", "mat", 43),
    ("Why?", "the dog reads", None, None),
]
PAIRS = [
    ("The cat sat on the mat.", "the dog", "yes"),
    ("little", "Once upon a time the little dog sat on the mat.", "no"),
    ("we wrote the models in 1234567 newest cafés", "the cat reads what we wrote about the lowest models", "maybe"),
    ("Who sat?", "", "no"),
]
JUDGEMENTS = ["no", "maybe", "yes"]
PAIR_LENGTH = 15
TEXTS = ["The cat sat on the mat.", "reads what we wrote", "little girl"]
LENGTH = 24
STRIDE = 6
STEPS = 5


def model(name, auto, task, **fields):
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copy(TOKENIZER, os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, f)
    config = BertConfig(vocab_size=200, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                        initializer_range=0.2, pad_token_id=0, **fields)
    torch.manual_seed(3)
    base = auto.from_config(config)
    base.save_pretrained(folder)
    torch.manual_seed(4)
    adapted = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"], task_type=task,
                                              init_lora_weights=False))
    adapted.save_pretrained(os.path.join(folder, "adapter"))
    os.remove(os.path.join(folder, "adapter", "README.md"))
    return adapted, AutoTokenizer.from_pretrained(folder)


def train(name, adapted, batch, data):
    adapted.train()
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=0.01, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        loss = adapted.base_model.model(**batch).loss  # PEFT's own wrapper for questions drops token_type_ids
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in adapted.parameters() if p.requires_grad], 1.0)
        optimizer.step()
    with open(os.path.join(HERE, name, "losses.json"), "w", encoding="utf-8") as f:
        json.dump(data | {"losses": losses}, f)
        f.write("\n")


def padded(t, rows, types=None, **labels):
    inputs = {"input_ids": rows} | ({"token_type_ids": types} if types else {})
    batch = t.pad(inputs, return_tensors="pt", padding_side="right")
    width = batch["input_ids"].shape[1]
    for name, values in labels.items():
        batch[name] = torch.tensor([v + [-100] * (width - len(v)) if isinstance(v, list) else v for v in values])
    return batch


def tagger():
    adapted, t = model("tagger", AutoModelForTokenClassification, "TOKEN_CLS", id2label=dict(enumerate(TAGS)),
                       label2id={tag: i for i, tag in enumerate(TAGS)})
    e = t([w for w, _ in WORDS], is_split_into_words=True, truncation=True, max_length=LENGTH)
    labels = []
    for i, (_, tags) in enumerate(WORDS):
        words = e.word_ids(i)
        labels.append([-100 if w is None or k > 0 and w == words[k - 1] else TAGS.index(tags[w]) for k, w in enumerate(words)])
    train("tagger", adapted, padded(t, e["input_ids"], labels=labels),
          {"words": [{"words": w, "tags": g} for w, g in WORDS], "length": LENGTH})


def judge():
    adapted, t = model("judge", AutoModelForSequenceClassification, "SEQ_CLS", id2label=dict(enumerate(JUDGEMENTS)),
                       label2id={name: i for i, name in enumerate(JUDGEMENTS)})
    first, second, names = (list(column) for column in zip(*PAIRS))
    e = t(first, second, truncation=True, max_length=PAIR_LENGTH)
    labels = [JUDGEMENTS.index(name) for name in names]
    train("judge", adapted, padded(t, e["input_ids"], e["token_type_ids"], labels=labels),
          {"pairs": [{"text": a, "pair": b, "label": name} for a, b, name in PAIRS], "length": PAIR_LENGTH})


def reader():
    adapted, t = model("reader", AutoModelForQuestionAnswering, "QUESTION_ANS")
    rows, types, starts, ends = [], [], [], []
    for question, context, answer, start in QUESTIONS:
        e = t(question, context, truncation="only_second", max_length=LENGTH, stride=STRIDE, return_overflowing_tokens=True,
              return_offsets_mapping=True)
        for i, ids in enumerate(e["input_ids"]):
            offsets, sequence = e["offset_mapping"][i], e.sequence_ids(i)
            inside = [k for k, s in enumerate(sequence) if s == 1]
            end = None if answer is None else start + len(answer)
            whole = answer is not None and offsets[inside[0]][0] <= start and offsets[inside[-1]][1] >= end
            rows.append(ids)
            types.append(e["token_type_ids"][i])
            starts.append(max(k for k in inside if offsets[k][0] <= start) if whole else 0)
            ends.append(min(k for k in inside if offsets[k][1] >= end) if whole else 0)
    train("reader", adapted, padded(t, rows, types, start_positions=starts, end_positions=ends), {
        "questions": [{"question": q, "context": c, "answer": a, "start": s} for q, c, a, s in QUESTIONS],
        "length": LENGTH, "stride": STRIDE, "windows": len(rows), "starts": starts, "ends": ends})


def filler():
    adapted, t = model("filler", AutoModelForMaskedLM, None)
    e = t(TEXTS, return_special_tokens_mask=True)
    rows, labels = [], []
    for ids, special in zip(e["input_ids"], e["special_tokens_mask"]):
        labels.append([-100 if s else i for i, s in zip(ids, special)])
        rows.append([i if s else t.mask_token_id for i, s in zip(ids, special)])
    train("filler", adapted, padded(t, rows, labels=labels), {"texts": TEXTS, "length": LENGTH})


if __name__ == "__main__":
    judge()
    tagger()
    reader()
    filler()
