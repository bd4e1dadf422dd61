"""Makes the JSON files beside this file: what the Python packages compute of cases made at random and by hand.

    pip install scikit-learn==1.9.1 scipy==1.17.1 seqeval==1.2.2 sacrebleu==2.6.0 rouge-score==0.1.2 \
        nltk==3.10.4 sentence-transformers==6.2.0
    python make_goldens.py [--squad FOLDER] [--seed 1] [--cases 40] [--out FOLDER]

transformers 5.24 no longer has data/metrics/squad_metrics.py. --squad is a folder with the package of 5.17, for
SQuAD 2.0; without it, answers.json is left as it is. SQuAD 1.1 is written out below, by its published definition.
Another seed, more cases and another folder make a larger set; -Dpeft4j.metrics.goldens=FOLDER tests it.
A NaN is null.
"""

import argparse
import collections
import importlib.util
import json
import math
import pathlib
import random
import sys
import types
import warnings

import numpy as np
import scipy.stats
import sklearn.metrics as sk
import torch
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sentence_transformers.sentence_transformer.evaluation import (
    BinaryClassificationEvaluator, EmbeddingSimilarityEvaluator, InformationRetrievalEvaluator, TripletEvaluator)
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support as seqeval_default
from seqeval.metrics.v1 import precision_recall_fscore_support as seqeval_strict
import seqeval.scheme

warnings.filterwarnings("ignore")

ZEROS = {"ZERO": 0, "ONE": 1, "NAN": math.nan}
AVERAGES = ["micro", "macro", "weighted"]


