#!/usr/bin/env python3
"""Reads the prose of README, CONTRIBUTING, SECURITY and docs/.

  tests/docs/prose.py sentences   lists sentences of more than 30 words
  tests/docs/prose.py spelling    lists words that neither hunspell's British dictionary nor tests/docs/words.txt has
  tests/docs/prose.py links       prints the addresses that the pages link to, one a line

Each finding is FILE:LINE: WHAT. The first two exit 1 if they find anything. A sentence ends at `.`, `!` or `?`,
and with its paragraph, item or cell; in a cell also at `;`. Inline code is one word. What a program made does not count:
blocks of code, what stands between the comments `made: begin` and `made: end`, and whole pages that are made.
"""
import pathlib
import re
import subprocess
import sys

MOST = 30
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = ROOT / "tests/docs/words.txt"
# Made from the sources, row by row.
MADE = {"checks.md", "commands.md", "keys.md", "kubectl-commands.md"}


def pages():
    names = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    return [*names, *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in MADE)]


def prose(page):
    """The lines of a page that somebody wrote, each as (number, text)."""
    fence = made = False
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if line.lstrip().startswith("```"):
            fence = not fence
        elif "<!--" in line:
            made = "made: begin" in line or made and "made: end" not in line
        elif not (fence or made):
            yield number, line


def plain(line):
    """Without the marks of Markdown. Code goes first: it may hold bars, brackets and full stops."""
    line = re.sub(r"(`+).+?\1", "code", line)
    line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
    return re.sub(r"https?://\S+|<[^>]*>", " ", line).replace("**", "")


def sentences():
    for page in pages():
        for number, line in prose(page):
            text = plain(line)
            # A cell of a table may be a list.
            for part in re.split(r"[|;]", text.strip()) if line.startswith("|") else [text]:
                part = re.sub(r"^\s*([-*]|\d+\.|#+|>)\s+", "", part)
                for sentence in re.split(r"(?<=[.!?])[)\"'*]*\s+", part):
                    words = len(re.findall(r"[^\W_][\w'’.,/%-]*", sentence))
                    if words > MOST:
                        yield page, number, f"{words} words: {sentence.strip()}"


def spelling():
    known = set(WORDS.read_text().split())
    lines = [(page, number, plain(line).replace("’", "'")) for page in pages() for number, line in prose(page)]
    # One call for all pages: it takes a second to read its dictionary.
    text = "\n".join(line for _, _, line in lines)
    ran = subprocess.run(["hunspell", "-d", "en_GB", "-l"], input=text, capture_output=True, text=True, check=True)
    for word in sorted(set(ran.stdout.split())):
        # A name of a program's making: `runAsUser`, `SIGTERM`, `T1059`.
        if not re.search(r"\d|.[A-Z]", word) and word.removesuffix("'s") not in known:
            yield next((page, number, word) for page, number, line in lines if word in line)


def links():
    for page in pages():
        for number, line in prose(page):
            for address in re.findall(r"\]\((https?://[^)\s]+)\)", line):
                yield page, number, address


def main(what):
    if what == "links":
        print("\n".join(sorted({address for _, _, address in links()})))
        return 0
    found = [f"{page.relative_to(ROOT)}:{number}: {text}" for page, number, text in {"sentences": sentences, "spelling": spelling}[what]()]
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
