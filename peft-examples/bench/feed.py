"""The batches of a measurement: one of equal rows, or an epoch of rows of unequal lengths. The twin of Feed.java."""
from dataclasses import dataclass

import torch
from shapes import resource

TOKENS = 256  # different ones in all texts, as in Shape.java
IGNORED = -100


@dataclass
class Batch:
    arrays: dict
    tokens: int  # without padding


def feed(rows, config, batch, length, steps):
    torch.manual_seed(0)
    if rows == "even":
        arrays = {"input_ids": ids(config, batch * length).view(batch, length)}
        arrays["labels"] = arrays["input_ids"] if config.model_type == "llama" else torch.zeros(batch, dtype=torch.long)
        return [Batch(arrays, batch * length)]
    lengths = list(drawn(length, batch * length * steps))
    texts = [ids(config, n) for n in lengths]
    if rows == "packed":
        packed = best_fit(lengths, length)
        return [pack([[texts[i] for i in row] for row in packed[start:start + batch]]) for start in range(0, len(packed), batch)]
    order = sorted(range(len(texts)), key=lengths.__getitem__) if rows == "by-length" else range(len(texts))
    return [pad([texts[i] for i in chosen]) for chosen in batches(order, lengths, batch * length)]


def ids(config, count):
    return torch.randint(0, TOKENS, (count,)) * (config.vocab_size // TOKENS)


def drawn(most, total):
    """The lengths of Lengths.java."""
    quantiles, state = resource("lengths.json"), 0
    points = list(zip(quantiles["shares"], quantiles["tokens"]))
    while total > 0:
        state = (1103515245 * state + 12345) & 0x7fffffff
        share = state / 0x80000000
        (x, low), (y, high) = next(pair for pair in zip(points, points[1:]) if share <= pair[1][0])
        length = min(most, round(low + (share - x) / (y - x) * (high - low)))
        total -= length
        yield length


def batches(order, lengths, positions):
    """Fills batches of so many positions, padding included."""
    batch, longest = [], 0
    for i in order:
        longest = max(longest, lengths[i])
        if batch and (len(batch) + 1) * longest > positions:
            yield batch
            batch, longest = [], lengths[i]
        batch.append(i)
    yield batch


def best_fit(lengths, width):
    """Best-fit decreasing: the longest first, each into the fullest row that has room."""
    rows, room = [], []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        fitting = [r for r in range(len(rows)) if room[r] >= lengths[i]]
        if not fitting:
            rows.append([])
            room.append(width)
        row = min(fitting, key=room.__getitem__) if fitting else len(rows) - 1
        rows[row].append(i)
        room[row] -= lengths[i]
    return rows


def pad(texts):
    stack = torch.nn.utils.rnn.pad_sequence
    arrays = {"input_ids": stack(texts, True), "attention_mask": stack([torch.ones_like(text) for text in texts], True),
              "labels": stack(texts, True, IGNORED)}
    return Batch(arrays, sum(map(len, texts)))


def pack(rows):
    """Texts one after the other: positions begin anew at each, from which transformers makes the mask; padding is one more text."""
    width = max(sum(map(len, row)) for row in rows)
    arrays = {name: [] for name in ("input_ids", "position_ids", "labels")}
    for row in rows:
        rest = torch.zeros(width - sum(map(len, row)), dtype=torch.long)
        arrays["input_ids"].append(torch.cat([*row, rest]))
        arrays["position_ids"].append(torch.cat([torch.arange(len(text)) for text in (*row, rest)]))
        arrays["labels"].append(torch.cat([torch.cat([torch.full((1,), IGNORED), text[1:]]) for text in row] + [rest + IGNORED]))
    return Batch({name: torch.stack(values) for name, values in arrays.items()}, sum(len(text) for row in rows for text in row))
