"""Makes generation.json beside this file: the ids that Hugging Face transformers generates with tiny models.

    pip install torch transformers==5.24.0 safetensors
    python make_generation.py FOLDER_OF_MODELS [FOLDER_OF_MODELS ...]

Takes each folder in these folders that holds a model that generates. Each of its cases has three prompts of
different lengths, the settings, under transformers' names, and the new ids of each text up to the first end of text.
Decoders get the prompts in one batch padded on the left, encoder-decoders padded on the right. The
script checks that the ids are the same without a cache and, except for a warning, that they are the same for each
prompt alone; where they are not, "alone" is true and the ids are those of each prompt alone. With LongRoPE the table of positions
follows the longest text of a batch: there "alone_ids" are those of each prompt alone.

Random models often have several tokens that are nearly as good. A case's prompts are drawn until no choice is closer
than MARGIN; "margin" is the closest one. If no such prompts were found, "sure" says for greedy search how many tokens
of each text come before the first closer choice.
"""

import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.generation.utils import GenerationMixin

HERE = pathlib.Path(__file__).parent
LENGTHS = [9, 5, 2]
NEW = 26  # past a sliding window of 6, and past Phi-3's short context of 8
MARGIN = 1e-4
TRIES = 16
SEQ2SEQ = ("ForConditionalGeneration", "MTModel")

closest = [float("inf")]
top_k = GenerationMixin._get_top_k_continuations


def watched_top_k(self, *args, **kwargs):
    """Beam search looks at 2 · beams candidates in order; the set of the best and who comes first must be sure."""
    out = top_k(self, *args, **kwargs)
    scores = out[0]
    gaps = (scores[:, :-1] - scores[:, 1:])[scores[:, 1:] > -1e8]
    if len(gaps):
        closest[0] = min(closest[0], gaps.min().item())
    return out


GenerationMixin._get_top_k_continuations = watched_top_k


def batch(prompts, pad, left):
    width = max(map(len, prompts))
    fill = [width - len(p) for p in prompts]
    ids = [[pad] * n + p if left else p + [pad] * n for p, n in zip(prompts, fill)]
    mask = [[0] * n + [1] * len(p) if left else [1] * len(p) + [0] * n for p, n in zip(prompts, fill)]
    return torch.tensor(ids), torch.tensor(mask)


def generate(model, prompts, settings):
    """New ids of each text, the smallest margin, and for greedy search the number of sure tokens of each text."""
    seq2seq = model.config.is_encoder_decoder
    pad = model.config.pad_token_id if model.config.pad_token_id is not None else 0
    ids, mask = batch(prompts, pad, left=not seq2seq)
    closest[0] = float("inf")
    settings = dict(settings)
    eos = settings.pop("eos_token_id")
    out = model.generate(
        input_ids=ids, attention_mask=mask, pad_token_id=pad, eos_token_id=eos, do_sample=False,
        return_dict_in_generate=True, output_scores=True, **settings)
    start = 1 if seq2seq else ids.shape[1]
    beams = settings.get("num_beams", 1) > 1
    texts, sure = [], []
    for row, text in enumerate(out.sequences[:, start:].tolist()):
        if eos is not None and eos in text:
            text = text[: text.index(eos) + 1]
        texts.append(text)
        if not beams:
            gaps = [s[row].topk(2).values for s in out.scores[: len(text)]]
            gaps = [(g[0] - g[1]).item() for g in gaps]
            closest[0] = min([closest[0]] + gaps)
            sure.append(next((i for i, g in enumerate(gaps) if g < MARGIN), len(text)))
    return texts, closest[0], sure


def generate_alone(model, prompts, settings):
    results = [generate(model, [p], settings) for p in prompts]
    return [t for r in results for t in r[0]], min(r[1] for r in results), [s for r in results for s in r[2]]


def longrope(model):
    """Whether the factors of positions follow the longest text of a batch."""
    return (getattr(model.config, "rope_parameters", None) or {}).get("rope_type") == "longrope"


