"""Tokenizers of every kind with a few hundred tokens each, and what transformers makes of them.

Run with transformers 5.24, tokenizers, sentencepiece and protobuf:  python make_goldens.py
It writes files/ (vocabularies, all trained here on the sentences below) and cases/ (one JSON each: which files
lie in the folder, and what AutoTokenizer gives for the texts).
"""
import json
import os
import shutil
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
GERMAN = [
    "Die Katze saß auf der Matte, und der Hund mochte sie nicht.",
    "Ein Modell lernt, was es liest; es liest, was wir schrieben.",
    "Es war einmal ein kleines Mädchen, das nicht schlief.",
    "Déjà vu: das naïve Café kostet 12,50 Euro.",
] * 6
CORPUS = [
    "The cat sat on the mat, and the dog didn't like it.",
    "A model learns what it reads; it reads what we wrote.",
    "Once upon a time there was a little girl who didn't sleep.",
    "Déjà vu: the café's naïve crème brûlée costs 12.50 euros.",
    "Don't panic! We're here, you've got 1234567 reasons, and I'm sure she'll win.",
    "def f(x):\n    return x + 1\n\n\nprint(f(2))",
    "Das Übermaß an Größe ist ein Ärgernis für den Fußgänger.",
    "the the the cat cat and and reads model time little girl dog",
    "東京は日本の首都です。 我喜欢猫。",
    "low lower lowest new newer newest wide wider widest",
] * 3
TEXTS = [
    "The cat sat on the mat.",
    "",
    " ",
    "  two  spaces   and\ttab\n\nlines \n",
    " leading",
    "trailing ",
    "Déjà vu, café! ÀÉÎ ﬁne ½ Ａ",
    "don't we're I'm it's she'll you've , . ! ? ' n't",
    "1234567 12.50 3,14",
    "東京 日本 猫 안녕 مرحبا",
    "🙂👍🏽 a🙂b \u200b\u00a0x\u0000y",
    "def f(x):\n    return x + 1",
    "`` quoted '' “text”",
    "▁under ▁ score",
    "UPPER lower MiXeD",
    "newest-lowest_widest",
]
PAIRS = [("The cat", "the dog"), ("", "dog"), (" a ", "b\n")]
ROLES = ["pad", "eos", "bos", "cls", "sep", "mask", "unk"]


def special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def save(name, tokenizer):
    path = os.path.join(HERE, "files", name)
    text = json.loads(tokenizer.to_str())
    with open(path, "w", encoding="utf-8") as f:
        json.dump(text, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def write(name, text):
    with open(os.path.join(HERE, "files", name), "w", encoding="utf-8") as f:
        f.write(text)


def byte_level(name, specials, regex=None, nfc=False, post=None, extra=()):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
        if regex else pre_tokenizers.ByteLevel(add_prefix_space=False))
    t.decoder = decoders.ByteLevel()
    t.normalizer = normalizers.NFC() if nfc else None
    train(t, trainers.BpeTrainer(vocab_size=256 + len(specials) + 90, special_tokens=specials, show_progress=False,
                                 initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens(list(extra))
    t.post_processor = post(t) if post else processors.ByteLevel(trim_offsets=False)
    save(name, t)
    return t


def sentencepiece_bpe(name, specials, old):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", split=True)
    train(t, trainers.BpeTrainer(vocab_size=260, special_tokens=specials, show_progress=False, max_token_length=8))
    trained = json.loads(t.to_str())
    pieces = [f"<0x{i:02X}>" for i in range(256)]
    vocab = list(specials) + pieces + [p for p in trained["model"]["vocab"] if p not in specials]
    trained["model"]["vocab"] = {p: i for i, p in enumerate(vocab)}
    t = Tokenizer.from_str(json.dumps(trained | {"added_tokens": []}))
    t.add_special_tokens([special(s) for s in specials])
    if old:
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        t.pre_tokenizer = None
    else:
        t.normalizer = normalizers.Replace(" ", "▁")
        t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    t.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if old else []))
    bos = specials[1] if old else "<bos>"
    t.post_processor = processors.TemplateProcessing(
        single=f"{bos}:0 $A:0", pair=f"{bos}:0 $A:0 {bos}:1 $B:1", special_tokens=[(bos, t.token_to_id(bos))])
    save(name, t)


