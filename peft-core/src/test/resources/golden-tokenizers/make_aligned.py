"""Places of tokens, words and windows, as transformers gives them for the tokenizers of cases/.

Run with transformers 5.24 after make_goldens.py:  python make_aligned.py
It writes aligned.json: for each case the offsets of texts and pairs, the word of each token of lists of words, and the
windows of a pair and of a list of words.
"""
import json
import os
import shutil
import tempfile

from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["The cat didn't like 🙂it, café x🙂y.", "  two  spaces \n", ""]
PAIR = ("Where is the 🙂cat?", "The little dog sat on the mat, and the café's cat 🙂 reads what we wrote in 1234567 models.")
WORDS = [["The", "cat", "didn't", "like", "🙂x", " spaced", "two words", "", "\u200d\u0000", "café.", "(", ")"], ["a"], []]
# transformers 4 refuses lists of words for these classes without this flag, and run_ner.py sets it.
SPACED = {"GPT2Tokenizer", "RobertaTokenizer"}


def load(case, **options):
    with tempfile.TemporaryDirectory() as d:
        for file, source in case["files"].items():
            shutil.copy(os.path.join(HERE, "files", source), os.path.join(d, file))
        for file, content in case["beside"].items():
            with open(os.path.join(d, file), "w", encoding="utf-8") as f:
                json.dump(content, f)
        return AutoTokenizer.from_pretrained(d, **options)


def aligned(t, *texts, window=None, **options):
    cut = {}
    if window:
        cut = dict(truncation=window[0], max_length=window[1], stride=window[2], return_overflowing_tokens=True)
    e = t(*texts, return_offsets_mapping=True, **options, **cut)
    if not window:
        return {"ids": e["input_ids"], "words": e.word_ids(), "offsets": e["offset_mapping"], "texts": e.sequence_ids()}
    return e["input_ids"]


def case(golden):
    t = load(golden)
    if not t.is_fast:
        return None
    spaced = load(golden, add_prefix_space=True) if type(t).__name__ in SPACED else t
    second = t.padding_side == "right"
    pair = PAIR if second else PAIR[::-1]
    other = len(t(*pair)["input_ids"]) - len(t(pair[int(second)], add_special_tokens=False)["input_ids"])
    extra = len(spaced([], is_split_into_words=True)["input_ids"])
    return {
        "padding": t.padding_side,
        "texts": [{"text": text} | aligned(t, text) for text in TEXTS],
        "pair": {"text": PAIR[0], "pair": PAIR[1]} | aligned(t, *PAIR),
        "words": [{"list": w} | aligned(spaced, w, is_split_into_words=True) for w in WORDS],
        "windows": {"max": other + 9, "stride": 4, "ids": aligned(
            t, *pair, window=("only_second" if second else "only_first", other + 9, 4))},
        "word_windows": {"max": extra + 7, "stride": 0, "ids": aligned(
            spaced, WORDS[0], is_split_into_words=True, window=(True, extra + 7, 0))},
    }


if __name__ == "__main__":
    cases = {}
    for name in sorted(os.listdir(os.path.join(HERE, "cases"))):
        with open(os.path.join(HERE, "cases", name), encoding="utf-8") as f:
            result = case(json.load(f))
        if result:
            cases[name] = result
    with open(os.path.join(HERE, "aligned.json"), "w", encoding="utf-8") as f:
        lines = (json.dumps(name) + ": " + json.dumps(each) for name, each in cases.items())
        f.write("{" + ",\n".join(lines) + "}\n")
