"""Ids and assistant masks of conversations, by transformers' apply_chat_template.
Usage: make_masks.py, with transformers 5.24. Takes tokenizers of ../golden-tokenizers and writes masks.json beside it."""
import json, os, shutil, tempfile
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, '..', 'golden-tokenizers', 'files')
CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}"
          "{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
# the span begins and ends inside of words
INSIDE = ("{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ 'assis' }}{% generation %}{{ 'tant ' + m.content }}{{ 'new' }}{% endgeneration %}{{ 'est' }}"
          "{% else %}{{ 'user ' + m.content }}{% endif %}{{ ' ' }}{% endfor %}")
TEMPLATES = dict(chatml=CHATML, inside=INSIDE)
CHATS = [
    [('user', 'The cat sat on the mat.'), ('assistant', 'A model learns what it reads.')],
    [('system', 'Déjà vu'), ('user', '東京 👍🏽'), ('assistant', 'café 🙂 naïve'), ('user', ' x \n'), ('assistant', ''), ('user', 'a'), ('assistant', '  two  spaces ')],
]

def case(name, config):
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(FILES, name + '.json'), os.path.join(folder, 'tokenizer.json'))
        json.dump(config, open(os.path.join(folder, 'tokenizer_config.json'), 'w'))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        for template, text in TEMPLATES.items():
            for chat in CHATS:
                messages = [dict(role=role, content=content) for role, content in chat]
                made = tokenizer.apply_chat_template(messages, chat_template=text, return_dict=True, return_assistant_tokens_mask=True)
                cases.append(dict(tokenizer=name, config=config, template=text, messages=messages, ids=made['input_ids'], mask=made['assistant_masks']))
    return cases

if __name__ == '__main__':
    fast = dict(tokenizer_class='PreTrainedTokenizerFast', bos_token='<s>', additional_special_tokens=['<|im_start|>', '<|im_end|>'])
    out = []
    for name in ('llama2', 'llama3', 'qwen2', 'gemma', 'gpt2', 'bert-cased'):
        out += case(name, fast)
    json.dump(out, open(os.path.join(HERE, 'masks.json'), 'w'), ensure_ascii=False)
    print(len(out), 'cases', sum(sum(each['mask']) for each in out), 'tokens of the assistant')
