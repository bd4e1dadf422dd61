"""What PET computes, by the formulas of timoschick/pet in plain PyTorch, on a tiny random BERT.

    pip install torch transformers
    python make_pet.py

It writes a model with its tokenizer, and values.json.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

HERE = pathlib.Path(__file__).parent
WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] the food was good bad great ter ##rible aw ##ful slow it all in just a place
to eat . , ! ? yes no service nice staff rude we came back and not here again""".split()
TEXTS = ["the food was nice", "slow service and rude staff", "we came back to eat here again and again and again"]
PAIRS = [("the food was nice", "the food was bad"), ("rude staff", "the staff was nice again and again and again"),
         ("we came back", "we eat here")]
LABELS = [0, 1, 1]
SINGLE = [[["bad"], ["good", "great"]], [["no"], ["yes"]]]  # by pattern, label
MULTI = [["terrible"], ["good"], ["awful slow !"]]
MAX_LENGTH = 14


def main():
    (HERE / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    tokenizer = BertTokenizerFast(vocab=str(HERE / "vocab.txt"))
    (HERE / "vocab.txt").unlink()
    assert len(tokenizer) == len(WORDS), len(tokenizer)
    tokenizer.save_pretrained(HERE)
    torch.manual_seed(1)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=24, max_position_embeddings=32, hidden_dropout_prob=0.0,
                        attention_probs_dropout_prob=0.0, initializer_range=0.4)
    model = BertForMaskedLM(config).eval()
    model.save_pretrained(HERE)
    mask = tokenizer.mask_token_id

    def ids(word):
        return tokenizer.encode(word, add_special_tokens=False)

    def encode(a, b, masks):
        """Parts are (text, may be cut), None is the gap. pvp.py: encode, truncate."""
        def parts(some):
            return [[[mask] * masks, False] if p is None else [ids(p[0]), p[1]] for p in some]
        a, b = parts(a), parts(b)

        def spare(some):
            return sum(len(p[0]) for p in some if p[1])
        total = sum(len(p[0]) for p in a + b) + (3 if b else 2)
        for _ in range(max(0, total - MAX_LENGTH)):
            some = a if spare(a) > spare(b) else b
            last = max(i for i, p in enumerate(some) if p[1] and p[0])
            some[last][0] = some[last][0][:-1]
        a, b = ([i for p in some for i in p[0]] for some in (a, b))
        row = [tokenizer.cls_token_id] + a + [tokenizer.sep_token_id] + (b + [tokenizer.sep_token_id] if b else [])
        return row, [0] * (len(a) + 2) + ([1] * (len(b) + 1) if b else [])

    def first(text, masks):  # "{text} it was {mask}."
        return encode([(text, True), ("it was", False), None, (".", False)], [], masks)

    def second(pair, masks):  # "{text}? || {mask}, {pair}"
        return encode([(pair[0], True), ("?", False)], [None, (",", False), (pair[1], True)], masks)

    def logits(row, types):
        return model(input_ids=torch.tensor([row]), token_type_ids=torch.tensor([types])).logits[0]

    def label_logits(row, types, words):  # convert_mlm_logits_to_cls_logits
        at = logits(row, types)[row.index(mask)]
        return torch.stack([torch.stack([at[ids(w)[0]] for w in some]).sum() / len(some) for some in words])

    rows = [[first(t, 1) for t in TEXTS], [second(p, 1) for p in PAIRS]]
    values = dict(ids=[[row for row, _ in some] for some in rows], types=[[t for _, t in some] for some in rows])
    single = [torch.stack([label_logits(*row, words) for row in some]) for some, words in zip(rows, SINGLE)]
    values["single"] = [s.tolist() for s in single]
    values["cross_entropy"] = [F.cross_entropy(s, torch.tensor(LABELS)).item() for s in single]

    # MultiMaskTaskHelper.eval_step: a gap as long as the word, the likeliest mask first
    tokens = [ids(w[0]) for w in MULTI]
    masks = max(len(t) for t in tokens)

    def log_probability(row, types, word):
        start = row.index(mask)
        row = row[:start + len(word)] + row[start + masks:]
        types = types[:start + len(word)] + types[start + masks:]
        left, total = {start + i: t for i, t in enumerate(word)}, 0.0
        while left:
            p = logits(row, types).softmax(-1)
            at = max(left, key=lambda i: p[i][left[i]].item())
            total += math.log(p[at][left[at]].item())
            row = row[:at] + [left.pop(at)] + row[at + 1:]
        return total

    multi = [first(t, masks) for t in TEXTS]
    values["multi_ids"] = [row for row, _ in multi]
    values["multi"] = [[log_probability(row, types, word) for word in tokens] for row, types in multi]

    def hinge(row, types, label):  # MultiMaskTaskHelper.train_step
        scores, start = logits(row, types), row.index(mask)
        losses = [sum(F.cross_entropy(scores[start + i], torch.tensor(t)) for i, t in enumerate(w)) for w in tokens]
        return sum(F.relu(1 + losses[label] - l) for i, l in enumerate(losses) if i != label)

    values["hinge"] = torch.stack([hinge(*r, l) for r, l in zip(multi, LABELS)]).mean().item()

    # mlm_train_step with lm_training: the unlabelled texts have fixed masks here
    alpha = 0.25
    masked = [(list(row), types, [-100] * len(row)) for row, types in rows[0]]
    for b, (row, _, labels) in enumerate(masked):
        for t in (1, 2 + b):
            labels[t], row[t] = row[t], mask if t == 1 else 7
    terms = [F.cross_entropy(logits(row, types)[t], torch.tensor(labels[t]))
             for row, types, labels in masked for t in range(len(row)) if labels[t] != -100]
    values["masked"] = dict(ids=[m[0] for m in masked], labels=[m[2] for m in masked])
    values["auxiliary"] = (1 - alpha) * values["cross_entropy"][0] + alpha * torch.stack(terms).mean().item()

    # distillation_loss and merge_logits_lists ('wmean')
    taught = torch.randn(4, 3) * 2
    own = torch.randn(4, 3)
    t = 2.0
    loss = F.kl_div(F.log_softmax(own / t, 1), F.softmax(taught / t, 1), reduction="sum") * t ** 2 / 4
    values["distillation"] = dict(taught=taught.tolist(), own=own.tolist(), loss=loss.item())
    votes = torch.randn(3, 6, 2)
    weights = torch.tensor([0.5, 0.0, 0.75])
    mean = (votes * weights[:, None, None]).sum(0) / weights.sum()
    p = mean.softmax(1)
    values["votes"] = dict(
        votes=votes.tolist(), weights=weights.tolist(), mean=mean.tolist(), labels=p.argmax(1).tolist(),
        # generate_ipet_train_sets: int(epl * (int(n * scale ** (g + 1)) - n) / n)
        growth=[[int(e * ((int(10 * 5 ** (g + 1)) - 10) / 10)) for e in (7, 3)] for g in range(3)],
        most_likely=[sorted(range(6), key=lambda i: -p[i][l].item())[:2] for l in range(2)])
    (HERE / "values.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