def spm(name, model_type, size, sentences=None, **options):
    """A SentencePiece model; its small charsmap has three rules."""
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/rules.tsv", "w") as f:
            f.write("FB01\t66 69\nFF21\t41\nA0\t20\n")
        corpus = f"{d}/corpus.txt"
        with open(corpus, "w", encoding="utf-8") as f:
            f.writelines(line.replace("\n", " ") + "\n" for line in sentences or CORPUS)
        options = {"normalization_rule_tsv": f"{d}/rules.tsv"} | options
        sentencepiece.SentencePieceTrainer.train(
            input=corpus, model_prefix=f"{d}/m", vocab_size=size, model_type=model_type, minloglevel=2,
            hard_vocab_limit=False, **options)
        shutil.copy(f"{d}/m.model", os.path.join(HERE, "files", name))


def word_piece(name, lower, specials, prefix_of_post="[CLS] [SEP]"):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(True, True, None, lower)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece("##")
    train(t, trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False))
    first, last = prefix_of_post.split()
    t.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0", pair=f"{first}:0 $A:0 {last}:0 $B:1 {last}:1",
        special_tokens=[(first, t.token_to_id(first)), (last, t.token_to_id(last))])
    save(name, t)
    return t


def bos_template(bos):
    return lambda t: processors.TemplateProcessing(
        single=f"{bos}:0 $A:0", pair=f"{bos}:0 $A:0 {bos}:1 $B:1", special_tokens=[(bos, t.token_to_id(bos))])


