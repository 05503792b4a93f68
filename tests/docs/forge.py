#!/usr/bin/env python3
"""A preprocessor of mdBook (https://rust-lang.github.io/mdBook/for_developers/preprocessors.html): in the book, links that
lead out of docs/ lead to the forge. In: the context and the book as JSON; out: the book."""
import json
import re
import sys

FORGE = "https://github.com/lithify/lithify/blob/main/"


def chapters(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            chapter["content"] = re.sub(r"\]\(\.\./", f"]({FORGE}", chapter["content"])
            chapters(chapter["sub_items"])


if sys.argv[1:2] == ["supports"]:
    sys.exit(0)
_, book = json.load(sys.stdin)
chapters(book.get("items") or book.get("sections") or [])
json.dump(book, sys.stdout)
