"""The Hugging Face side of docs/performance.md: the cases of Bench.java, measured in the same way, as the same lines of JSON.

  python hugging_face.py --shape 160m --batch 8 --length 512 --cases train,recompute --side compile

Sides: `eager` is PyTorch as it is, with gradient checkpointing for `recompute` and transformers' dynamic cache for `decode`.
`compile` is torch.compile, and for `decode` the static cache, with which transformers compiles on a GPU; it has no `recompute`.
With `--quantize`, bitsandbytes keeps the layers' linear maps, as transformers does; a plain `eager` side is then the one to compare with.
Attention is SDPA, AdamW is fused. Training in bfloat16 has an adapter of float32 under autocast, as Trainer(bf16=True).
Run with PEFT 0.21 and transformers 5.
"""
import argparse
import gc
import json
import statistics
import sys
import time

import environment
import peft
import torch
from feed import feed
from peft.optimizers import create_lorafa_optimizer
from shapes import model_config
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

WARM_UP = {"train": 10, "recompute": 10, "inference": 10, "decode": 3}
TRAINING = ("train", "recompute")
RATE, RANK, ALPHA = 1e-4, 16, 32


QUANTIZE = ("nf4", "nf4-double", "fp4", "fp4-double", "int8")


def quantize(model, kind, precision):
    """Replaces the layers' linear maps by bitsandbytes', one by one; heads and embeddings stay."""
    import bitsandbytes as bnb

    for name, module in list(model.named_modules()):
        if type(module) is not torch.nn.Linear or name in ("lm_head", "classifier", "score"):
            continue
        settings = {"bias": module.bias is not None, "device": "cpu"}
        if kind == "int8":
            new = bnb.nn.Linear8bitLt(module.in_features, module.out_features, has_fp16_weights=False, threshold=6.0, **settings)
            new.weight = bnb.nn.Int8Params(module.weight.data.cpu(), requires_grad=False)
        else:
            new = bnb.nn.Linear4bit(
                module.in_features, module.out_features, compute_dtype=precision, quant_type=kind.split("-")[0],
                compress_statistics=kind.endswith("double"), **settings)
            new.weight = bnb.nn.Params4bit(
                module.weight.data.cpu(), requires_grad=False, quant_type=kind.split("-")[0],
                compress_statistics=kind.endswith("double"), module=new)
        new.bias = module.bias
        device = module.weight.device
        model.set_submodule(name, new.to(device))
        module.weight = None


class Unsound(Exception):
    """A measurement that means nothing."""


def load(args, device, trained):
    """A model with random weights, and an adapter: of float32 in training, otherwise of the model's precision."""
    config = model_config(args.shape)
    decoder = config.model_type == "llama"
    auto = AutoModelForCausalLM if decoder else AutoModelForSequenceClassification
    torch.manual_seed(0)
    with torch.device(device):
        base = auto.from_config(config, dtype=getattr(torch, args.precision), attn_implementation="sdpa")
    if args.quantize:
        quantize(base, args.quantize, getattr(torch, args.precision))
    if args.method == "none":
        return base
    return peft.get_peft_model(base, peft.LoraConfig(
        r=RANK, lora_alpha=ALPHA, use_dora=args.method == "dora", target_modules=None if args.method == "lora-qv" else "all-linear",
        task_type="CAUSAL_LM" if decoder else "SEQ_CLS"), autocast_adapter_dtype=trained)


def optimizer(model, method):
    if method == "lora-fa":
        return create_lorafa_optimizer(model, r=RANK, lora_alpha=ALPHA, lr=RATE, weight_decay=0.01)
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE, weight_decay=0.01, fused=True)


class Training:
    """Forward and backward pass, clipping, AdamW."""

    def __init__(self, model, args, recompute):
        if args.method == "none":
            raise SystemExit("the method 'none' has nothing to train")
        self.plain, self.precision = model, args.precision
        model.config.use_cache = False
        model.train()
        if recompute:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.enable_input_require_grads()
        self.optimizer = optimizer(model, args.method)
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.model = torch.compile(model) if args.side == "compile" else model
        self.first_loss = None

    def backpropagate(self, batch):
        device = self.trained[0].device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            loss = self.model(**{name: array.to(device) for name, array in batch.arrays.items()}).loss
        loss.backward()
        return loss.detach()

    def run(self, batch):
        loss = self.backpropagate(batch)
        self.norm = torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.first_loss is None:
            self.first_loss = loss.item()

    def check(self, first):
        loss, norm = self.backpropagate(first).item(), self.norm.item()
        zeros = sum(p.grad is None or not p.grad.any().item() for p in self.trained)
        if zeros or not norm > 0:
            raise Unsound(f"{zeros} of {len(self.trained)} trained tensors have no gradient, or one of zeros; the norm of all is {norm}")
        if not loss < self.first_loss:
            raise Unsound(f"the loss does not fall: {self.first_loss:.5f} at first, {loss:.5f} at last")
        return {"trainable": sum(p.numel() for p in self.trained), "first_loss": round(self.first_loss, 4), "loss": round(loss, 4),
                "gradient_norm": round(norm, 4)}


