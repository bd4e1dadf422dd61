"""Reference values of sparse methods, by plain loops over the papers' and the authors' formulas.

    python make_sparse.py FOLDER        # src/sft of github.com/cambridgeltl/composable-sft
    python make_sparse.py spiel         # SpIEL alone

Fisher masks: FISH mask (arXiv:2111.09839), as its code counts: the classifier is trained whole and
part of the budget. LT-SFT (arXiv:2110.07560), as composable-sft trains.
SpIEL (arXiv:2401.16405), as github.com/AlanAnsell/peft trains.
"""

import importlib.util
import os
import sys
import types

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")
RATIO = 0.3


def load(name):
    kind = AutoModelForCausalLM if "llama" in name else AutoModelForSequenceClassification
    return kind.from_pretrained(
        os.path.join(GOLDEN, name), dtype=torch.float32, attn_implementation="eager"
    ).eval()


def examples(model, count, length=6):
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(3, 40, (count, length), generator=generator)
    labels = (
        torch.randint(0, 3, (count,), generator=generator)
        if model.config.architectures[0].endswith("Classification")
        else ids
    )
    return ids, labels


def fisher(model, sample_type, grad_type):
    """The sum over examples of what the squared or absolute gradient is."""
    part = {"square": torch.square, "absolute": torch.abs}[grad_type]
    sums = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    ids, labels = examples(model, 5)
    for i in range(len(ids)):
        if sample_type == "label":
            terms = [(1.0, model(ids[i : i + 1], labels=labels[i : i + 1]).loss)]
        else:
            log_p = torch.log_softmax(model(ids[i : i + 1]).logits[0], -1)
            terms = [(log_p[c].exp().item(), -log_p[c]) for c in range(len(log_p))]
        for weight, loss in terms:
            model.zero_grad()
            loss.backward(retain_graph=True)
            for n, p in model.named_parameters():
                sums[n] += weight * part(p.grad)
    return sums


def top(sums, ratio):
    whole = [n for n in sums if "classifier" in n]
    keep = int(sum(s.numel() for s in sums.values()) * ratio) - sum(sums[n].numel() for n in whole)
    names = [n for n in sums if n not in whole]
    flat = torch.cat([sums[n].reshape(-1) for n in names])
    mask = torch.zeros_like(flat)
    mask[torch.topk(flat, keep)[1]] = 1
    chosen, start = {}, 0
    for n in names:
        size = sums[n].numel()
        places = mask[start : start + size].nonzero().reshape(-1).to(torch.int32)
        if len(places):
            chosen[n] = places
        start += size
    return chosen


def masks(name, cases):
    model = load(name)
    ids, labels = examples(model, 5)
    tensors = {"input_ids": ids, "labels": labels.contiguous().clone()}
    for case in cases:
        for n, places in top(fisher(model, *case.split("-")), RATIO).items():
            tensors[f"{case}.{n}"] = places
    save_file(tensors, os.path.join(HERE, f"fisher-{name}.safetensors"))


