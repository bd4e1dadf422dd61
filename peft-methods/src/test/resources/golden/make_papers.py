"""Makes golden cases of methods that Hugging Face PEFT lacks, from their formulas, in plain PyTorch.

    pip install torch transformers safetensors
    python make_papers.py [REGEX of cases, such as tiny-llama/lst]

The models are those of make_goldens.py, and so are the files of a case.
"""

import copy
import json
import math
import pathlib
import re
import sys

import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call
from transformers import BertForSequenceClassification, LlamaForCausalLM, T5ForConditionalGeneration

HERE = pathlib.Path(__file__).parent
PREFIX = "base_model.model."


class Krona:
    """W + s (A x B) for the weights of modules; or s (A x B) x + rho x beside feed-forward networks."""

    def __init__(self, model, settings):
        self.settings = settings
        self.tensors = {}
        beside = settings["placement"] != "weights"
        self.merges = not beside
        names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)]
        self.modules = []
        for name in names:
            if name.endswith("mlp.down_proj") if beside else name.split(".")[-1] in settings["target_modules"]:
                weight = model.get_submodule(name).weight
                out, inputs = (weight.shape[0],) * 2 if beside else weight.shape
                # peft4j calls the network feed_forward, in every family
                key = PREFIX + (name.removesuffix("mlp.down_proj") + "feed_forward" if beside else name) + "."
                self.modules.append((name, key))
                a, b = settings["a_out"], settings["a_in"]
                self.tensors[key + "krona_A"] = torch.randn(a, b)
                self.tensors[key + "krona_B"] = torch.randn(out // a, inputs // b)
                if settings["placement"] == "feed_forward_residual":
                    self.tensors[key + "krona_residual"] = torch.randn(1)

    def product(self, key):
        return self.settings["scaling"] * torch.kron(self.tensors[key + "krona_A"], self.tensors[key + "krona_B"])

    def run(self, model, inputs):
        if self.settings["placement"] == "weights":
            weights = {n + ".weight": model.get_parameter(n + ".weight") + self.product(k) for n, k in self.modules}
            return functional_call(model, weights, kwargs=inputs)
        hooks = [model.get_submodule(n.removesuffix(".down_proj")).register_forward_hook(self.beside(k))
                 for n, k in self.modules]
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()

    def beside(self, key):
        rho = self.tensors.get(key + "krona_residual", torch.zeros(1))
        return lambda module, given, y: y + given[0] @ self.product(key).T + rho * given[0]


def java_hash(text):
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value


class Said:
    """W + lambda_i P_i(theta) for every tensor W, with P = H G Pi H B as matrices."""

    merges = True

    def __init__(self, model, settings):
        targets = settings["target_modules"]
        self.names = sorted(n for n, _ in model.named_parameters()
                            if not n.startswith("classifier")
                            and (targets is None or n.split(".")[-2] in targets))
        count = len(self.names) if settings["said"] else 0
        self.size = settings["intrinsic_dimension"] - count
        self.tensors = {"base_model.said_theta": torch.randn(self.size)}
        if count:
            self.tensors["base_model.said_lambda"] = 1 + torch.randn(count)
        self.projections = {n: self.projection(n, model.get_parameter(n).numel(), settings) for n in self.names}

    def projection(self, name, elements, settings):
        length = 2 ** math.ceil(math.log2(elements))
        used = min(self.size, length)
        torch.manual_seed(java_hash(name) ^ (settings["projection_seed"] * 0x9E3779B1 & 0xFFFFFFFF))
        signs = torch.where(torch.empty(used).uniform_(-1, 1) < 0, -1.0, 1.0)
        order = torch.randperm(length)
        weights = torch.randn(1, length)[0]
        hadamard = torch.ones(1, 1)
        while len(hadamard) < length:
            hadamard = torch.kron(torch.tensor([[1.0, 1.0], [1.0, -1.0]]), hadamard)
        matrix = hadamard @ (weights[:, None] * hadamard[:, :used][order] * signs)
        divisor = torch.sqrt(length * torch.sum(weights ** 2)) * math.sqrt(elements / length)
        padded = torch.zeros(elements, self.size)
        padded[:, :used] = matrix[:elements] / divisor
        return padded

    def run(self, model, inputs):
        theta = self.tensors["base_model.said_theta"]
        scales = self.tensors.get("base_model.said_lambda", torch.ones(len(self.names)))
        moved = {n: model.get_parameter(n) + scales[i] * (self.projections[n] @ theta).view_as(model.get_parameter(n))
                 for i, n in enumerate(self.names)}
        return functional_call(model, moved, kwargs=inputs, tie_weights=True)


class Sora:
    """W + s B diag(g) A; a mean of |g| in the loss, and a soft threshold of g after each step."""

    merges = True

    def __init__(self, model, settings):
        self.settings = settings
        self.tensors, self.modules, r = {}, [], settings["r"]
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name.split(".")[-1] in settings["target_modules"]:
                out, inputs = module.weight.shape
                self.modules.append(name)
                self.tensors[PREFIX + name + ".lora_A.weight"] = torch.randn(r, inputs)
                self.tensors[PREFIX + name + ".gate"] = torch.randn(1, r)
                self.tensors[PREFIX + name + ".lora_B.weight"] = torch.randn(out, r)

    def gates(self):
        return [self.tensors[PREFIX + name + ".gate"] for name in self.modules]

    def run(self, model, inputs):
        moved = {}
        for name in self.modules:
            a, g, b = (self.tensors[PREFIX + name + "." + key] for key in ("lora_A.weight", "gate", "lora_B.weight"))
            change = b @ torch.diag(g[0]) @ a
            scale = self.settings["lora_alpha"] / self.settings["r"]
            moved[name + ".weight"] = model.get_parameter(name + ".weight") + scale * change
        return functional_call(model, moved, kwargs=inputs)

    def penalty(self):
        return self.settings["sparse_lambda"] * torch.cat(self.gates(), 1).abs().mean()

    def after_step(self, rate):
        t = self.settings["sparse_lambda_2"] * (rate if self.settings["threshold_by_rate"] else 1)
        with torch.no_grad():
            for g in self.gates():
                g.copy_(torch.sign(g) * torch.clamp(g.abs() - t, min=0))

    def groups(self):
        gates = self.gates()
        others = [tensor for tensor in self.tensors.values() if all(tensor is not g for g in gates)]
        return [dict(params=others), dict(params=gates, weight_decay=0.0, lr=self.settings["sparse_lr"] or 1e-2)]


class DyLora:
    """W + alpha/b B[:, :b] A[:b], with a rank b that each step draws; only its last ranks may be trained."""

    merges = True

    def __init__(self, model, settings):
        self.settings, self.step = settings, None
        self.tensors, self.modules, r = {}, [], settings["r"]
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name.split(".")[-1] in settings["target_modules"]:
                out, inputs = module.weight.shape
                self.modules.append(name)
                self.tensors[PREFIX + name + ".lora_A.weight"] = torch.randn(r, inputs)
                self.tensors[PREFIX + name + ".lora_B.weight"] = torch.randn(out, r)

    def rank(self):
        if self.step is None:
            return self.settings["inference_rank"] or self.settings["r"]
        torch.manual_seed(self.settings["seed"] * 1_000_003 + self.step)
        multiple = self.settings["rank_multiple"]
        return multiple * (1 + int(torch.empty(1).uniform_(0, 1).item() * (self.settings["r"] // multiple)))

    def run(self, model, inputs):
        moved, b = {}, self.rank()
        resting = b - self.settings["rank_multiple"] if self.settings["frozen"] and self.step is not None else 0
        for name in self.modules:
            down, up = (self.tensors[PREFIX + name + "." + key] for key in ("lora_A.weight", "lora_B.weight"))
            down = torch.cat([down[:resting].detach(), down[resting:b]])
            up = torch.cat([up[:, :resting].detach(), up[:, resting:b]], 1)
            moved[name + ".weight"] = model.get_parameter(name + ".weight") + self.settings["lora_alpha"] / b * up @ down
        return functional_call(model, moved, kwargs=inputs)


class AdaMix:
    """Several maps down and up; each pass of a training draws one of each, other passes take the means.

    peft4j draws from a generator that it seeds for each segment: the embeddings are the first, then come the layers.
    """

    def __init__(self, model, settings, routed):
        self.settings, self.step, self.routed = settings, None, routed
        self.experts = [1 if settings[side] else settings["num_experts"] for side in ("sharing_down", "sharing_up")]

    def one(self, key, route, copy):
        tensor = self.tensors[key]
        if tensor.dim() == self.plain[key]:
            return tensor
        return tensor.mean(0) if route is None else tensor[route[copy]]

    def run(self, model, inputs):
        weight, routes = self.settings["consistency_weight"], self.routes(2)
        first = self.one_pass(model, inputs, routes, 0)
        if self.step is not None and weight:
            first.loss = first.loss + weight * self.apart(first, self.one_pass(model, inputs, routes, 1), inputs)
        return first

    def routes(self, copies):
        """For each place the experts that each copy of a batch takes, or nothing for the means."""
        if self.step is None:
            return {}
        copies = copies if self.settings["consistency_weight"] else 1
        drawn, seeded = {}, None
        for name in self.places:
            layer = int(re.search(r"layers?\.(\d+)\.", name)[1])
            if layer != seeded:
                torch.manual_seed(self.step * 1_000_003 + 1 + layer)
                seeded = layer
            drawn[name] = [torch.randint(0, m, [copies]) if m > 1 or self.routed else torch.zeros(copies, dtype=int)
                           for m in self.experts]
        return drawn

    @staticmethod
    def apart(first, second, inputs):
        """How far two passes are apart, for each label; each learns from the other as it is."""
        x, y = first.logits, second.logits
        if inputs["labels"].dim() == 2:
            counts = inputs["labels"][:, 1:] != -100
            x, y = x[:, :-1][counts], y[:, :-1][counts]
        p, q = x.log_softmax(-1), y.log_softmax(-1)
        divergence = torch.nn.functional.kl_div
        return 0.5 * (divergence(p, q.detach().exp(), reduction="batchmean")
                      + divergence(q, p.detach().exp(), reduction="batchmean"))


class AdaMixLora(AdaMix):
    """W + s B_j A_i."""

    merges = True

    def __init__(self, model, settings):
        super().__init__(model, settings, True)
        self.tensors, self.places, self.plain, r = {}, [], {}, settings["r"]
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name.split(".")[-1] in settings["target_modules"]:
                out, inputs = module.weight.shape
                self.places.append(name)
                self.tensors[PREFIX + name + ".lora_A.weight"] = torch.randn(self.experts[0], r, inputs)
                self.tensors[PREFIX + name + ".lora_B.weight"] = torch.randn(self.experts[1], out, r)
        self.plain = dict.fromkeys(self.tensors, 2)

    def one_pass(self, model, inputs, routes, copy):
        moved, scale = {}, self.settings["lora_alpha"] / self.settings["r"]
        for name in self.places:
            down, up = routes.get(name, (None, None))
            a = self.one(PREFIX + name + ".lora_A.weight", down, copy)
            b = self.one(PREFIX + name + ".lora_B.weight", up, copy)
            moved[name + ".weight"] = model.get_parameter(name + ".weight") + scale * b @ a
        return functional_call(model, moved, kwargs=inputs)


class AdaMixBottleneck(AdaMix):
    """h + B_j gelu(A_i h) after the feed-forward network of each layer of BERT, before the sum with its input."""

    merges = False

    def __init__(self, model, settings):
        super().__init__(model, settings, False)
        d = model.config.hidden_size
        m, self.tensors, self.plain = int(d / settings["reduction_factor"]), {}, {}
        self.places = [n for n, _ in model.named_modules() if re.fullmatch(r"bert\.encoder\.layer\.\d+\.output", n)]
        for name in self.places:
            for key, experts, out, inputs in (("adapter_down.0", self.experts[0], m, d),
                                              ("adapter_up", self.experts[1], d, m)):
                # peft4j calls the branch feed_forward, in every family
                prefix = self.key(name) + key
                many = [experts] if experts > 1 else []
                self.tensors[prefix + ".weight"] = torch.randn(*many, out, inputs)
                self.tensors[prefix + ".bias"] = torch.randn(*many, out)
                self.plain.update({prefix + ".weight": 2, prefix + ".bias": 1})

    @staticmethod
    def key(name):
        return PREFIX + name.removesuffix("output") + "feed_forward."

    def one_pass(self, model, inputs, routes, copy):
        def after(name):
            down, up = routes.get(name, (None, None))
            w1, b1 = (self.one(self.key(name) + "adapter_down.0." + k, down, copy) for k in ("weight", "bias"))
            w2, b2 = (self.one(self.key(name) + "adapter_up." + k, up, copy) for k in ("weight", "bias"))
            return lambda module, given, h: h + torch.nn.functional.gelu(h @ w1.T + b1) @ w2.T + b2

        hooks = [model.get_submodule(n + ".dropout").register_forward_hook(after(n)) for n in self.places]
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()


class Pasta:
    """Before each layer, the j-th special token of a text gets the vector E_j of the layer."""

    merges = False

    def __init__(self, model, settings):
        self.settings = settings
        self.tensors = {}
        chosen = settings["layers_to_transform"]
        pattern = re.compile(r"(model|bert\.encoder)\.layers?\.(\d+)")
        self.layers = [n for n, _ in model.named_modules()
                       if (m := pattern.fullmatch(n)) and (chosen is None or int(m[2]) in chosen)]
        for name in self.layers:
            size = (settings["num_special_tokens"], model.config.hidden_size)
            self.tensors[PREFIX + name + ".special_token_embedding.weight"] = torch.randn(size)

    def run(self, model, inputs):
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        places = []  # row, column, which special token of the row
        for row in range(len(ids)):
            found = [c for c in range(ids.shape[1])
                     if mask[row, c] and ids[row, c].item() in self.settings["special_token_ids"]]
            places += [(row, c, j) for j, c in enumerate(found[:self.settings["num_special_tokens"]])]

        def before(name):
            table = self.tensors[PREFIX + name + ".special_token_embedding.weight"]

            def hook(module, given, named):
                hidden = (given[0] if given else named["hidden_states"]).clone()
                for row, column, j in places:
                    hidden[row, column] += table[j]
                return ((hidden,) + given[1:], named) if given else (given, dict(named, hidden_states=hidden))
            return hook

        hooks = [model.get_submodule(n).register_forward_pre_hook(before(n), with_kwargs=True) for n in self.layers]
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()


class Selective:
    """Copies of the model's own tensors, of those whose names match."""

    merges = True

    def __init__(self, model, settings):
        pattern = re.compile(SELECTED[json.dumps(settings["select"])])
        self.tensors = {PREFIX + n: p.detach() + torch.randn(p.shape)
                        for n, p in model.named_parameters() if pattern.fullmatch(n)}

    def run(self, model, inputs):
        copied = {name.removeprefix(PREFIX): tensor for name, tensor in self.tensors.items()}
        return functional_call(model, copied, kwargs=inputs, tie_weights=True)


class Ipt:
    """Prompts of the first tokens' vectors, or of the mean state, in front of the embedded text."""

    merges = False
    saved = "base_model."  # PEFT's names beside prompts

    def __init__(self, model, settings):
        self.settings = settings
        vectors = model.get_input_embeddings().weight
        d, h = vectors.shape[1], settings["encoder_hidden_size"]
        if settings["prompt_source"] == "STATES":
            self.network = torch.nn.Sequential(torch.nn.Linear(d, h), torch.nn.ReLU(),
                                               torch.nn.Linear(h, settings["num_virtual_tokens"] * d))
            shapes = {"prompt_encoder.mlp_head." + n: p.shape for n, p in self.network.named_parameters()}
        else:
            self.network = dict(MLP=self.mlp, CNN=self.cnn, LSTM=self.lstm, NONE=lambda d, h: {})[
                settings["prompt_encoder"]](d, h)
            shapes = {"prompt_encoder." + n + "." + k: p.shape for n, m in self.network.items()
                      for k, p in m.named_parameters()}
            shapes["prompt_end"] = (d,)
            if settings["token_table"] != "MODEL":
                shapes["prompt_table.weight"] = vectors.shape
        self.tensors = {n: torch.randn(s) for n, s in shapes.items()}  # without modules, as PEFT's prompts

    @staticmethod
    def mlp(d, h):
        return dict(mlp_head=torch.nn.Sequential(torch.nn.Linear(d, h), torch.nn.ReLU(), torch.nn.Linear(h, h),
                                                 torch.nn.ReLU(), torch.nn.Linear(h, d)))

    @staticmethod
    def cnn(d, h):
        return dict(conv=torch.nn.Conv1d(d, h, 3, padding=1), linear=torch.nn.Linear(h, d))

    def lstm(self, d, h):
        layers = self.settings["encoder_num_layers"]
        return dict(lstm_head=torch.nn.LSTM(d, h, layers, bidirectional=True, batch_first=True),
                    mlp_head=torch.nn.Sequential(torch.nn.Linear(2 * h, 2 * h), torch.nn.ReLU(),
                                                 torch.nn.Linear(2 * h, d)))

    def part(self, name):
        prefix = "prompt_encoder." + name
        return {n.removeprefix(prefix): t for n, t in self.tensors.items() if n.startswith(prefix)}

    def call(self, name, x):
        return functional_call(self.network[name], self.part(name + "."), (x,))

    def prompts(self, model, inputs):
        ids, mask, n = inputs["input_ids"], inputs["attention_mask"], self.settings["num_virtual_tokens"]
        if self.settings["prompt_source"] == "STATES":
            with torch.no_grad():
                states = model.base_model(input_ids=ids, attention_mask=mask)[0]
            mean = torch.stack([states[b, mask[b] > 0].mean(0) for b in range(len(ids))])
            return functional_call(self.network, self.part("mlp_head."), (mean,)).view(len(ids), n, -1)
        table = self.tensors.get("prompt_table.weight", model.get_input_embeddings().weight)
        end = self.tensors["prompt_end"]
        e = torch.stack([torch.stack([table[i] for i in row[m > 0][:n]] + [end] * max(0, n - int(m.sum()))) + 0 * end
                         for row, m in zip(ids, mask)])
        match self.settings["prompt_encoder"]:
            case "NONE":
                return e
            case "MLP":
                return self.call("mlp_head", e)
            case "CNN":
                return self.call("linear", torch.relu(self.call("conv", e.transpose(1, 2)).transpose(1, 2)))
            case "LSTM":
                return self.call("mlp_head", self.call("lstm_head", e)[0])

    def run(self, model, inputs):
        prompts = self.prompts(model, inputs)
        n = prompts.shape[1]
        labels = inputs["labels"]
        if labels.dim() == 2:
            labels = torch.nn.functional.pad(labels, (n, 0), value=-100)
        embedded = torch.cat([prompts, model.get_input_embeddings()(inputs["input_ids"])], 1)
        mask = torch.nn.functional.pad(inputs["attention_mask"], (n, 0), value=1)
        return model(inputs_embeds=embedded, attention_mask=mask, labels=labels)


class AttentionFusion:
    """The head reads a mixture of a token's states after all layers, weighted by a trained query."""

    merges = False

    def __init__(self, model, settings):
        self.settings = settings
        self.key = PREFIX + ("model" if model.config.model_type == "llama" else "bert") + ".fusion."
        self.tensors = {self.key + n: torch.randn(model.config.hidden_size)
                        for n in ("query", "norm.weight", "norm.bias")}

    def run(self, model, inputs):
        query, weight, bias = (self.tensors[self.key + n] for n in ("query", "norm.weight", "norm.bias"))
        llama = model.config.model_type == "llama"
        layers = model.model.layers if llama else model.bert.encoder.layer
        states = []

        def before(module, given, named):
            states.append(given[0] if given else named["hidden_states"])

        def after(module, given, y):
            states.append(y[0] if isinstance(y, tuple) else y)

        def end(module, given, y):
            used = states if self.settings["include_embeddings"] else states[1:]
            v = [torch.nn.functional.layer_norm(h, h.shape[-1:], weight, bias) for h in used]
            alpha = torch.softmax(torch.stack([x @ query for x in v], -1), -1)
            output = sum(alpha[..., i, None] * x for i, x in enumerate(v))
            return (output,) + y[1:] if isinstance(y, tuple) else output

        hooks = [layers[0].register_forward_pre_hook(before, with_kwargs=True)]
        hooks += [layer.register_forward_hook(after) for layer in layers]
        hooks.append((model.model.norm if llama else layers[-1]).register_forward_hook(end))
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()


class Lst:
    """A narrow network of the family's own layers reads the states after the frozen model's layers."""

    merges = False

    def __init__(self, model, settings):
        self.settings = settings
        self.tensors = {}
        r, config = settings["reduction_factor"], copy.deepcopy(model.config)
        for size in ("hidden_size", "intermediate_size", "head_dim", "d_model", "d_ff", "d_kv"):
            if isinstance(getattr(config, size, None), int) and size not in type(config).attribute_map:
                setattr(config, size, getattr(config, size) // r)
        torch.manual_seed(4)
        narrow = type(model)(config).train().requires_grad_(False)
        name, self.stacks = model.config.model_type, []
        for stack in ("encoder", "decoder") if name == "t5" else ("model",) if name == "llama" else ("bert",):
            wide, side = model.get_submodule(stack), narrow.get_submodule(stack)
            layers = "block" if name == "t5" else "layers" if name == "llama" else "encoder.layer"
            norm = {"t5": "final_layer_norm", "llama": "norm", "bert": None}[name]
            self.add(stack, wide, side, layers, norm, model.config, config, stack != "encoder")

    def add(self, stack, wide, side, layers, norm, config, narrow_config, is_last):
        count = len(wide.get_submodule(layers))
        chosen = self.settings["side_layers"] or list(range(count))
        key, size, narrow = PREFIX + stack + ".side.", config.hidden_size, narrow_config.hidden_size
        for name, tensor in side.named_parameters():
            used = norm is not None and name.startswith(norm)
            used |= any(name.startswith(f"{layers}.{i}.") for i in chosen)
            if used and "relative_attention_bias" not in name:
                self.tensors[key + name] = tensor
        maps = ["first_downsample"] + [f"downsamples.{i}" for i in chosen]
        for name in maps + ["upsample"] * is_last:
            out, inputs = (size, narrow) if name == "upsample" else (narrow, size)
            self.tensors[key + name + ".weight"] = torch.randn(out, inputs)
            if self.settings["add_bias_sampling"]:
                self.tensors[key + name + ".bias"] = torch.randn(out)
        for i in chosen:
            self.tensors[f"{key}gates.{i}"] = torch.randn(1)
        self.stacks.append((key, wide, side, layers, norm, chosen, is_last))

    def linear(self, name, x):
        return torch.nn.functional.linear(x, self.tensors[name + ".weight"], self.tensors.get(name + ".bias"))

    def run(self, model, inputs):
        memory, hooks = [None], []

        def climb(stack, layer, states):
            key, wide, side, layers, norm, chosen, is_last = stack
            s = self.linear(key + "first_downsample", states[0])
            for i in chosen:
                gate = torch.sigmoid(self.tensors[f"{key}gates.{i}"] / self.settings["gate_t"])
                h = gate * s + (1 - gate) * self.linear(f"{key}downsamples.{i}", states[i + 1])
                s = layer(wide, side, i, h, memory[0])
            s = s if norm is None else side.get_submodule(norm)(s)
            memory[0] = s
            return self.linear(key + "upsample", s) if is_last else None

        for stack in self.stacks:
            key, wide, side, layers, norm, chosen, is_last = stack
            states, blocks = [], wide.get_submodule(layers)

            def before(module, given, named, states=states):
                states.append(given[0] if given else named["hidden_states"])

            def after(module, given, y, states=states):
                states.append(y[0] if isinstance(y, tuple) else y)

            def end(module, given, y, stack=stack, states=states):
                output = climb(stack, self.layers(model, inputs), states)
                return None if output is None else (output,) + y[1:] if isinstance(y, tuple) else output

            hooks.append(blocks[0].register_forward_pre_hook(before, with_kwargs=True))
            hooks += [block.register_forward_hook(after) for block in blocks]
            hooks.append((blocks[-1] if norm is None else wide.get_submodule(norm)).register_forward_hook(end))
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()

    @staticmethod
    def layers(model, inputs):
        """How a layer is called: (wide stack, narrow stack, index, states, memory) -> states."""
        unseen = (1.0 - inputs["attention_mask"][:, None, None, :]) * torch.finfo(torch.float32).min

        def causal(h):
            return torch.full((h.shape[1], h.shape[1]), torch.finfo(torch.float32).min).triu(1)

        def llama(wide, side, i, h, memory):
            places = torch.arange(h.shape[1])[None]
            mask = torch.maximum(unseen + causal(h), torch.tensor(torch.finfo(torch.float32).min))
            y = side.layers[i](h, attention_mask=mask, position_ids=places,
                               position_embeddings=side.rotary_emb(h, places))
            return y[0] if isinstance(y, tuple) else y

        def bert(wide, side, i, h, memory):
            y = side.encoder.layer[i](h, attention_mask=unseen)
            return y[0] if isinstance(y, tuple) else y

        def t5(wide, side, i, h, memory):
            own = wide.block[0].layer[0].SelfAttention  # the table of the frozen model
            bias = own.compute_bias(h.shape[1], h.shape[1])
            if memory is None or not wide.is_decoder:
                return side.block[i](h, position_bias=bias + unseen)[0]
            return side.block[i](h, position_bias=bias + causal(h), encoder_hidden_states=memory,
                                 encoder_decoder_position_bias=unseen)[0]

        return {"llama": llama, "bert": bert, "t5": t5}[model.config.model_type]


class Bapna:
    """z + W2 relu(W1 LayerNorm(z) + b1) + b2 of each layer's output z (Bapna and Firat 2019)."""

    merges = False

    def __init__(self, model, settings):
        d, m = model.config.d_model, model.config.d_model // settings["reduction_factor"]
        self.layers = [n for n, _ in model.named_modules() if re.fullmatch(r"(en|de)coder\.block\.\d+", n)]
        self.tensors = {}
        for name in self.layers:
            key = PREFIX + name + ".feed_forward."
            for end, shape in (("adapter_norm_before.weight", (d,)), ("adapter_norm_before.bias", (d,)),
                               ("adapter_down.1.weight", (m, d)), ("adapter_down.1.bias", (m,)),
                               ("adapter_up.weight", (d, m)), ("adapter_up.bias", (d,))):
                self.tensors[key + end] = torch.randn(shape)

    def run(self, model, inputs):
        def after(name):
            key = PREFIX + name + ".feed_forward."
            scale, shift, w1, b1, w2, b2 = (self.tensors[key + end] for end in (
                "adapter_norm_before.weight", "adapter_norm_before.bias", "adapter_down.1.weight",
                "adapter_down.1.bias", "adapter_up.weight", "adapter_up.bias"))

            def hook(module, given, output):
                z = output[0]
                normed = torch.nn.functional.layer_norm(z, z.shape[-1:], scale, shift)
                return (z + torch.relu(normed @ w1.T + b1) @ w2.T + b2,) + output[1:]
            return hook

        hooks = [model.get_submodule(n).register_forward_hook(after(n)) for n in self.layers]
        try:
            return model(**inputs)
        finally:
            for hook in hooks:
                hook.remove()


class PreLayer:
    """n vectors before the text, whose states are replaced before each further layer (LoRA's PreLayer)."""

    merges = False

    def __init__(self, model, settings):
        shape = (settings["num_virtual_tokens"], model.config.hidden_size)
        self.layers = [n for n, _ in model.named_modules() if re.fullmatch(r"bert\.encoder\.layer\.\d+", n)][1:]
        self.tensors = {PREFIX + "bert.input.activations": torch.randn(shape)}
        self.tensors.update({PREFIX + n + ".activations": torch.randn(shape) for n in self.layers})

    def run(self, model, inputs):
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        first = self.tensors[PREFIX + "bert.input.activations"].expand(len(ids), -1, -1)
        n = first.shape[1]
        embedded = torch.cat([first, model.get_input_embeddings()(ids)], 1)
        seen = torch.cat([torch.ones(len(ids), n, dtype=mask.dtype), mask], 1)

        def before(name):
            own = self.tensors[PREFIX + name + ".activations"].expand(len(ids), -1, -1)
            return lambda module, given: (torch.cat([own, given[0][:, n:]], 1),) + given[1:]

        hooks = [model.get_submodule(m).register_forward_pre_hook(before(m)) for m in self.layers]
        try:
            return model(inputs_embeds=embedded, attention_mask=seen, labels=inputs["labels"])
        finally:
            for hook in hooks:
                hook.remove()


KRONA = dict(peft_type="KRONA", a_out=4, a_in=2, bias="none", exclude_modules=None, layers_pattern=None,
             layers_to_transform=None, modules_to_save=None, placement="weights", residual_scale=0.0, scaling=1.0,
             target_modules=None)
SAID = dict(peft_type="SAID", intrinsic_dimension=100, modules_to_save=None, projection_seed=0, said=True,
            target_modules=None)
SORA = dict(peft_type="SORA", bias="none", exclude_modules=None, layers_pattern=None, layers_to_transform=None,
            lora_alpha=16, lora_dropout=0.0, modules_to_save=None, r=4, sparse_lambda=0.5, sparse_lambda_2=0.05,
            sparse_lr=None, target_modules=None, threshold_by_rate=False)
DYLORA = dict(peft_type="DYLORA", bias="none", exclude_modules=None, frozen=True, inference_rank=None,
              layers_pattern=None, layers_to_transform=None, lora_alpha=8, lora_dropout=0.0, modules_to_save=None, r=4,
              rank_multiple=1, seed=42, target_modules=None)
PASTA = dict(peft_type="PASTA", dropout=0.0, initializer_range=0.02, layers_to_transform=None, modules_to_save=None,
             num_special_tokens=3)
EXPERTS = dict(consistency_weight=0.7, num_experts=3, sharing_down=False, sharing_up=True)
ADAMIX_LORA = dict(peft_type="ADAMIX_LORA", bias="none", exclude_modules=None, layers_pattern=None,
                   layers_to_transform=None, lora_alpha=6, lora_dropout=0.0, modules_to_save=None, r=4,
                   target_modules=None, **EXPERTS)
ADAMIX = dict(peft_type="ADAMIX", adapter_residual_before_ln=False, cross_adapter=False, dropout=0.0,
              factorized_phm_W=True, factorized_phm_rule=False, hypercomplex_nonlinearity="glorot-uniform",
              init_weights="bert", init_weights_seed=None, inv_adapter=None, inv_adapter_reduction_factor=None,
              is_parallel=False, learn_phm=True, leave_out=[], ln_after=False, ln_before=False, mh_adapter=False,
              modules_to_save=None, non_linearity="gelu", original_ln_after=True, original_ln_before=False,
              output_adapter=True, phm_bias=True, phm_c_init="normal", phm_dim=4, phm_init_range=0.0001,
              phm_layer=False, phm_rank=1, reduction_factor=2, residual_before_ln=True, scaling=1.0, shared_W_phm=False,
              shared_phm_rule=True, stochastic_depth=0.0, use_gating=False, **EXPERTS)
BOTTLENECK = dict(peft_type="BOTTLENECK", adapter_residual_before_ln=False, cross_adapter=False, dropout=0.0,
                  factorized_phm_W=True, factorized_phm_rule=False, hypercomplex_nonlinearity="glorot-uniform",
                  init_weights="bert", init_weights_seed=None, inv_adapter=None, inv_adapter_reduction_factor=None,
                  is_parallel=False, learn_phm=True, leave_out=[], ln_after=False, mh_adapter=False,
                  modules_to_save=None, non_linearity="relu", original_ln_after=True, original_ln_before=True,
                  output_adapter=True, phm_bias=True, phm_c_init="normal", phm_dim=4, phm_init_range=0.0001,
                  phm_layer=False, phm_rank=1, residual_before_ln=True, scaling=1.0, shared_W_phm=False,
                  shared_phm_rule=True, stochastic_depth=0.0, use_gating=False)
TOP = {"plus": [{"top_layers": 1}, "head"]}
NORMS = {"minus": ["norms", {"layers": [0]}]}
XATTN = {"plus": ["cross_attention", {"within": ["embeddings", "encoder"]}]}
SELECTED = {
    json.dumps(TOP): r"bert\.(encoder\.layer\.1|pooler)\..*",
    json.dumps(NORMS): r"model\.(norm|layers\.1\.\w+_layernorm)\.weight",
    json.dumps(XATTN): r"shared\.weight|decoder\.block\.\d+\.layer\.1\..*",
}
IPT = dict(peft_type="IPT", encoder_dropout=0.0, encoder_hidden_size=5, encoder_num_layers=1, modules_to_save=None,
           num_virtual_tokens=4, prompt_encoder="MLP", prompt_source="TOKENS", random_range=0.5, token_table="MODEL")
FUSION = dict(peft_type="ATTENTION_FUSION", dropout=0.0, include_embeddings=True, modules_to_save=None)
LST = dict(peft_type="LST", add_bias_sampling=True, gate_alpha=0.0, gate_t=0.1, modules_to_save=None,
           reduction_factor=2, side_layers=None)
CASES = {
    "tiny-llama": (LlamaForCausalLM, {
        "krona": (Krona, dict(KRONA, scaling=2.5, target_modules=["q_proj", "down_proj"])),
        "krona-b": (Krona, dict(KRONA, placement="feed_forward")),
        "krona-b-res": (Krona, dict(KRONA, a_out=2, scaling=0.5, placement="feed_forward_residual")),
        "sora": (Sora, dict(SORA, lora_alpha=6, target_modules=["q_proj", "down_proj"])),
        "dylora": (DyLora, dict(DYLORA, target_modules=["q_proj", "down_proj"])),
        "adamix-lora": (AdaMixLora, dict(ADAMIX_LORA, target_modules=["q_proj", "v_proj"])),
        "pasta": (Pasta, dict(PASTA, num_special_tokens=1, layers_to_transform=[1], special_token_ids=[4, 7, 33])),
        "ipt": (Ipt, IPT),
        "ipt-lstm": (Ipt, dict(IPT, prompt_encoder="LSTM", encoder_num_layers=2, num_virtual_tokens=8)),
        "attention-fusion": (AttentionFusion, FUSION),
        "lst": (Lst, LST),
        "said": (Said, SAID),
        "selective-norms": (Selective, dict(peft_type="SELECTIVE", modules_to_save=None, select=NORMS)),
        "did": (Said, dict(SAID, said=False, projection_seed=3, intrinsic_dimension=40, target_modules=["v_proj"])),
    }),
    "tiny-bert": (BertForSequenceClassification, {
        "krona": (Krona, dict(KRONA, target_modules=["query", "value"])),
        "sora": (Sora, dict(SORA, sparse_lambda_2=4.0, sparse_lr=0.02, target_modules=["query", "value"],
                            threshold_by_rate=True)),
        "dylora": (DyLora, dict(DYLORA, frozen=False, inference_rank=3, seed=7, target_modules=["query", "value"])),
        "dylora-multiple": (DyLora, dict(DYLORA, rank_multiple=2, target_modules=["query", "value"])),
        "adamix": (AdaMixBottleneck, ADAMIX),
        "adamix-apart": (AdaMixBottleneck, dict(ADAMIX, consistency_weight=0.0, sharing_up=False)),
        "adamix-lora": (AdaMixLora, dict(ADAMIX_LORA, sharing_down=True, sharing_up=False,
                                         target_modules=["query", "key"])),
        "pasta": (Pasta, dict(PASTA, special_token_ids=[4, 5, 9, 17])),
        "ipt-table": (Ipt, dict(IPT, prompt_encoder="NONE", token_table="RANDOM", num_virtual_tokens=10)),
        "ipt-convolution": (Ipt, dict(IPT, prompt_encoder="CNN", token_table="COPY")),
        "ipt-states": (Ipt, dict(IPT, prompt_source="STATES")),
        "attention-fusion": (AttentionFusion, dict(FUSION, include_embeddings=False)),
        "lst": (Lst, dict(LST, add_bias_sampling=False, side_layers=[1])),
        "said": (Said, dict(SAID, projection_seed=7)),
        "pre-layer": (PreLayer, dict(peft_type="PRE_LAYER", initializer_range=0.02, modules_to_save=None,
                                     num_virtual_tokens=3)),
        "selective-top": (Selective, dict(peft_type="SELECTIVE", modules_to_save=None, select=TOP)),
    }),
    "tiny-t5": (T5ForConditionalGeneration, {
        "bottleneck-bapna": (Bapna, dict(BOTTLENECK, ln_before=True, reduction_factor=4)),
        "selective-xattn": (Selective, dict(peft_type="SELECTIVE", modules_to_save=None, select=XATTN)),
        "lst": (Lst, LST),
    }),
}


TASKS = {BertForSequenceClassification: "SEQ_CLS", LlamaForCausalLM: "CAUSAL_LM",
         T5ForConditionalGeneration: "SEQ_2_SEQ_LM"}


def copies(tensors):
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def total(method, loss):
    return loss + method.penalty() if hasattr(method, "penalty") else loss


def make_case(model_class, folder, method_class, settings):
    folder.mkdir(exist_ok=True)
    model = model_class.from_pretrained(folder.parent, attn_implementation="eager").train()
    base = load_file(folder.parent / "io.safetensors")
    inputs = {name: base[name] for name in ("input_ids", "attention_mask", "labels")}
    model.requires_grad_(False)
    torch.manual_seed(3)
    method = method_class(model, settings)
    for name, tensor in method.tensors.items():
        tensor.mul_(0.3).requires_grad_(True)
    saved = {n: p.requires_grad_(True) for n, p in model.named_parameters() if n.startswith("classifier")}
    trained = dict(method.tensors, **{getattr(method, "saved", PREFIX) + n: p for n, p in saved.items()})
    config = dict(auto_mapping=None, base_model_name_or_path=folder.parent.name, inference_mode=True,
                  peft_version="0.21.0", revision=None, task_type=TASKS[model_class], **settings)
    if saved:
        config["modules_to_save"] = ["classifier", "score"]
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    save_file(copies(trained), folder / "adapter_model.safetensors", metadata={"format": "pt"})

    outputs = method.run(model, inputs)
    first = outputs
    if hasattr(method, "step"):  # the method computes otherwise while it trains
        method.step = 0
        first = method.run(model, inputs)
    total(method, first.loss).backward()
    io = dict(logits=outputs.logits, loss=outputs.loss.reshape(1))
    io.update({"grad." + name: tensor.grad for name, tensor in trained.items()})
    if method.merges:
        io["merged_logits"] = outputs.logits
    save_file(copies(io), folder / "io.safetensors")

    groups = [dict(params=trained.values())]
    if hasattr(method, "groups"):
        groups = method.groups() + [dict(params=list(saved.values()))] * bool(saved)
    optimizer = torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.01)
    losses = []
    for step in range(5):
        method.step = step
        optimizer.zero_grad(set_to_none=True)
        loss = total(method, method.run(model, inputs).loss)
        loss.backward()
        losses.append(loss.item())
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0).item()
        optimizer.step()
        if hasattr(method, "after_step"):
            method.after_step(1e-2)
    save_file(copies(trained), folder / "after.safetensors")
    (folder / "trace.json").write_text(json.dumps(dict(losses=losses, last_grad_norm=norm), indent=1) + "\n")


def main(chosen=".*"):
    torch.use_deterministic_algorithms(True)
    for name, (model_class, cases) in CASES.items():
        for case, (method, settings) in cases.items():
            if not re.fullmatch(chosen, f"{name}/{case}"):
                continue
            make_case(model_class, HERE / name / case, method, settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
