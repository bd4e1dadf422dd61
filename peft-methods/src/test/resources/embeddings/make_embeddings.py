"""Makes the folders beside this file: what sentence-transformers saves beside a model, and what it computes.

    pip install torch transformers==5.24.0 sentence-transformers==6.2.0 tokenizers
    python make_embeddings.py

The models are those of ../golden, with words w3 ... w39 as the ids 3 ... 39, as TinyModels writes them. Each
folder holds the files of one model, without its weights and tokenizer, and expected.json: texts and vectors.
"""

import json
import pathlib
import shutil
import tempfile

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TEXTS = ["w3 w4 w5 w6 w7 w8 w9 w10", "w12", "w20 w21 w22", "W30 w31 w32 w33 w34"]
KEPT = ["modules.json", "tokenizer_config.json", "config_sentence_transformers.json", "sentence_bert_config.json",
        "1_Pooling", "2_Dense", "2_Normalize", "3_Normalize"]


def tokenizer(folder):
    words = {"<pad>": 0, "<unk>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, 40)}}
    words = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="</s>",
                            model_max_length=32).save_pretrained(folder)


def base(model, folder):
    for file in ("config.json", "model.safetensors"):
        shutil.copy(HERE.parent / "golden" / model / file, folder)
    tokenizer(folder)


def expect(st, model, target):
    vectors = st.encode(TEXTS, batch_size=2).tolist()
    expected = dict(model=model, texts=TEXTS, vectors=[[float(f"{v:.7g}") for v in row] for row in vectors])
    (target / "expected.json").write_text(json.dumps(expected) + "\n")


def older(name, model):
    """The files of a model on the hub that was saved years ago, such as all-MiniLM-L6-v2."""
    target = HERE / name
    shutil.rmtree(target, ignore_errors=True)
    (target / "1_Pooling").mkdir(parents=True)
    types = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    files = {
        "modules.json": [dict(idx=i, name=str(i), path=path, type="sentence_transformers.models." + type)
                         for i, (path, type) in enumerate(types)],
        "sentence_bert_config.json": dict(max_seq_length=5, do_lower_case=True),
        "1_Pooling/config.json": dict(
            word_embedding_dimension=16, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False,
            pooling_mode_max_tokens=False, pooling_mode_mean_sqrt_len_tokens=False),
    }
    with tempfile.TemporaryDirectory() as folder:
        base(model, folder)
        for file, content in files.items():
            (target / file).write_text(json.dumps(content, indent=2) + "\n")
        shutil.copytree(target, folder, dirs_exist_ok=True)
        expect(SentenceTransformer(folder).eval(), model, target)


def case(name, model, modules, prompts=None, **settings):
    with tempfile.TemporaryDirectory() as folder:
        base(model, folder)
        transformer = Transformer(folder, **settings)
        torch.manual_seed(7)
        st = SentenceTransformer(modules=[transformer, *modules(transformer.get_embedding_dimension())],
                                 prompts=prompts, default_prompt_name="query" if prompts else None)
        st.eval()
        target = HERE / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        with tempfile.TemporaryDirectory() as saved:
            st.save(saved)
            for kept in KEPT:
                source = pathlib.Path(saved, kept)
                if source.is_dir():
                    shutil.copytree(source, target / kept)
                elif source.exists():
                    shutil.copy(source, target)
        expect(st, model, target)


if __name__ == "__main__":
    case("mean-normalized", "tiny-bert", lambda d: [Pooling(d), Normalize()], max_seq_length=6)
    case("cls", "tiny-bert", lambda d: [Pooling(d, pooling_mode="cls")])
    older("older", "tiny-bert")
    case("dense", "tiny-bert", lambda d: [Pooling(d), Dense(d, 3), Normalize()])
    case("last-token", "tiny-llama", lambda d: [Pooling(d, pooling_mode="lasttoken"), Normalize()],
         prompts={"query": "w5 w6 "})
    case("max", "tiny-bert", lambda d: [Pooling(d, pooling_mode="max")])