def cases(model, prompts):
    """The settings of each case. An end of text that texts do reach is taken from a greedy text."""
    positions = getattr(model.config, "max_position_embeddings", None) or 1000
    new = min(NEW, positions - max(LENGTHS))
    plain, _, _ = generate(model, prompts, dict(max_new_tokens=new, eos_token_id=None))
    end = plain[0][new // 2]
    a, b, c = plain[0][0], plain[1][0], plain[2][0]
    d = plain[1][1]
    every = {
        "greedy": {},
        "greedy-ends": dict(eos_token_id=end),
        "beam": dict(num_beams=3),
        "beam-ends": dict(num_beams=3, eos_token_id=end, num_return_sequences=2),
        "beam-early": dict(num_beams=4, eos_token_id=end, early_stopping=True, length_penalty=2.0),
        "beam-never": dict(num_beams=2, eos_token_id=end, early_stopping="never", length_penalty=0.5),
        "beam-rules": dict(num_beams=3, eos_token_id=end, no_repeat_ngram_size=2, repetition_penalty=1.2,
                           min_new_tokens=4, renormalize_logits=True),
        "repetition-penalty": dict(repetition_penalty=1.5),
        "no-repeat-ngram": dict(no_repeat_ngram_size=2),
        "encoder-rules": dict(encoder_no_repeat_ngram_size=2, encoder_repetition_penalty=1.4, repetition_penalty=1.3),
        "banned": dict(bad_words_ids=[[a], [b, d]], suppress_tokens=[end], begin_suppress_tokens=[b, c],
                       no_repeat_ngram_size=3),
        "lengths": dict(eos_token_id=end, min_new_tokens=15, forced_eos_token_id=end, repetition_penalty=1.3),
    }
    if longrope(model):
        del every["encoder-rules"]  # counts padding, and texts of a batch are not those of prompts alone
    if model.config.is_encoder_decoder:
        every["forced"] = dict(forced_bos_token_id=prompts[0][0], forced_eos_token_id=end, eos_token_id=end,
                               num_beams=3)
    return {name: {"max_new_tokens": new, "eos_token_id": None, **s} for name, s in every.items()}


def attempt(model, seed):
    generator = torch.Generator().manual_seed(seed)
    top = min(model.config.get_text_config().vocab_size, 128)
    return [torch.randint(3, top, (n,), generator=generator).tolist() for n in LENGTHS]


def surest(model, name, tries):
    """The prompts of a case, its settings, and what is generated."""
    best = None
    for prompts, every in tries(model):
        texts, margin, sure = generate(model, prompts, every[name])
        if best is None or margin > best[3]:
            best = prompts, every[name], texts, margin, sure
        if margin >= MARGIN:
            break
    return best


def entry(model):
    known = []

    def tries(model):
        for seed in range(TRIES):
            if seed == len(known):
                prompts = attempt(model, seed)
                known.append((prompts, cases(model, prompts)))
            yield known[seed]

    done = []
    for name in next(tries(model))[1]:
        prompts, settings, texts, margin, sure = surest(model, name, tries)
        case = dict(name=name, prompts=prompts, settings=settings, ids=texts, margin=margin, sure=sure)
        cacheless = dict(settings, use_cache=False)
        uncached, _, _ = generate(model, prompts, cacheless)
        alone, margin_alone, sure_alone = generate_alone(model, prompts, settings)
        if alone != texts and longrope(model):
            case.update(alone_ids=alone, margin=min(margin, margin_alone))
        elif alone != texts:
            case.update(alone=True, ids=alone, margin=margin_alone, sure=sure_alone)
            uncached, _, _ = generate_alone(model, prompts, cacheless)
        case["cacheless"] = uncached == case["ids"]
        case["margin"] = float(f"{case['margin']:.2g}")
        if not case["sure"] or case["margin"] >= MARGIN:
            del case["sure"]
        done.append(case)
    return done


def load(folder):
    config = AutoConfig.from_pretrained(folder)
    name = (config.architectures or [""])[0]
    kind = AutoModelForSeq2SeqLM if name.endswith(SEQ2SEQ) else AutoModelForCausalLM if "CausalLM" in name else None
    if name == "GPT2LMHeadModel":
        kind = AutoModelForCausalLM
    if kind is None:
        return None
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    start = model.generation_config.decoder_start_token_id
    model.generation_config = transformers.GenerationConfig(decoder_start_token_id=start)  # cases say everything else
    return model


def main():
    torch.manual_seed(0)
    expected = {}
    with torch.no_grad():
        for root in sys.argv[1:]:
            for folder in sorted(pathlib.Path(root).iterdir()):
                model = load(folder) if (folder / "model.safetensors").exists() else None
                if model is not None:
                    expected[folder.name] = entry(model)
                    odd = [c["name"] for c in expected[folder.name] if c.get("alone")]
                    moody = [c["name"] for c in expected[folder.name] if not c["cacheless"]]
                    close = {c["name"]: c["margin"] for c in expected[folder.name] if c["margin"] < MARGIN}
                    print(f"{folder.name}: close {close}, alone {odd}, cache matters {moody}", flush=True)
    lines = [
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]"
        for name, cases in expected.items()]
    (HERE / "generation.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
