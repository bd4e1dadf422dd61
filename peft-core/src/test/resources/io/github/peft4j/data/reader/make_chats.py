"""Writes chats.json: rows of chats and preferences, and what TRL makes of them.

    python make_chats.py

Needs trl alone; version 1.16.0 made the file.
"""

import copy
import json
import pathlib

from trl.data_utils import maybe_convert_to_chatml, maybe_extract_prompt

HERE = pathlib.Path(__file__).parent


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


CONVERSATIONS = [
    {"conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello!"}]},
    {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "user", "value": ""},
                       {"from": "assistant", "value": "?"}]},
]

PREFERENCES = [
    {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    {"chosen": "The sky is blue.", "rejected": "The sky is green."},
    {"chosen": "The sky is blue", "rejected": "The sky is black"},
    {"chosen": "ab", "rejected": "ac"},
    {"prompt": [user("Colour?")], "chosen": [assistant("Blue.")], "rejected": [assistant("Green.")]},
    {"chosen": [user("Colour?"), assistant("Blue.")], "rejected": [user("Colour?"), assistant("Green.")]},
    {"prompt": "Colour?", "chosen": [user("Colour?"), assistant("Blue.")],
     "rejected": [user("Colour?"), assistant("Green.")]},
    {"chosen": [user("a"), assistant("b"), user("c"), assistant("d")],
     "rejected": [user("a"), assistant("b"), user("c"), assistant("e"), user("f"), assistant("g")]},
]


def main():
    written = {
        "conversations": [[row, maybe_convert_to_chatml(copy.deepcopy(row))] for row in CONVERSATIONS],
        "preferences": [[row, maybe_extract_prompt(copy.deepcopy(row))] for row in PREFERENCES],
    }
    (HERE / "chats.json").write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n")


main()