def composable_sft():
    """The authors' module that saves; its download of other files is left out."""
    package = types.ModuleType("sft")
    package.__path__ = []
    hub = types.ModuleType("sft.hf_utils")
    hub.pull_from_hf_model_hub = None
    sys.modules.update({"sft": package, "sft.hf_utils": hub})
    spec = importlib.util.spec_from_file_location("sft.sft", os.path.join(sys.argv[1], "sft.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lt_sft(name, full=3, sparse=4, iterations=2, proportion=0.05, lr=1e-2, clip=0.5):
    """Full phase, k / iterations further entries of the mask, reset, masked phase; and again."""
    model = load(name)
    ids, labels = examples(model, 6)
    original = {n: p.detach().clone() for n, p in model.named_parameters()}
    maskable = [n for n in original if "classifier" not in n]
    mask = {n: torch.zeros_like(original[n], dtype=torch.bool) for n in maskable}
    k = int(proportion * sum(original[n].numel() for n in maskable)) // iterations
    losses = []

    def phase(steps, masked):
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
        for _ in range(steps):
            i = 2 * (len(losses) % 3)
            optimizer.zero_grad()
            loss = model(ids[i : i + 2], labels=labels[i : i + 2]).loss
            losses.append(loss.item())
            loss.backward()
            if masked:
                for n, p in model.named_parameters():
                    if n in mask:
                        p.grad *= mask[n]
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()

    for _ in range(iterations):
        previous = {n: p.detach().clone() for n, p in model.named_parameters()}
        phase(full, False)
        with torch.no_grad():
            change = {n: (dict(model.named_parameters())[n] - original[n]).abs() for n in maskable}
            free = torch.cat([change[n][~mask[n]] for n in maskable])
            threshold = torch.topk(free, k)[0][-1]
            for n in maskable:
                mask[n] |= change[n] >= threshold
            for n, p in model.named_parameters():
                p.copy_(previous[n])
        phase(sparse, True)
    sft = composable_sft().SFT()
    for n, p in model.named_parameters():
        sft.add_param(n, (p - original[n]).detach() if n in mask else p.detach(), diff=n in mask)
    folder = os.path.join(HERE, f"composable-sft-{name}")
    os.makedirs(folder, exist_ok=True)
    sft.save(folder)
    with torch.no_grad():
        logits = model(ids).logits
    tensors = {"input_ids": ids, "labels": labels, "losses": torch.tensor(losses)}
    tensors["logits"] = logits
    for n, p in model.named_parameters():
        delta = (p - original[n]).detach()
        if n not in mask:
            tensors["abs." + n] = p.detach()
        elif mask[n].any():
            tensors["indices." + n] = mask[n].reshape(-1).nonzero().reshape(-1).to(torch.int32)
            tensors["values." + n] = delta[mask[n]]
    save_file(tensors, os.path.join(HERE, f"lt-sft-{name}.safetensors"))


def java_hash(text):
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def noise(shapes, name, step, seed=42):
    """log u - log(1 - u), drawn as peft4j draws it, so that both have the same gates."""
    torch.manual_seed((seed * 1_000_003 + step) * 31 + java_hash(name))
    us = [torch.rand(shape).clamp(0.0001, 0.9999) for shape in shapes]
    return [u.log() - (1 - u).log() for u in us]


def diff_pruning(name, gated=4, masked=3, lower=-1.5, upper=1.5, penalty=1e-4, alpha_init=1.5):
    """Gates of entries and tensors with the L0 penalty, a cut by magnitude, a masked phase."""
    model = load(name)
    ids, labels = examples(model, 6)
    original = {n: p.detach().clone() for n, p in model.named_parameters()}
    targets = [n for n in original if "classifier" not in n]
    w = {n: torch.zeros_like(original[n], requires_grad=True) for n in targets}
    whole = {n: original[n].clone().requires_grad_() for n in original if n not in w}
    alpha = {n: torch.full_like(w[n], alpha_init).requires_grad_() for n in targets}
    group = {n: torch.full((1,), alpha_init).requires_grad_() for n in targets}
    ratio = torch.log(torch.tensor(-lower / upper))

    def gate(a, drawn):
        return (torch.sigmoid(drawn + a) * (upper - lower) + lower).clamp(0, 1)

    def change(n, step):
        shapes = (w[n].shape, (1,))
        z, z2 = noise(shapes, n, step) if step is not None else [torch.zeros(s) for s in shapes]
        return w[n] * gate(alpha[n], z) * gate(group[n], z2)

    losses = []
    trained = list(w.values()) + list(whole.values())
    alphas = list(alpha.values()) + list(group.values())

    def phase(steps, with_gates, mask=None):
        optimizer = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.0)
        of_alphas = torch.optim.AdamW(alphas, lr=0.1, weight_decay=0.0)
        for step in range(steps):
            i = 2 * (len(losses) % 3)
            parameters = {
                n: original[n] + (change(n, step) if with_gates else w[n]) for n in targets
            } | whole
            loss = torch.func.functional_call(
                model, parameters, (ids[i : i + 2],), {"labels": labels[i : i + 2]}
            ).loss
            losses.append(loss.item())
            if with_gates:
                loss = loss + penalty * sum(torch.sigmoid(a - ratio).sum() for a in alphas)
            optimizer.zero_grad()
            of_alphas.zero_grad()
            loss.backward()
            if mask is not None:
                for n in targets:
                    w[n].grad *= mask[n]
            torch.nn.utils.clip_grad_norm_(trained, 0.5)
            optimizer.step()
            if with_gates:
                torch.nn.utils.clip_grad_norm_(alphas, 1.0)
                of_alphas.step()

    phase(gated, True)
    with torch.no_grad():
        for n in targets:
            w[n].copy_(change(n, None))
        flat = torch.cat([w[n].abs().reshape(-1) for n in targets])
        threshold = torch.topk(flat, int(0.06 * flat.numel()))[0][-1]
        mask = {n: w[n].abs() >= threshold for n in targets}
        for n in targets:
            w[n].mul_(mask[n])
    phase(masked, False, mask)
    tensors = {"input_ids": ids, "labels": labels, "losses": torch.tensor(losses)}
    for n in original:
        if n in whole:
            tensors["abs." + n] = whole[n].detach()
        elif mask[n].any():
            tensors["indices." + n] = mask[n].reshape(-1).nonzero().reshape(-1).to(torch.int32)
            tensors["values." + n] = w[n].detach()[mask[n]]
    save_file(tensors, os.path.join(HERE, f"diff-pruning-{name}.safetensors"))


class EntryAdamW:
    """AdamW of SpIEL's authors: an age for each entry, epsilon before the bias correction."""

    def __init__(self, tensors):
        self.state = [(torch.zeros_like(t), torch.zeros_like(t), torch.ones_like(t)) for t in tensors]

    def step(self, tensors, gradients, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        for t, g, (m, v, age) in zip(tensors, gradients, self.state):
            m.mul_(beta1).add_(g, alpha=1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            divisor = (v.sqrt() + eps) * (1 - beta1**age) / torch.sqrt(1 - beta2**age)
            t.addcdiv_(m, divisor, value=-lr)
            age += 1


class Sm3:
    """SM3, whose moments of a tensor of some entries are those of the matrix that they are in."""

    def __init__(self, shapes):
        self.state = [[torch.zeros(n) for n in shape] for shape in shapes]

    def step(self, tensors, gradients, places, lr, eps=1e-8):
        for t, g, moments, at in zip(tensors, gradients, self.state, places):
            if at is None:
                at = [i.reshape(-1) for i in torch.meshgrid(*[torch.arange(n) for n in t.shape], indexing="ij")]
            u = torch.stack([m[i] for m, i in zip(moments, at)]).min(0)[0] + g.reshape(-1) ** 2
            for m, i in zip(moments, at):
                for place in range(len(i)):  # the largest of all, and of what was there
                    m[i[place]] = max(m[i[place]], u[place])
            t -= lr * (g.reshape(-1) / torch.sqrt(u + eps)).view_as(t)


def spiel(name, algorithm, steps=11, every=4, first=2, density=0.2, initial=0.4, lr=1e-2, clip=0.5):
    """Entries that are exchanged after steps 2, 6 and 10, as in peft/tuners/sft of the authors."""
    model = load(name)
    ids, labels = examples(model, 6)
    original = {n: p.detach().clone() for n, p in model.named_parameters()}
    targets = [n + ".weight" for n, m in model.named_modules()
               if isinstance(m, torch.nn.Linear) and n.startswith("bert.")]
    total = sum(p.numel() for p in original.values())
    size = sum(original[n].numel() for n in targets)
    generator = torch.Generator().manual_seed(11)
    counts = {n: int(int(total * density) * original[n].numel() / size) for n in targets}
    indices = {n: torch.randperm(original[n].numel(), generator=generator)[:k].sort()[0] for n, k in counts.items()}
    tensors = {"input_ids": ids, "labels": labels}
    tensors.update({"start." + n: i.to(torch.int32) for n, i in indices.items()})
    values = {n: torch.zeros(k) for n, k in counts.items()}
    whole = {n: p.clone() for n, p in original.items() if "classifier" in n}
    trained = list(values.values()) + list(whole.values())
    adam = EntryAdamW(trained)
    sm3 = Sm3([original[n].shape for n in targets] + [p.shape for p in whole.values()])
    candidates, losses = {}, []

    for step in range(1, steps + 1):
        i = 2 * ((step - 1) % 3)
        dense = {n: original[n].view(-1).index_add(0, indices[n], values[n]).view_as(original[n]) for n in targets}
        leaves = {n: p.clone().requires_grad_() for n, p in (dense | whole).items()}
        loss = torch.func.functional_call(
            model, original | leaves, (ids[i : i + 2],), {"labels": labels[i : i + 2]}
        ).loss
        losses.append(loss.item())
        loss.backward()
        if algorithm == "rigl" and step % every <= first:
            for n in targets:
                g = leaves[n].grad.reshape(-1)
                if n in candidates:
                    at, sums, squares, samples = candidates[n]
                    candidates[n] = at, sums + g[at], squares + g[at] ** 2, samples + 1
                else:
                    at = torch.topk(g.abs(), counts[n])[1]
                    candidates[n] = at, g[at], g[at] ** 2, 1
        gradients = [leaves[n].grad.reshape(-1)[indices[n]] for n in targets] + [leaves[n].grad for n in whole]
        norm = torch.sqrt(sum((g**2).sum() for g in gradients))
        gradients = [g * min(1.0, clip / (norm + 1e-6)) for g in gradients]
        if algorithm == "rigl":
            adam.step(trained, gradients, lr)
        else:
            columns = [original[n].shape[1] for n in targets]
            places = [(indices[n] // c, indices[n] % c) for n, c in zip(targets, columns)]
            sm3.step(trained, gradients, places + [None] * len(whole), lr)
        if step % every != first:
            continue
        rate = 1 if step == first else initial * (1 - step / steps)
        for place, n in enumerate(targets):
            k = int(counts[n] * rate)
            slots = torch.topk(values[n].abs(), k, largest=False)[1]
            dropped, current = set(indices[n][slots].tolist()), set(indices[n].tolist())
            if algorithm == "rigl":
                at, sums, squares, samples = candidates[n]
                free = [c for c in range(len(at)) if at[c].item() not in current - dropped]
                best = sorted(free, key=lambda c: -sums[c].abs().item())[:k]
                both = {at[c].item() for c in best} & dropped
                best = [c for c in best if at[c].item() not in both]
                slots = [s for s in slots.tolist() if indices[n][s].item() not in both][: len(best)]
                m, v, age = adam.state[place]
                for s, c in zip(slots, best):
                    indices[n][s], values[n][s] = at[c], 0
                    m[s] = sums[c] / samples * (1 - 0.9**samples)
                    v[s] = squares[c] / samples * (1 - 0.999**samples)
                    age[s] = samples
            else:
                scores = torch.outer(*sm3.state[place]).reshape(-1)
                scores[indices[n]] = -1
                indices[n][slots] = torch.topk(scores, k)[1]
                values[n][slots] = 0
        candidates = {}

    tensors["losses"] = torch.tensor(losses)
    for n in targets:
        order = indices[n].argsort()
        tensors["indices." + n] = indices[n][order].to(torch.int32)
        tensors["values." + n] = values[n][order]
    tensors.update({"abs." + n: p for n, p in whole.items()})
    save_file(tensors, os.path.join(HERE, f"spiel-{algorithm}-{name}.safetensors"))


if __name__ == "__main__":
    if sys.argv[1:] == ["spiel"]:
        spiel("tiny-bert", "rigl")
        spiel("tiny-bert", "sm3")
        sys.exit()
    masks("tiny-bert", ["label-square", "label-absolute", "expect-square"])
    masks("tiny-llama", ["label-square"])
    lt_sft("tiny-bert")
    diff_pruning("tiny-bert")
    spiel("tiny-bert", "rigl")
    spiel("tiny-bert", "sm3")
