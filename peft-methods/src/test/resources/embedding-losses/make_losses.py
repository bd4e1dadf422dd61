"""Makes the files beside this one: the losses of sentence-transformers, with the gradients of a LoRA adapter.

    pip install torch transformers==5.24.0 peft==0.21.0 sentence-transformers==6.2.0 tokenizers
    python make_losses.py

The models are those of ../golden, without their heads; words are those of ../embeddings. Each folder is an adapter,
with expected.json: texts, and for each loss its value and its gradients. "trace" has the losses of some steps of
AdamW by the first loss.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from sentence_transformers import losses
from sentence_transformers.losses import SiameseDistanceMetric, TripletDistanceMetric
from sentence_transformers.util import dot_score
from transformers import AutoModel, AutoTokenizer

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "embeddings"))
import make_embeddings  # noqa: E402

ANCHORS = ["w3 w4 w5 w6", "w7 w8", "w9 w10 w11"]
POSITIVES = ["w12 w13", "w14 w15 w16 w17 w18", "w19"]
NEGATIVES = ["w20 w21 w22", "w23", "w24 w25 w26 w27"]
SCORES = [0.75, -0.25, 0.5]
LABELS = [1.0, 0.0, 1.0]

ranking = losses.MultipleNegativesRankingLoss
LOSSES = {
    "ranking": (ranking(None), "pairs"),
    "ranking-negatives": (ranking(None), "triplets"),
    "ranking-symmetric": (ranking(None, directions=("query_to_doc", "doc_to_query"),
                                  partition_mode="per_direction"), "triplets"),
    "ranking-dot": (ranking(None, scale=1, similarity_fct=dot_score), "pairs"),
    "cosine": (losses.CosineSimilarityLoss(None), "scores"),
    "cosent": (losses.CoSENTLoss(None), "scores"),
    "triplet": (losses.TripletLoss(None), "triplets"),
    "triplet-cosine": (losses.TripletLoss(None, TripletDistanceMetric.COSINE, 0.5), "triplets"),
    "triplet-manhattan": (losses.TripletLoss(None, TripletDistanceMetric.MANHATTAN, 5), "triplets"),
    "contrastive": (losses.ContrastiveLoss(None), "labels"),
    "contrastive-euclidean": (losses.ContrastiveLoss(None, SiameseDistanceMetric.EUCLIDEAN, 3), "labels"),
    "matryoshka": (ranking(None), "pairs"),
}


def pooled(model, tokenizer, texts, pooling):
    batch = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
    states = model(**batch).last_hidden_state
    mask = batch["attention_mask"]
    if pooling == "mean":
        return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return states[torch.arange(len(texts)), mask.sum(1) - 1]


def value(name, model, tokenizer, pooling):
    loss, data = LOSSES[name]
    columns = [ANCHORS, POSITIVES] + ([NEGATIVES] if data == "triplets" else [])
    vectors = [pooled(model, tokenizer, column, pooling) for column in columns]
    labels = torch.tensor({"scores": SCORES, "labels": LABELS}.get(data, [0.0] * 3))
    if name == "matryoshka":
        return sum(weight * loss.compute_loss_from_embeddings([F.normalize(v[:, :size], dim=-1) for v in vectors],
                                                              labels)
                   for size, weight in ((16, 1.0), (8, 0.5), (4, 2.0)))
    return loss.compute_loss_from_embeddings(vectors, labels)


def case(name, base, pooling, targets):
    target = HERE / name
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        make_embeddings.base(base, folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        torch.manual_seed(3)
        config = LoraConfig(r=2, lora_alpha=4, target_modules=targets, init_lora_weights=False,
                            task_type="FEATURE_EXTRACTION")
        model = get_peft_model(AutoModel.from_pretrained(folder), config).eval()
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(target)
        (target / "README.md").unlink()
        expected = dict(model=base, pooling=pooling, anchors=ANCHORS, positives=POSITIVES, negatives=NEGATIVES,
                        scores=SCORES, labels=LABELS, losses={}, trace=[])
        trained = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
        for loss in LOSSES:
            model.zero_grad()
            result = value(loss, model, tokenizer, pooling)
            result.backward()
            expected["losses"][loss] = dict(
                data=LOSSES[loss][1], loss=result.item(),
                gradients={n: [float(f"{x:.6g}") for x in p.grad.flatten().tolist()] for n, p in trained.items()})
        optimizer = torch.optim.AdamW(trained.values(), lr=1e-2, weight_decay=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            result = value("ranking", model, tokenizer, pooling)
            result.backward()
            optimizer.step()
            expected["trace"].append(result.item())
        (target / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    case("mean", "tiny-bert", "mean", ["query", "value"])
    case("last-token", "tiny-llama", "lasttoken", ["q_proj", "v_proj"])
