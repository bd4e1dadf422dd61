"""Files for docs/accuracy.md: entities and pairs out of E2E NLG, some texts of banking77.

  python make_data.py DATA OUT

DATA has e2e_devset.csv and e2e_testset_w_refs.csv of E2E NLG, banking77_train.csv and banking77_test.csv. OUT gets a file
TASK-train.jsonl and TASK-test.jsonl for each of entities, pairs and texts. Draws have fixed seeds.
"""
import csv
import json
import os
import random
import re
import sys

DATA, OUT = sys.argv[1:3]


def table(name):
    with open(os.path.join(DATA, name), encoding="utf-8-sig") as f:
        return list(csv.DictReader(f))


def write(name, rows):
    with open(os.path.join(OUT, name + ".jsonl"), "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(name, len(rows))


def shuffled(rows, seed):
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    return rows


def slots(meaning):
    """'name[Cotto], area[riverside]' as a dict."""
    return dict(re.findall(r"(\w+)\[([^\]]*)\]", meaning))


def words(text):
    return re.findall(r"\w+|[^\w\s]", text)


def tagged(row):
    """The words of a text. A slot's value has the slot as its entity where it stands literally. None if two values are equal."""
    values = {slot: value.lower() for slot, value in slots(row["mr"]).items() if slot != "familyFriendly"}
    if len(set(values.values())) < len(values):
        return None
    tokens = words(row["ref"])
    lower, tags = [token.lower() for token in tokens], ["O"] * len(tokens)
    for slot, value in sorted(values.items(), key=lambda each: -len(each[1])):
        value = words(value)
        n = len(value)
        for i in range(len(tokens) - n + 1):
            if lower[i:i + n] == value and set(tags[i:i + n]) == {"O"}:
                tags[i:i + n] = ["B-" + slot] + ["I-" + slot] * (n - 1)
    return {"tokens": tokens, "tags": tags}


def entities(rows, n):
    return shuffled(filter(None, map(tagged, rows)), 5)[:n]


def pairs(rows, values, n):
    """Half are a meaning and its text. In a quarter the text is that of another name, in a quarter one value is another one."""
    draw, rows, out = random.Random(6), list(rows), []
    draw.shuffle(rows)
    for i, row in enumerate(rows[:n]):
        meaning, text, its = row["mr"], row["ref"], slots(row["mr"])
        if i % 4 == 2:
            text = draw.choice([other for other in rows if slots(other["mr"])["name"] != its["name"]])["ref"]
        elif i % 4 == 0:
            slot = draw.choice([slot for slot in its if slot in ("name", "near", "food", "area")])
            value = draw.choice(sorted(values[slot] - {its[slot]}))
            meaning = meaning.replace(f"{slot}[{its[slot]}]", f"{slot}[{value}]")
        out.append({"text": meaning, "pair": text, "label": "yes" if i % 2 else "no"})
    return out


def by_meaning(rows):
    """Rows to learn from and rows to measure with. No meaning is in both."""
    meanings = shuffled(sorted({row["mr"] for row in rows}), 7)
    unseen = set(meanings[:len(meanings) // 3])
    return [row for row in rows if row["mr"] not in unseen], [row for row in rows if row["mr"] in unseen]


def main():
    dev, every = table("e2e_devset.csv"), table("e2e_devset.csv") + table("e2e_testset_w_refs.csv")
    values = {}
    for row in every:
        for slot, value in slots(row["mr"]).items():
            values.setdefault(slot, set()).add(value)

    known, new = by_meaning(every)
    write("entities-train", entities(known, 1500))
    write("entities-test", entities(new, 1000))
    known, new = by_meaning(dev)
    write("pairs-train", pairs(known, values, 3000))
    write("pairs-test", pairs(new, values, 1400))

    for part, n in (("train", 4000), ("test", None)):
        rows = [{"text": row["text"], "label": row["category"]} for row in table(f"banking77_{part}.csv")]
        write("texts-" + part, (shuffled(rows, 8) if n else rows)[:n])


if __name__ == "__main__":
    main()
