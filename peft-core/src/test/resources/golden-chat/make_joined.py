"""Ids of prompts with their answers, and where the answers begin, by TRL 1.16 (prompt-completion data of SFTTrainer).
Usage: make_joined.py, with transformers 5.24. Takes tokenizers of ../golden-tokenizers and writes joined.json beside it."""
import json, os, shutil, tempfile
from transformers import AutoTokenizer
from trl.data_utils import _tokenize, common_prefix_length

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, '..', 'golden-tokenizers')
NAMES = ('llama2', 'llama2-backend', 'llama2-prefixless', 'llama-spm', 'mistral', 'phi3', 'llama3', 'gemma', 'gemma3', 'gpt2', 'qwen2', 'qwen3', 'olmo2', 'gpt_neox')
TEXTS = [
    ('The cat sat on', ' the mat.'), ('The cat sat on', 'the mat.'), ('The cat sat on ', 'the mat.'), ('The cat sat on ', ' the mat.'),
    ('What we wrote:\n', 'the models'), ('What we wrote:', ' the models\n'), ('What?', 'models'), ('Q: newest?\nA:', ' 1234567'),
    ('low', 'est'), ('the mod', 'els'), ('', 'the dog'), ('the dog', ''), ('caf', 'é naïve'), ('東', '京 👍🏽'), ('the cat  ', '  reads'), (' the', '\n\nlittle')]

out = []
for name in NAMES:
    golden = json.load(open(os.path.join(GOLDEN, 'cases', name + '.json')))
    with tempfile.TemporaryDirectory() as folder:
        for file, source in golden['files'].items():
            shutil.copy(os.path.join(GOLDEN, 'files', source), os.path.join(folder, file))
        for file, content in golden['beside'].items():
            json.dump(content, open(os.path.join(folder, file), 'w'))
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.eos_token is None:
        print(name, 'has no end of text')
        continue
    for prompt, answer in TEXTS:
        completion = answer if answer.endswith(tokenizer.eos_token) else answer + tokenizer.eos_token
        alone = _tokenize(tokenizer, prompt)['input_ids']
        ids = _tokenize(tokenizer, prompt + completion)['input_ids']
        out.append(dict(tokenizer=name, prompt=prompt, answer=answer, alone=len(alone), ids=list(ids), start=common_prefix_length(alone, ids)))
with open(os.path.join(HERE, 'joined.json'), 'w') as f:
    f.write('[\n' + ',\n'.join(json.dumps(each) for each in out) + '\n]\n')
print(len(out), 'cases;', sum(each['start'] < each['alone'] for each in out), 'prompts are no prefix')
