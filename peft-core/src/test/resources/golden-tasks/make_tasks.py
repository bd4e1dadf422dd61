"""Tiny models for tagging, answering and filling, and what transformers does with them.

Run with transformers 5.24 and torch, after golden-tokenizers/make_goldens.py:

    python make_tasks.py FOLDER

FOLDER has utils_qa.py of transformers' examples/pytorch/question-answering. The script writes a folder for each model
(config.json, model.safetensors; the tokenizer is that of a case of golden-tokenizers) and tasks.json: answers of
TokenClassificationPipeline, FillMaskPipeline and utils_qa, features of run_qa.py, labels of run_ner.py.
"""
import json
import os
import shutil
import sys
import tempfile

import torch
from transformers import (
    AutoModelForMaskedLM, AutoModelForQuestionAnswering, AutoModelForTokenClassification, AutoTokenizer, BertConfig,
    LlamaConfig, RobertaConfig, pipeline)

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENIZERS = os.path.join(HERE, "..", "golden-tokenizers")
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SMALL = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
TEXTS = [
    "The cat sat on the mat, and the dog didn't like it.",
    "Déjà vu: the café's naïve crème 🙂 costs 12.50 euros in San Francisco.",
    "  newest-lowest_widest  ",
    "the",
]
LONG = " ".join(TEXTS[:2] + ["A model learns what it reads; it reads what we wrote."] * 3)
WORDS = [["The", "cat", "didn't", "like", "🙂x", "café.", "newest-lowest", "12.50"], ["the"], ["two words", "girl"]]
TAGS = [["O", "B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "I-LOC"], ["O"], ["B-PER", "B-LOC"]]
QUESTIONS = [
    ("What did the dog like?", TEXTS[0], "mat", TEXTS[0].index("mat")),
    ("  Where is it?", TEXTS[1], "San Francisco", TEXTS[1].index("San")),
    ("Who reads?", LONG, "model", LONG.index("model")),
    ("Who reads what?", LONG, None, None),
    ("Which?", "the 🙂 cat 🙂 dog sat", "cat 🙂 dog", 6),
]
MASKED = ["The {} sat on the mat.", "{} upon a time", "the little {}, and the {} girl"]


def load(case, **options):
    with open(os.path.join(TOKENIZERS, "cases", case + ".json"), encoding="utf-8") as f:
        golden = json.load(f)
    with tempfile.TemporaryDirectory() as d:
        for file, source in golden["files"].items():
            shutil.copy(os.path.join(TOKENIZERS, "files", source), os.path.join(d, file))
        for file, content in golden["beside"].items():
            with open(os.path.join(d, file), "w", encoding="utf-8") as f:
                json.dump(content, f)
        t = AutoTokenizer.from_pretrained(d, **options)
        t.pad_token = t.pad_token or t.eos_token  # the pipeline pads windows
        return t


def config(case, positions, **fields):
    t = load(case)
    common = dict(vocab_size=len(t), pad_token_id=t.pad_token_id, **SMALL) | fields
    if case == "bert":
        return BertConfig(max_position_embeddings=positions, **common)
    if case == "roberta":
        return RobertaConfig(max_position_embeddings=positions + 2, type_vocab_size=1, bos_token_id=0, eos_token_id=2,
                             **common)
    return LlamaConfig(max_position_embeddings=positions, num_key_value_heads=1, **common)


def model(name, auto, config, scale):
    torch.manual_seed(7)
    m = auto.from_config(config).eval()
    with torch.no_grad():
        for key, p in m.named_parameters():
            if p.dim() > 1:
                p.mul_(scale)
            elif key.endswith("bias"):
                p.normal_(0, 0.3)
    m.save_pretrained(os.path.join(HERE, name))
    for file in os.listdir(os.path.join(HERE, name)):
        if file not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(HERE, name, file))
    return m


def rounded(entities):
    return [{"type": e.get("entity_group", e.get("entity")), "score": float(e["score"]), "start": e["start"],
             "end": e["end"]} for e in entities]


def tagger(case):
    name = f"tagger-{case}"
    m = model(name, AutoModelForTokenClassification, config(case, 64, id2label=dict(enumerate(LABELS)),
              label2id={label: i for i, label in enumerate(LABELS)}), 12)
    t = load(case)
    t.model_max_length = 64
    found = []
    for strategy in ["none", "simple", "first", "average", "max"]:
        p = pipeline("token-classification", model=m, tokenizer=t, aggregation_strategy=strategy)
        for text in TEXTS:
            found.append({"strategy": strategy, "text": text, "entities": rounded(p(text))})
        if strategy != "none":
            p = pipeline("token-classification", model=m, tokenizer=t, aggregation_strategy=strategy, stride=10)
            found.append({"strategy": strategy, "text": LONG, "stride": 10, "entities": rounded(p(LONG))})
    spaced = load(case, add_prefix_space=True) if case == "roberta" else t
    words = []
    for sentence, tags in zip(WORDS, TAGS):
        e = spaced(sentence, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            best = m(**e).logits[0].argmax(-1).tolist()
        ids = e.word_ids()
        predicted = [LABELS[b] for i, b in enumerate(best) if ids[i] is not None and (i == 0 or ids[i] != ids[i - 1])]
        words.append({"words": sentence, "tags": tags, "predicted": predicted,
                      "ids": e["input_ids"][0].tolist(), "first": aligned(ids, tags, False),
                      "all": aligned(ids, tags, True),
                      "cut": aligned(spaced(sentence, is_split_into_words=True, truncation=True, max_length=6).word_ids(),
                                     tags, False)})
    return {"model": name, "tokenizer": case, "entities": found, "words": words}


def aligned(words, tags, every):
    """run_ner.py's tokenize_and_align_labels."""
    ids = [LABELS.index(tag) for tag in tags]
    inner = [LABELS.index(label.replace("B-", "I-")) for label in LABELS]
    labels = []
    for i, word in enumerate(words):
        if word is None:
            labels.append(-100)
        elif i == 0 or word != words[i - 1]:
            labels.append(ids[word])
        else:
            labels.append(inner[ids[word]] if every else -100)
    return labels


def features(t, question, context, length, stride):
    right = t.padding_side == "right"
    texts = (question.lstrip(), context) if right else (context, question.lstrip())
    return t(*texts, truncation="only_second" if right else "only_first", max_length=length, stride=stride,
             return_overflowing_tokens=True, return_offsets_mapping=True), int(right)


def positions(t, e, i, context_id, answer, start):
    """run_qa.py's labels of a feature."""
    ids, offsets, sequence = e["input_ids"][i], e["offset_mapping"][i], e.sequence_ids(i)
    cls = ids.index(t.cls_token_id) if t.cls_token_id in ids else ids.index(t.bos_token_id) if t.bos_token_id in ids else 0
    if answer is None:
        return [cls, cls]
    end = start + len(answer)
    first = sequence.index(context_id)
    last = len(ids) - 1 - sequence[::-1].index(context_id)
    if not (offsets[first][0] <= start and offsets[last][1] >= end):
        return [cls, cls]
    while first < len(offsets) and offsets[first][0] <= start:
        first += 1
    while offsets[last][1] >= end:
        last -= 1
    return [first - 1, last + 1]


def reader(case):
    from utils_qa import postprocess_qa_predictions
    name = f"reader-{case}"
    m = model(name, AutoModelForQuestionAnswering, config(case, 64), 12)
    t = load(case)
    found = []
    for length, stride in (64, 16), (40, 5):
        for question, context, answer, start in QUESTIONS:
            e, context_id = features(t, question, context, length, stride)
            rows = range(len(e["input_ids"]))
            starts, ends = [], []
            for i in rows:
                inputs = {k: torch.tensor([e[k][i]]) for k in t.model_input_names if k in e}
                with torch.no_grad():
                    out = m(**inputs)
                starts.append(out.start_logits[0].numpy())
                ends.append(out.end_logits[0].numpy())
            built = [{"example_id": "x", "offset_mapping": [
                o if e.sequence_ids(i)[k] == context_id else None for k, o in enumerate(e["offset_mapping"][i])]} for i in rows]
            with tempfile.TemporaryDirectory() as d:
                def answers(**options):
                    return postprocess(postprocess_qa_predictions, context, built, (starts, ends), d, options)
                found.append({
                    "question": question, "context": context, "answer": answer, "start": start, "max": length, "stride": stride,
                    "features": [{"ids": e["input_ids"][i], "labels": positions(t, e, i, context_id, answer, start)} for i in rows],
                    "best": answers(), "five": answers(n_best_size=5, max_answer_length=4),
                    "none": answers(version_2_with_negative=True),
                    "rather": answers(version_2_with_negative=True, null_score_diff_threshold=-100.0)})
    return {"model": name, "tokenizer": case, "questions": found}


class Examples(list):
    """What utils_qa expects of a data set: rows, and columns by name."""

    def __getitem__(self, key):
        return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)


def postprocess(function, context, features, logits, folder, options):
    best = function(Examples([{"id": "x", "context": context}]), features, logits, output_dir=folder, **options)
    with open(os.path.join(folder, "nbest_predictions.json"), encoding="utf-8") as f:
        all_best = json.load(f)["x"]
    return {"text": best["x"], "answers": [{"text": a["text"], "probability": a["probability"]} for a in all_best]}


def filler(case):
    name = f"filler-{case}"
    m = model(name, AutoModelForMaskedLM, config(case, 64), 12)
    t = load(case)
    p = pipeline("fill-mask", model=m, tokenizer=t)
    found = []
    for text in MASKED:
        text = text.format(t.mask_token, t.mask_token)
        for k in 3, 5:
            result = p(text, top_k=k)
            rows = result if isinstance(result[0], list) else [result]
            found.append({"text": text, "top": k, "masks": [[
                {"token": r["token_str"], "id": r["token"], "score": r["score"], "text": r["sequence"]} for r in row] for row in rows]})
    return {"model": name, "tokenizer": case, "texts": found}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    result = {
        "taggers": [tagger(case) for case in ("bert", "roberta", "llama2")],
        "readers": [reader(case) for case in ("bert", "roberta", "llama2")],
        "fillers": [filler(case) for case in ("bert", "roberta")],
    }
    with open(os.path.join(HERE, "tasks.json"), "w", encoding="utf-8") as f:
        json.dump(result, f)
        f.write("\n")
