"""Makes processors.json beside this file: what the logits processors and warpers of Hugging Face transformers compute.

    pip install torch transformers==5.24.0
    python make_processors.py

"processed" are logits, with null for minus infinity; "probabilities" are what is drawn from.
"""

import json
import math
import pathlib

import torch
from transformers.generation import logits_process as lp

VOCABULARY = 12
IDS = [[3, 4, 5, 3, 4], [7, 7, 2, 1, 7]]
PROMPTS = [[3, 4, 5], [7, 7, 2]]
PROCESSORS = {
    "repetitionPenalty": lp.RepetitionPenaltyLogitsProcessor(1.3),
    "encoderRepetitionPenalty": lp.EncoderRepetitionPenaltyLogitsProcessor(1.3, torch.tensor(PROMPTS)),
    "noRepeatNgrams": lp.NoRepeatNGramLogitsProcessor(2),
    "noRepeatUnigrams": lp.NoRepeatNGramLogitsProcessor(1),
    "encoderNoRepeatNgrams": lp.EncoderNoRepeatNGramLogitsProcessor(2, torch.tensor(PROMPTS)),
    "badWords": lp.NoBadWordsLogitsProcessor([[9], [4, 6], [1, 7, 8], [2, 7, 8]], 0),
    "normalization": lp.LogitNormalization(),
}
CHAINS = {
    "topP": dict(topP=0.8),
    "minP": dict(minP=0.3),
    "typicalP": dict(typicalP=0.6),
    "typicalPOfFew": dict(typicalP=0.05),
    "all": dict(temperature=0.7, topK=8, topP=0.95, minP=0.05, typicalP=0.9),
}
WARPERS = dict(temperature=lp.TemperatureLogitsWarper, topK=lp.TopKLogitsWarper, topP=lp.TopPLogitsWarper,
               minP=lp.MinPLogitsWarper, typicalP=lp.TypicalLogitsWarper)


def main():
    torch.manual_seed(4)
    logits = (torch.randn(2, VOCABULARY) * 1.5).round(decimals=3)
    processed = {
        name: [None if math.isinf(x) else x for x in p(torch.tensor(IDS), logits.clone()).flatten().tolist()]
        for name, p in PROCESSORS.items()}
    probabilities = {}
    for name, settings in CHAINS.items():
        scores = logits
        for setting, value in settings.items():
            scores = WARPERS[setting](value)(None, scores)
        probabilities[name] = dict(settings=settings, values=scores.softmax(-1).flatten().tolist())
    data = dict(ids=IDS, prompts=PROMPTS, logits=logits.flatten().tolist(), processed=processed, sampling=probabilities)
    text = json.dumps(data).replace("}, \"", "},\n\"").replace("], \"", "],\n\"")
    pathlib.Path(__file__).with_name("processors.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