def plain(x):
    """Lists and numbers of Python, with None for NaN."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    if isinstance(x, (bool, str)):
        return x
    if isinstance(x, (np.integer, int)):
        return int(x)
    if isinstance(x, (np.floating, float)):
        return None if math.isnan(x) else float(x)
    return x


def scores(p, r, f, *_):
    return [p, r, f]


# Classes

def classification(rng, n):
    cases = [([0], [0], 1, "ZERO"), ([0], [1], 2, "ZERO"), ([1, 1], [1, 1], 2, "ONE"), ([0, 0, 2], [0, 1, 2], 5, "ONE"),
             ([0, 0, 2], [1, 1, 1], 4, "NAN"), ([0, 1], [0, 0], 2, "NAN")]
    for _ in range(n):
        classes = rng.randint(1, 6)
        some = rng.choices(range(classes), k=rng.randint(1, classes))
        size = rng.randint(1, 40)
        labels = rng.choices(some, k=size)
        predictions = [x if rng.random() < 0.6 else rng.randrange(classes) for x in labels]
        cases.append((labels, predictions, classes, rng.choice(list(ZEROS))))
    for labels, predictions, classes, zero in cases:
        prf = lambda **k: sk.precision_recall_fscore_support(labels, predictions, zero_division=ZEROS[zero], **k)
        yield dict(
            labels=labels, predictions=predictions, classes=classes, zero=zero,
            accuracy=sk.accuracy_score(labels, predictions), matthews=sk.matthews_corrcoef(labels, predictions),
            matrix=sk.confusion_matrix(labels, predictions, labels=range(classes)),
            perClass=list(zip(*prf(labels=range(classes)))),
            **{a: scores(*prf(average=a)) for a in AVERAGES})


def multilabel(rng, n):
    cases = [([[0, 0]], [[0, 0]], "ZERO"), ([[0, 0]], [[0, 0]], "ONE"), ([[0, 0], [0, 0]], [[1, 0], [0, 0]], "NAN"),
             ([[1, 1]], [[1, 0]], "NAN"), ([[0, 0], [0, 0]], [[1, 0], [0, 0]], "ONE")]
    for _ in range(n):
        columns, rate = rng.randint(2, 5), rng.choice([0.1, 0.4])
        labels = [[int(rng.random() < rate) for _ in range(columns)] for _ in range(rng.randint(1, 15))]
        predictions = [[x if rng.random() < 0.7 else 1 - x for x in row] for row in labels]
        cases.append((labels, predictions, rng.choice(list(ZEROS))))
    for labels, predictions, zero in cases:
        y, p = np.array(labels), np.array(predictions)
        prf = lambda **k: sk.precision_recall_fscore_support(y, p, zero_division=ZEROS[zero], **k)
        yield dict(labels=labels, predictions=predictions, zero=zero, subset=sk.accuracy_score(y, p),
                   perLabel=list(zip(*prf())), **{a: scores(*prf(average=a)) for a in AVERAGES + ["samples"]})


def ranking(rng, n):
    for i in range(n):
        size, columns = rng.randint(2, 30), rng.randint(2, 4)
        value = (lambda: rng.randint(0, 4) / 4) if i % 3 else rng.random
        labels = [int(rng.random() < rng.choice([0, 0.3, 0.5])) for _ in range(size)]
        values = [value() for _ in range(size)]
        table = [[int(rng.random() < 0.4) for _ in range(columns)] for _ in range(size)]
        if i % 7 == 0:
            for row in table:
                row[0] = 0
        rows = [[value() for _ in range(columns)] for _ in range(size)]
        case = dict(labels=labels, scores=values, auc=sk.roc_auc_score(labels, values),
                    ap=sk.average_precision_score(labels, values), table=table, rows=rows)
        for a in AVERAGES:
            case["auc_" + a] = sk.roc_auc_score(table, rows, average=a)
            case["ap_" + a] = sk.average_precision_score(table, rows, average=a)
        classes = [rng.randrange(columns) for _ in range(size)]
        if columns > 2 and len(set(classes)) == columns:
            p = [np.array(row) + 0.1 for row in rows]
            p = [(row / row.sum()).tolist() for row in p]
            case.update(classes=classes, probabilities=p, logLoss=sk.log_loss(classes, p, labels=range(columns)),
                        ovr=sk.roc_auc_score(classes, p, multi_class="ovr"),
                        ovrWeighted=sk.roc_auc_score(classes, p, multi_class="ovr", average="weighted"))
        yield case
    yield dict(classes=[0, 1], probabilities=[[1, 0], [1, 0]], logLoss=sk.log_loss([0, 1], [[1, 0], [1, 0]]))


def regression(rng, n):
    cases = [([1, 2], [1, 2]), ([1, 2], [2, 1]), ([3, 3, 3], [1, 2, 3]), ([3, 3, 3], [3, 3, 3]), ([1, 2, 3], [5, 5, 5]),
             ([1e300, 2e300, 1.5e300], [1, 3, 2]), ([1e-300, 2e-300, 3e-300], [1, 3, 2])]
    for i in range(n):
        size = rng.randint(2, 40)
        labels = [rng.gauss(0, 3) if i % 2 else rng.randint(0, 5) for _ in range(size)]
        cases.append((labels, [x + rng.gauss(0, 1) if i % 3 else rng.randint(0, 5) for x in labels]))
    for labels, predictions in cases:
        y, p = np.array(labels, float), np.array(predictions, float)
        yield dict(labels=labels, predictions=predictions, mse=sk.mean_squared_error(y, p),
                   mae=sk.mean_absolute_error(y, p), rmse=sk.root_mean_squared_error(y, p), r2=sk.r2_score(y, p),
                   pearson=scipy.stats.pearsonr(y, p)[0], spearman=scipy.stats.spearmanr(y, p)[0],
                   kendall=scipy.stats.kendalltau(y, p)[0])


# Entities

def entities(rng, n):
    schemes = {"DEFAULT": "BIES", "IOB1": "BI", "IOB2": "BI", "IOE1": "IE", "IOE2": "IE", "IOBES": "BIES",
               "BILOU": "BILU"}
    hand = [[[["O", "O"]], [["O", "O"]]], [[["B-PER", "I-PER"]], [["O", "O"]]], [[["O"]], [["B-PER"]]],
            [[["B", "I", "O"], ["I"]], [["B", "I", "I"], ["B"]]], [[["B-", "I-x-y"]], [["B-_", "I-x-y"]]]]
    for scheme, prefixes in schemes.items():
        cases = [c for c in hand if scheme in ("DEFAULT", "IOB1", "IOB2", "IOBES")]
        for _ in range(n // 2):
            types = rng.choice([["PER", "LOC"], ["PER", "LOC", "x-y"], ["ORG"], ["É", "組織", ""]])
            tags = ["O"] + [f"{p}-{t}" for p in prefixes for t in types] + ([rng.choice(prefixes)] * rng.randint(0, 1))
            labels = [rng.choices(tags, k=rng.randint(0, 9)) for _ in range(rng.randint(1, 4))] + [["O"]]
            noise = rng.choice([0.1, 0.5])
            cases.append([labels, [[t if rng.random() > noise else rng.choice(tags) for t in row] for row in labels]])
        for labels, predictions in cases:
            zero = rng.choice(["ZERO", "ONE"])
            options = dict(zero_division=ZEROS[zero])
            if scheme == "DEFAULT":
                prf = seqeval_default
                first = [[t, s, e + 1] for t, s, e in get_entities(labels[0])]
            else:
                prf = seqeval_strict
                options["scheme"] = getattr(seqeval.scheme, scheme)
                tokens = seqeval.scheme.Tokens(labels[0], options["scheme"])
                first = [[e.tag, e.start, e.end] for e in tokens.entities]
            yield dict(scheme=scheme, labels=labels, predictions=predictions, zero=zero, first=first,
                       accuracy=accuracy_score(labels, predictions),
                       byType=list(zip(*prf(labels, predictions, average=None, **options))),
                       **{a: scores(*prf(labels, predictions, average=a, **options)) for a in AVERAGES})


# Texts

WORDS = """the a an A The cat cats sat on mat mats running runs ran quickly generalization relational hopping flies
dying skies succeed agreed 3.14 1,000 2024 10-20 U.S. e.g. don't co-operate state-of-the-art (brackets) "quotes" 'single'
$5 50% C++ foo_bar a_b <skipped> &quot; &amp; &lt;b&gt; &amp;quot; x=y /path/to https://example.org/?a=b#c e-mail:
İstanbul ISPARTA ılık ΟΔΥΣΣΕΥΣ ΣΑΣ Σ ΑΣ' 'Σ Α.Σ. ΑΣ. ΑΣ\u0301 ὈΔΥΣΣΕΎΣ Straße ẞ ﬁnd ǅ K Å café cafe\u0301 a\u0301 the\u0301
naïve Привет МИР مرحبا שלום שלו׳ 你好世界 。 「引用」 日本語、 こんにちは １２３ ４,５ ٣٫١٤ ½ ² Ⅷ ① ５．０ ａｎ Ａ 😀 👩\u200d👩\u200d👧 🇩🇪 👍🏽 🫠 ™ © € ₿ → ≤ ´ ` ^ ~ | \\
… — – “x” ‘y’ «z» ¿qué? ¡no! a\u00adb zero\u200bwidth \ufeffbom a\u00a0b 1\u202f000 . , ; : ! ? - -- ... . .. ,5 5, 5- -5 5-a""".split(" ")
WORDS = [w for word in WORDS for w in word.split("\n")]
SPACES = [" "] * 12 + ["  ", "\n", "\t", "\r\n", "\u00a0", "\u2003", "\u3000", "\x0b", "\x1c", "\x85", "\u2028", "-\n", "", "\n\n"]


def text(rng, most=14):
    words = rng.choices(WORDS if rng.random() < 0.6 else WORDS[:30], k=rng.randint(0, most))
    return "".join(w + rng.choice(SPACES) for w in words)[: None if rng.random() < 0.5 else -1]


def like(rng, reference):
    """A text that has something of another one."""
    parts = reference.split(" ")
    for _ in range(rng.randint(0, 4)):
        i = rng.randrange(len(parts))
        parts[i: i + rng.randint(0, 2)] = rng.choices(WORDS, k=rng.randint(0, 2))
        parts = parts or [""]
    return rng.choice([str, str, str, str.lower, str.upper])(" ".join(parts))


def corpus(rng, most=4):
    references = [[text(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))] for _ in range(rng.randint(1, most))]
    return references, [like(rng, rng.choice(r)) if rng.random() < 0.9 else text(rng) for r in references]


def streams(references):
    """References as sacrebleu takes them: one list for the first of each prediction, and so on."""
    most = max(map(len, references))
    return [[r[i] if i < len(r) else None for r in references] for i in range(most)]


TEXT_CASES = [([["The cat sat on the mat."]], ["The cat sat on the mat."]), ([["a"]], [""]), ([[""]], ["a"]), ([[""]], [""]),
              ([["a b c d e", "b c d"], ["x"]], ["a b c d", "x"]), ([["one two"]], ["three four"]),
              ([["It's 3.5%, isn't it? (No.)"]], ["It's 3.5 %, isn't it (no)"])]


def bleu(rng, n):
    cases = TEXT_CASES + [corpus(rng) for _ in range(n)]
    for i, (references, predictions) in enumerate(cases):
        smoothing = rng.choice(["exp", "exp", "floor", "add-k", "none"])
        value = rng.choice([None, 0.5, 2]) if smoothing in ("floor", "add-k") else None
        options = dict(lowercase=rng.random() < 0.4, tokenize=["13a", "intl", "char", "none"][i % 4],
                       smooth_method=smoothing, smooth_value=value, max_ngram_order=rng.choice([4, 4, 4, 2, 6]),
                       effective_order=rng.random() < 0.5)
        metric = BLEU(**options)
        score = metric.corpus_score(predictions, streams(references))
        signature = str(metric.get_signature())
        sentence = metric.sentence_score(predictions[0], references[0])
        yield dict(references=references, predictions=predictions, options=options, score=score.score,
                   precisions=score.precisions, bp=score.bp, lengths=[score.sys_len, score.ref_len], text=str(score),
                   sentence=sentence.score, signature=signature,
                   tokens=metric.tokenizer(predictions[0].rstrip()).split())


def chrf(rng, n):
    cases = TEXT_CASES + [corpus(rng) for _ in range(n)]
    for references, predictions in cases:
        options = dict(char_order=rng.choice([6, 6, 3]), word_order=rng.choice([0, 2, 2, 1]), beta=rng.choice([2, 2, 1, 3]),
                       lowercase=rng.random() < 0.4, whitespace=rng.random() < 0.3, eps_smoothing=rng.random() < 0.3)
        metric = CHRF(**options)
        score = metric.corpus_score(predictions, streams(references))
        signature = str(metric.get_signature())
        yield dict(references=references, predictions=predictions, options=options, score=score.score, text=str(score),
                   signature=signature, sentence=metric.sentence_score(predictions[0], references[0]).score)


def rouge(rng, n):
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum", "rouge3"]
    for references, predictions in TEXT_CASES + [corpus(rng, 2) for _ in range(n)]:
        stemmer = rng.random() < 0.6
        scorer = RougeScorer(names, use_stemmer=stemmer)
        best = scorer.score_multi(references[0], predictions[0])
        yield dict(stemmer=stemmer, references=references[0], prediction=predictions[0],
                   scores={k: list(v) for k, v in best.items()})


def stems(rng, n):
    roots = """run hop fail siz troubl conflat plaster mot happ sk enjo relat condit valenc digit conform radic differ vil
analog vietnam predic oper feud decis hope call form sensit triplic electr good reviv allow infer airlin gyroscop adjust
defens irrit replac adop homolog commun activ angul effect bowdl prob rat ceas control rol fly cr d l t sp y yyy ay geo
theo archaeo abc123 x9 eed fee agr bl s ss i o a sing k""".split()
    suffixes = """s es ies sses ss ed ied eed ing y ational tional enci anci izer bli abli alli entli eli ousli ization ation
ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic
able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e le ll ll e at bl iz tt ly ally fully lessness yed
ying ings""".split()
    stemmer = PorterStemmer()
    words = list(stemmer.pool) + ["sky", "", "a", "is", "flies", "dies", "spied", "died", "was", "yyyy"]
    for _ in range(25 * n):
        words.append(rng.choice(roots) + "".join(rng.choices(suffixes, k=rng.choice([0, 1, 1, 2]))))
    yield dict(stems={w: stemmer.stem(w) for w in sorted(set(words))})


# Answers

def squad_module(folder):
    """squad_metrics.py alone: the rest of its package need not load."""
    for name in ("t", "t.data", "t.data.metrics", "t.models", "t.models.bert", "t.utils", "t.utils.logging"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["t.models.bert"].BasicTokenizer = None
    sys.modules["t.utils"].logging = types.SimpleNamespace(get_logger=lambda name: None)
    path = pathlib.Path(folder, "transformers/data/metrics/squad_metrics.py")
    spec = importlib.util.spec_from_file_location("t.data.metrics.squad_metrics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def squad_1(squad, answers, predictions):
    """SQuAD 1.1: the best of all answers; F1 of no common word is 0, even if there are no words."""
    def f1(answer, prediction):
        right, predicted = squad.normalize_answer(answer).split(), squad.normalize_answer(prediction).split()
        common = sum((collections.Counter(right) & collections.Counter(predicted)).values())
        if common == 0:
            return 0
        precision, recall = common / len(predicted), common / len(right)
        return 2 * precision * recall / (precision + recall)

    pairs = list(zip(answers, predictions))
    exact = [max(squad.normalize_answer(a) == squad.normalize_answer(p) for a in all_) for all_, p in pairs]
    return dict(exact_match=100 * sum(exact) / len(pairs), f1=100 * sum(max(f1(a, p) for a in all_) for all_, p in pairs) / len(pairs))


def answers(rng, n, folder):
    squad = squad_module(folder)
    cases = [([["the cat"]], ["Cat!"]), ([[]], [""]), ([[]], ["x"]), ([["the"]], ["a"]), ([["the."]], [""]), ([["x"]], [""]),
             ([["The an-a a.n a_the theatre"]], ["ana an athe theatre"]),
             ([["a \U00020000 the"]], ["\U00020000a a\U00020000 a\U0001d7d8 the\U0001f600 a\u0301"])]
    for _ in range(n):
        right = [[text(rng, 5) for _ in range(rng.choice([0, 1, 1, 2, 3]))] for _ in range(rng.randint(1, 6))]
        cases.append((right, [like(rng, rng.choice(r)) if r and rng.random() < 0.8 else rng.choice(["", text(rng, 2)]) for r in right]))
    for right, predictions in cases:
        case = dict(answers=right, predictions=predictions, normalized=[squad.normalize_answer(p) for p in predictions])
        if all(right):
            case["squad"] = squad_1(squad, right, predictions)
        probabilities = [rng.choice([0.1, 0.3, 0.7, rng.random()]) for _ in right]
        threshold = rng.choice([1.0, 0.5])
        examples = [types.SimpleNamespace(qas_id=i, answers=[dict(text=a) for a in r]) for i, r in enumerate(right)]
        preds = dict(enumerate(predictions))
        yield dict(**case, probabilities=probabilities, threshold=threshold, squad2=squad.squad_evaluate(examples, preds),
                   squad2Threshold=squad.squad_evaluate(examples, preds, dict(enumerate(probabilities)), threshold))


# Vectors

SIMILARITIES = ["cosine", "dot", "euclidean", "manhattan"]


class Model:
    """A model whose texts are indices of vectors, for sentence-transformers' evaluators."""

    similarity_fn_name = "cosine"

    def __init__(self, vectors):
        self.vectors = torch.tensor(vectors, dtype=torch.float64)
        self.model_card_data = types.SimpleNamespace(set_evaluation_metrics=lambda *a, **k: None)

    def encode(self, texts, convert_to_tensor=False, **_):
        rows = self.vectors[[int(t) for t in texts]]
        return rows if convert_to_tensor else rows.numpy()

    encode_query = encode_document = encode


def names(first, count):
    """Names that sort as their numbers do."""
    return [f"{i:04d}" for i in range(first, first + count)]


def retrieval(rng, n):
    from sentence_transformers.util import cos_sim, dot_score, euclidean_sim, manhattan_sim
    functions = dict(cosine=cos_sim, dot=dot_score, euclidean=euclidean_sim, manhattan=manhattan_sim)
    for i in range(n):
        # Small whole numbers: exact similarities, and many ties.
        exact = i % 2 == 0
        value = (lambda: float(rng.randint(-2, 2))) if exact else (lambda: float(np.float32(rng.gauss(0, 1))))
        size, count = rng.randint(1, 4), rng.randint(2, 12)
        vectors = [[value() for _ in range(size)] for _ in range(3 * count)]
        model = Model(vectors)
        a, b, c = (names(k * count, count) for k in range(3))
        gold = [rng.randint(0, 5) for _ in range(count)]
        labels = [rng.randint(0, 1) for _ in range(count)]
        margin = rng.choice([0, 0.5])
        queries = rng.randint(1, min(3, count))
        relevant = [rng.sample(range(2 * count), rng.randint(1, 4)) for _ in range(queries)]
        case = dict(vectors=vectors, count=count, gold=gold, labels=labels, margin=margin, relevant=relevant)
        some = ["dot"] if exact else SIMILARITIES
        case["similarity"] = EmbeddingSimilarityEvaluator(a, b, gold, similarity_fn_names=some)(model)
        case["pairs"] = BinaryClassificationEvaluator(a, b, labels, similarity_fn_names=some)(model)
        case["triplets"] = TripletEvaluator(a, b, c, margin=margin, similarity_fn_names=some)(model)
        ks = [1, 2, 5, 30]
        documents = names(count, 2 * count)
        case["retrieval"] = InformationRetrievalEvaluator(
            {q: q for q in a[:queries]}, {d: d for d in documents},
            {q: {documents[r] for r in row} for q, row in zip(a, relevant)},
            accuracy_at_k=ks, precision_recall_at_k=ks, mrr_at_k=ks, ndcg_at_k=ks, map_at_k=ks,
            score_functions={s: functions[s] for s in some})(model)
        yield case


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--squad")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--out", default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()
    makers = [classification, multilabel, ranking, regression, entities, bleu, chrf, rouge, stems, retrieval]
    if arguments.squad:
        makers.append(lambda rng, n: answers(rng, n, arguments.squad))
        makers[-1].__name__ = "answers"
    for make in makers:
        rng = random.Random(f"{make.__name__}{arguments.seed}")
        lines = [json.dumps(plain(case), separators=(",", ":")) for case in make(rng, arguments.cases)]
        pathlib.Path(arguments.out, make.__name__ + ".json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