class Reading:
    """The logits of a whole batch."""

    def __init__(self, model, args):
        model.config.use_cache = False
        model.eval()
        self.model = torch.compile(model) if args.side == "compile" else model
        self.device = model.device

    @torch.inference_mode()
    def run(self, batch):
        self.model(**{name: array.to(self.device) for name, array in batch.arrays.items() if name != "labels"})

    def check(self, first):
        return {}


class Decoding:
    """Greedy generation."""

    def __init__(self, model, args):
        model.eval()
        self.model, self.new_tokens = model, args.new_tokens
        self.settings = {"cache_implementation": "static"} if args.side == "compile" else {}

    @torch.inference_mode()
    def run(self, batch):
        ids = batch.arrays["input_ids"].to(self.model.device)
        texts = self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=self.new_tokens, do_sample=False,
            eos_token_id=None, pad_token_id=0, **self.settings)
        self.written = texts.shape[1] - ids.shape[1]

    def check(self, first):
        if self.written != self.new_tokens:
            raise Unsound(f"a text has {self.written} new tokens, expected {self.new_tokens}")
        return {}


def work(case, model, args):
    if case in TRAINING:
        return Training(model, args, case == "recompute")
    return {"inference": Reading, "decode": Decoding}[case](model, args)


def timed(job, case, batches, args, wait):
    """Median of one batch several times, or the sum over an epoch's batches once; of all, the CPU time of all threads."""
    for i in range(args.warm_up or WARM_UP[case]):
        job.run(batches[i % len(batches)])
        wait()
    seconds, cpu = [], time.process_time()
    for i in range(args.steps if len(batches) == 1 else len(batches)):
        start = time.perf_counter()
        job.run(batches[i % len(batches)])
        wait()
        seconds.append(time.perf_counter() - start)
    median, steps = statistics.median_high(seconds), len(seconds)
    total = median * steps if len(batches) == 1 else sum(seconds)
    of = (lambda batch: args.batch * args.new_tokens) if case == "decode" else (lambda batch: batch.tokens)
    tokens = sum(of(batches[i % len(batches)]) for i in range(steps))
    positions = sum(batch.arrays["input_ids"].numel() for batch in batches)
    return {"steps": steps, "step_ms": round(1e3 * median, 4), "cpu_ms": round(1e3 * (time.process_time() - cpu) / steps, 4),
            "tokens": tokens, "fill": round(sum(batch.tokens for batch in batches) / positions, 4),
            "tokens_per_second": round(tokens / total)}


def measure(case, rows, args, gpu):
    gc.collect()
    torch.compiler.reset()
    if gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    model = load(args, "cuda" if gpu else "cpu", case in TRAINING)
    if gpu and args.quantize:  # the plain model that it was made of does not count
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    batches = feed(rows, model.config, args.batch, args.length, args.steps)
    job = work(case, model, args)
    settings = {
        "side": args.side, "case": case, "shape": args.shape, "method": args.method, "rows": rows,
        "precision": (args.precision + " " + args.quantize).strip(),
        "batch": args.batch, "length": args.length, "new_tokens": args.new_tokens if case == "decode" else 0,
        "revision": args.revision}
    facts = environment.facts(gpu)
    numbers = timed(job, case, batches, args, torch.cuda.synchronize if gpu else lambda: None)
    memory = environment.memory(gpu)
    print(json.dumps(settings | facts | numbers | memory | job.check(batches[0])), flush=True)


def arguments(gpu):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=["eager", "compile"], default="eager")
    parser.add_argument("--shape", default="tiny")
    parser.add_argument("--cases", default="recompute,train,inference")
    parser.add_argument("--method", choices=["lora", "lora-qv", "lora-fa", "dora", "lst", "none"], default="lora")
    for name, count in (("batch", 4), ("length", 128), ("new-tokens", 128), ("warm-up", 0), ("steps", 8)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--ragged", action="store_true")
    parser.add_argument("--rows", default="padded,by-length,packed")
    parser.add_argument("--precision", type=str.lower, choices=["float32", "bfloat16"], default="bfloat16" if gpu else "float32")
    parser.add_argument("--quantize", choices=QUANTIZE, default="")
    parser.add_argument("--revision", default="")
    return parser.parse_args()


def main():
    gpu = torch.cuda.is_available()
    args = arguments(gpu)
    if args.method == "lst":
        return print("hugging_face.py: PEFT has no lst", file=sys.stderr)
    problems = []
    for args.shape in args.shape.split(","):
        for rows in args.rows.split(",") if args.ragged else ["even"]:
            for case in args.cases.split(","):
                if case == "decode" and args.ragged:
                    raise SystemExit("decode takes prompts of one length: leave --ragged out")
                if (args.side, case) == ("compile", "recompute"):
                    continue
                try:
                    measure(case, rows, args, gpu)
                except (Unsound, torch.cuda.OutOfMemoryError) as e:
                    problems.append(f"{args.shape}, {args.method}, {case}, {rows} rows: {e}")
    for problem in problems:
        print(f"hugging_face.py: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