def files():
    shutil.rmtree(os.path.join(HERE, "files"), ignore_errors=True)
    os.makedirs(os.path.join(HERE, "files"))
    qwen = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    gpt2 = byte_level("gpt2.json", ["<|endoftext|>"])
    byte_level("qwen2.json", [], qwen, nfc=True,
               extra=[special("<|endoftext|>"), special("<|im_start|>"), special("<|im_end|>"),
                      AddedToken("<tool_call>", normalized=False)])
    byte_level("llama3.json", [], qwen.replace(r"\p{N}|", r"\p{N}{1,3}|"), post=bos_template("<|begin_of_text|>"),
               extra=[special("<|begin_of_text|>"), special("<|end_of_text|>"), special("<|eot_id|>")])
    byte_level("gpt_neox.json", ["<|endoftext|>", "<|padding|>"], nfc=True, post=bos_template("<|endoftext|>"),
               extra=[AddedToken("   ", normalized=True), AddedToken("  ", normalized=True)])
    roberta = byte_level("roberta.json", ["<s>", "<pad>", "</s>", "<unk>"], extra=[special("<mask>", lstrip=True)],
                         post=lambda t: processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False))
    for name, t in ("gpt2", gpt2), ("roberta", roberta):
        with tempfile.TemporaryDirectory() as d:
            t.model.save(d)
            for file in "vocab.json", "merges.txt":
                shutil.copy(f"{d}/{file}", os.path.join(HERE, "files", f"{name}-{file}"))
    vocab = json.load(open(os.path.join(HERE, "files", "roberta-vocab.json"), encoding="utf-8"))
    vocab["<mask>"] = len(vocab)
    write("roberta-vocab.json", json.dumps(vocab, ensure_ascii=False))
    sentencepiece_bpe("llama2.json", ["<unk>", "<s>", "</s>"], old=True)
    sentencepiece_bpe("gemma.json", ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>"], old=False)
    bert = word_piece("bert-uncased.json", True, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    word_piece("bert-cased.json", False, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    words = sorted(bert.get_vocab().items(), key=lambda e: e[1])
    write("bert-vocab.txt", "".join(word + "\n" for word, _ in words))
    word_piece("mpnet.json", True, ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"], "<s> </s>")
    spm("t5.model", "unigram", 180, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    spm("xlm-roberta.model", "unigram", 180)
    spm("albert.model", "unigram", 180, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, pad_piece="<pad>",
        control_symbols=["[CLS]", "[SEP]"], user_defined_symbols=["[MASK]"])
    spm("deberta-v2.model", "unigram", 180, pad_id=0, bos_id=1, eos_id=2, unk_id=3,
        pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")
    spm("llama.model", "bpe", 420, byte_fallback=True, normalization_rule_tsv="", normalization_rule_name="identity",
        remove_extra_whitespaces=False)
    unigrams()
    marian()


def marian():
    """Two SentencePiece models, and vocabularies that lack some of their pieces."""
    spm("marian-source.spm", "unigram", 120, bos_id=-1, pad_id=-1, unk_id=1, eos_id=0)
    spm("marian-target.spm", "unigram", 110, GERMAN, bos_id=-1, pad_id=-1, unk_id=1, eos_id=0)

    def pieces(name):
        model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(HERE, "files", name))
        return [model.id_to_piece(i) for i in range(model.get_piece_size())][2:]

    source, target = pieces("marian-source.spm"), pieces("marian-target.spm")
    both = sorted((set(source) | set(target)) - set(source[5::17]) - {target[9], "猫"})
    shared = ["</s>", "<unk>", ">>deu<<", ">>gos<<"] + both + ["猫", "<pad>"]
    write("marian-vocab.json", json.dumps({t: i for i, t in enumerate(shared)}, ensure_ascii=False))
    for side, tokens in ("source", source), ("target", target):
        words = ["</s>", "<unk>"] + sorted(tokens) + [f"▁w{i}" for i in range(150 - len(tokens))] + ["<pad>"]
        write(f"marian-{side}-vocab.json", json.dumps({t: i for i, t in enumerate(words)}, ensure_ascii=False))


MARIAN = [
    ">>deu<< The cat sat on the mat.", ">>deu<<The dog", " >>deu<< The dog", ">>xyz<< The dog", ">>deu<<", "a >>deu<< b",
    ">>deu<< >>gos<< the cat", ">>unclosed the dog", ">>\n<<x", "a</s>b", "a</s> >>deu<< b", "a</s>>>deu<< b", "<pad><unk> cat",
    "<s> the", "x<pad>", "the\u3000cat \u00a0 dog", "猫 cat猫", "Katze ßaß", "e\u0301 \u0301 ﬁ Ａ", "\U0001f469\u200d\U0001f467 cat", "the" * 40,
    "\ufeffthe", "the \ufffd cat", "Die Katze saß auf der Matte.", "кот", "▁", "▁▁the", "<0x41>", "new  newest\r\nlow\u2028er", ">>deu<<  ",
]


def convert(model, cls, name, **options):
    """The tokenizer.json that transformers saves of a SentencePiece model."""
    import transformers
    with tempfile.TemporaryDirectory() as d:
        shutil.copy(os.path.join(HERE, "files", model), f"{d}/{options.pop('as_file')}")
        getattr(transformers, cls).from_pretrained(d, **options).save_pretrained(f"{d}/out")
        t = Tokenizer.from_file(f"{d}/out/tokenizer.json")
        save(name, t)


def unigrams():
    convert("t5.model", "T5Tokenizer", "t5.json", as_file="spiece.model", extra_ids=5)
    convert("xlm-roberta.model", "XLMRobertaTokenizer", "xlm-roberta.json", as_file="sentencepiece.bpe.model")
    convert("xlm-roberta.model", "CamembertTokenizer", "camembert.json", as_file="sentencepiece.bpe.model")
    convert("albert.model", "AlbertTokenizer", "albert.json", as_file="spiece.model")
    convert("deberta-v2.model", "DebertaV2Tokenizer", "deberta-v2.json", as_file="spm.model")
    convert("xlm-roberta.model", "MBartTokenizer", "mbart.json", as_file="sentencepiece.bpe.model")
    convert("t5.model", "PegasusTokenizer", "pegasus.json", as_file="spiece.model", offset=8)


def decoder_of(**tokens):
    """added_tokens_decoder: id to content and flags."""
    flags = dict(lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
    return {i.lstrip("_"): flags | (t if isinstance(t, dict) else {"content": t}) for i, t in tokens.items()}


def cases():
    shutil.rmtree(os.path.join(HERE, "cases"), ignore_errors=True)
    os.makedirs(os.path.join(HERE, "cases"))
    eot = "<|endoftext|>"
    case("gpt2", "gpt2", {"tokenizer.json": "gpt2.json"},
         {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, "bos_token": eot, "eos_token": eot,
          "unk_token": eot, "model_max_length": 1024}, [f"a{eot}b", f" {eot} "])
    case("gpt2-prefix", "gpt2", {"tokenizer.json": "gpt2.json"},
         {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "add_bos_token": True, "padding_side": "left",
          "clean_up_tokenization_spaces": True}, [f"a{eot}b"])
    case("gpt2-bare", "gpt2", {"tokenizer.json": "gpt2.json"}, None, [f"a{eot}b"])
    case("gpt2-as-backend", "gpt2", {"tokenizer.json": "gpt2.json"},
         {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": True, "pad_token": "<new pad>",
          "extra_special_tokens": ["<tool>"]}, ["a<new pad>b <tool> c"])
    case("opt", "opt", {"tokenizer.json": "roberta.json"},
         {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "bos_token": "</s>", "eos_token": "</s>",
          "unk_token": "</s>", "pad_token": "<pad>"}, ["a</s>b<mask>"])
    case("gpt2-files", "gpt2", {"vocab.json": "gpt2-vocab.json", "merges.txt": "gpt2-merges.txt"},
         {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024}, [f"a{eot}b"])
    case("gpt2-files-bos", "gpt2", {"vocab.json": "gpt2-vocab.json", "merges.txt": "gpt2-merges.txt"},
         {"add_bos_token": True, "add_prefix_space": True}, [f"a{eot}b"])
    case("qwen2", "qwen2", {"tokenizer.json": "qwen2.json"},
         {"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>",
          "pad_token": eot, "unk_token": None, "errors": "replace", "split_special_tokens": False,
          "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|vision|>"],
          "added_tokens_decoder": decoder_of(_346=eot, _347="<|im_start|>", _348="<|im_end|>",
                                             _349={"content": "<tool_call>", "special": False})},
         ["<|im_start|>user\nHi<|im_end|>\n<tool_call> <|vision|>"])
    case("qwen3", "qwen3", {"tokenizer.json": "qwen2.json"}, {"tokenizer_class": "Qwen2Tokenizer"}, ["<|im_start|>a"])
    case("llama3", "llama", {"tokenizer.json": "llama3.json"},
         {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
          "clean_up_tokenization_spaces": True, "add_bos_token": False,
          "model_input_names": ["input_ids", "attention_mask"], "model_max_length": 131072},
         ["<|begin_of_text|>a <|eot_id|> b"])
    case("llama3-misnamed", "llama", {"tokenizer.json": "llama3.json"},
         {"tokenizer_class": "LlamaTokenizer", "bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}, [])
    case("gpt_neox", "gpt_neox", {"tokenizer.json": "gpt_neox.json"},
         {"tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": False, "bos_token": eot, "eos_token": eot},
         [f"a{eot}b     c"])
    case("olmo2", "olmo2", {"tokenizer.json": "gpt_neox.json"},
         {"tokenizer_class": "GPT2Tokenizer", "pad_token": "<|padding|>"}, [f"a{eot}b     c"])
    case("bloom", "bloom", {"tokenizer.json": "gpt_neox.json"}, {"tokenizer_class": "BloomTokenizerFast"}, [])
    case("modernbert", "modernbert", {"tokenizer.json": "roberta.json"},
         {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True, "cls_token": "<s>",
          "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>",
          "model_input_names": ["input_ids", "attention_mask"],
          "added_tokens_decoder": decoder_of(
              _0="<s>", _1="<pad>", _2="</s>", _3="<unk>", _350={"content": "<mask>", "lstrip": True},
              _351={"content": "|||NAME|||", "normalized": True, "special": False},
              _352={"content": "<r>", "rstrip": True}, _353={"content": "cat", "single_word": True, "special": False})},
         ["is |||NAME||| a <mask> ?", "a <r> b", "cat concat cat-cat"])
    case("roberta", "roberta", {"tokenizer.json": "roberta.json"},
         {"tokenizer_class": "RobertaTokenizer", "trim_offsets": True, "mask_token": "<mask>"}, ["a <mask> b</s>c"])
    case("roberta-map", "roberta", {"tokenizer.json": "roberta.json"}, {"model_max_length": 512}, ["a <mask> b</s>c"],
         {"special_tokens_map.json": {"bos_token": "<s>", "cls_token": {"content": "<s>", "lstrip": False, "normalized": True,
                                      "rstrip": False, "single_word": False}, "pad_token": "</s>"}})
    case("roberta-files", "roberta", {"vocab.json": "roberta-vocab.json", "merges.txt": "roberta-merges.txt"},
         {"tokenizer_class": "RobertaTokenizer"}, ["a <mask> b</s>c"])
    case("bart", "bart", {"tokenizer.json": "roberta.json"}, {"tokenizer_class": "BartTokenizer"}, ["a <mask> b</s>c"])
    llama = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    case("llama2", "llama", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "add_eos_token": True,
                  "clean_up_tokenization_spaces": False, "sp_model_kwargs": {}, "pad_token": None},
         ["<s> a</s>b", "[INST] a [/INST]"])
    case("llama2-prefixless", "llama", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "LlamaTokenizerFast", "legacy": False, "add_prefix_space": False}, ["<s> a</s>b"])
    case("llama2-modern", "llama", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "LlamaTokenizer", "legacy": False, "pad_token": "<pad>",
                  "added_tokens_decoder": decoder_of(_0={"content": "<unk>", "normalized": True}, _1="<s>", _2="</s>",
                                                     _490="<pad>")}, ["<s> a</s>b<pad>"])
    case("llama2-backend", "llama", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "PreTrainedTokenizerFast"}, ["<s> a</s>b"])
    case("mistral", "mistral", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "LlamaTokenizer", "legacy": True, "clean_up_tokenization_spaces": True}, ["<s> a</s>b"])
    case("phi3", "phi3", {"tokenizer.json": "llama2.json"},
         llama | {"tokenizer_class": "LlamaTokenizer", "legacy": False,
                  "added_tokens_decoder": decoder_of(_0="<unk>", _1="<s>", _2={"content": "</s>", "rstrip": True},
                                                     _600={"content": "<|user|>", "rstrip": True},
                                                     _601={"content": "<|end|>", "rstrip": True})},
         ["<|user|>\nHi<|end|>\n x</s> y"])
    case("gemma", "gemma", {"tokenizer.json": "gemma.json"},
         {"tokenizer_class": "GemmaTokenizer", "spaces_between_special_tokens": False, "use_default_system_prompt": False},
         ["<bos><start_of_turn>user\n", "a   b"])
    case("gemma3", "gemma3_text", {"tokenizer.json": "gemma.json"},
         {"tokenizer_class": "GemmaTokenizerFast", "extra_special_tokens": {"image_token": "<image>", "boi_token": "<boi>"},
          "pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}, ["<bos><boi><image> <start_of_turn>user\n"])
    for name, lower, config in [
        ("bert", True, {"do_lower_case": True, "clean_up_tokenization_spaces": True}),
        ("bert-defaults", False, {}),
        ("bert-cased", False, {"do_lower_case": False, "tokenize_chinese_chars": False, "strip_accents": None}),
        ("bert-accents", True, {"do_lower_case": True, "strip_accents": False}),
        ("bert-other-names", True, {"pad_token": "[PAD]", "cls_token": "[MASK]", "unk_token": "[UNK]"})]:
        case(name, "bert", {"tokenizer.json": "bert-uncased.json" if lower else "bert-cased.json"},
             {"tokenizer_class": "BertTokenizer", "model_max_length": 512} | config, ["[CLS] a [SEP] [MASK]."])
    case("bert-bare", "bert", {"tokenizer.json": "bert-cased.json"}, None, [])
    case("distilbert", "distilbert", {"tokenizer.json": "bert-cased.json"},
         {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False}, ["a [MASK]."])
    case("electra", "electra", {"tokenizer.json": "bert-uncased.json"}, {"tokenizer_class": "ElectraTokenizer"}, [])
    case("bert-vocab", "bert", {"vocab.txt": "bert-vocab.txt"}, {"do_lower_case": True}, ["a [MASK]."])
    case("electra-vocab", "electra", {"vocab.txt": "bert-vocab.txt"}, None, ["a [MASK]."])
    case("mpnet", "mpnet", {"tokenizer.json": "mpnet.json"},
         {"tokenizer_class": "MPNetTokenizer", "do_lower_case": True, "unk_token": "[UNK]"}, ["a <mask> b"])
    case("t5", "t5", {"tokenizer.json": "t5.json"}, {"tokenizer_class": "T5Tokenizer", "extra_ids": 5,
         "additional_special_tokens": [f"<extra_id_{i}>" for i in range(5)]}, ["a <extra_id_0> b<extra_id_4>c</s>"])
    case("t5-defaults", "t5", {"tokenizer.json": "t5.json"}, None, ["a <extra_id_0> b<extra_id_4>c</s>"])
    case("t5-spm", "t5", {"spiece.model": "t5.model"}, {"extra_ids": 5}, ["a <extra_id_0> b<extra_id_4>c</s>"])
    case("xlm-roberta", "xlm-roberta", {"tokenizer.json": "xlm-roberta.json"}, {"tokenizer_class": "XLMRobertaTokenizer"},
         ["a <mask> b</s>"])
    case("xlm-roberta-spm", "xlm-roberta", {"sentencepiece.bpe.model": "xlm-roberta.model"},
         {"tokenizer_class": "XLMRobertaTokenizer"}, ["a <mask> b</s>"])
    case("camembert", "camembert", {"tokenizer.json": "camembert.json"}, {"tokenizer_class": "CamembertTokenizer"},
         ["a <mask> b</s>"])
    case("albert", "albert", {"tokenizer.json": "albert.json"},
         {"tokenizer_class": "AlbertTokenizer", "do_lower_case": True, "keep_accents": False}, ["a [MASK] b[SEP]"])
    case("albert-cased", "albert", {"tokenizer.json": "albert.json"},
         {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True}, ["a [MASK] b[SEP]"])
    case("albert-spm", "albert", {"spiece.model": "albert.model"}, None, ["a [MASK] b[SEP]"])
    case("deberta-v2", "deberta-v2", {"tokenizer.json": "deberta-v2.json"},
         {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": False, "vocab_type": "spm"}, ["a [MASK] b[SEP]"])
    case("deberta-v2-punct", "deberta-v2", {"tokenizer.json": "deberta-v2.json"},
         {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True, "split_by_punct": True}, [])
    case("deberta-v2-spm", "deberta-v2", {"spm.model": "deberta-v2.model"}, {"do_lower_case": False}, ["a [MASK] b[SEP]"])
    case("mbart", "mbart", {"tokenizer.json": "mbart.json"},
         {"tokenizer_class": "MBartTokenizer", "src_lang": "de_DE", "tgt_lang": "en_XX"}, ["a <mask> b en_XX"])
    case("mbart-defaults", "mbart", {"tokenizer.json": "mbart.json"}, {}, [])
    case("pegasus", "pegasus", {"tokenizer.json": "pegasus.json"}, {"tokenizer_class": "PegasusTokenizer", "offset": 8},
         ["a <mask_1> b <unk_2>"])
    case("llama-spm", "llama", {"tokenizer.model": "llama.model"}, llama | {"tokenizer_class": "LlamaTokenizer", "legacy": False},
         ["<s> a</s>b"])
    case("llama-spm-bos", "llama", {"tokenizer.model": "llama.model"},
         llama | {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False}, ["<s> a</s>b"])


    marian_files = {"source.spm": "marian-source.spm", "target.spm": "marian-target.spm", "vocab.json": "marian-vocab.json"}
    case("marian", "marian", marian_files, {"source_lang": "en", "target_lang": "de"}, MARIAN)
    case("marian-class", "marian", marian_files | {"tokenizer.json": "t5.json"},
         {"tokenizer_class": "MarianTokenizer", "clean_up_tokenization_spaces": True, "separate_vocabs": False,
          "added_tokens_decoder": decoder_of(_0="</s>", _1="<unk>", _138="<sep>", _139={"content": "dog", "special": False})},
         MARIAN + ["the cat<sep> the"])
    case("marian-separate", "marian",
         marian_files | {"vocab.json": "marian-source-vocab.json", "target_vocab.json": "marian-target-vocab.json"},
         {"separate_vocabs": True}, MARIAN)
    case("pegasus-spm", "pegasus", {"spiece.model": "t5.model"}, {"offset": 8}, ["a <mask_1> b <unk_2>"])


def case(name, model_type, files, config, texts, others=None):
    with tempfile.TemporaryDirectory() as d:
        for file, source in files.items():
            shutil.copy(os.path.join(HERE, "files", source), os.path.join(d, file))
        beside = {"config.json": {"model_type": model_type}} | (others or {})
        if config is not None:
            beside["tokenizer_config.json"] = config
        for file, content in beside.items():
            with open(os.path.join(d, file), "w", encoding="utf-8") as f:
                json.dump(content, f, ensure_ascii=False)
        try:
            t = AutoTokenizer.from_pretrained(d)
        except Exception as e:  # noqa: BLE001: what transformers refuses is no case
            print(f"{name}: {type(e).__name__}: {str(e)[:300]}")
            return
        expected = {
            "class": type(t).__name__,
            "size": len(t),
            "special": {r: getattr(t, r + "_token_id") for r in ROLES},
            "texts": [text_case(t, text) for text in TEXTS + texts],
            "pairs": [pair_case(t, a, b) for a, b in PAIRS],
        }
    with open(os.path.join(HERE, "cases", name + ".json"), "w", encoding="utf-8") as f:
        lines = json.dumps({"files": files, "beside": beside} | expected, ensure_ascii=True)
        f.write(lines.replace('{"text"', '\n{"text"').replace('], "pairs"', '],\n"pairs"') + "\n")


def text_case(t, text):
    ids = t(text)["input_ids"]
    plain = t(text, add_special_tokens=False)["input_ids"]
    expected = {"text": text, "ids": ids, "plain": plain, "decoded": t.decode(ids),
                "skipped": t.decode(ids, skip_special_tokens=True)}
    if type(t).__name__ in ("MarianTokenizer", "MBartTokenizer"):
        expected["target"] = t(text_target=text)["input_ids"]
    return expected


def pair_case(t, a, b):
    both = t(a, b)
    return {"text": a, "pair": b, "ids": both["input_ids"], "types": both.get("token_type_ids")}


if __name__ == "__main__":
    files()
    cases()
