"""The types of the expressions in admission policies, by the checker of CEL's C++ library: YAML in, JSON out.

Its names must be types of protocol buffers, which cannot be called as those of admission are (`Object.spec` and
`Object.spec.containers`). So what makes an object is read as a map of the same fields.
"""

import json
import re
import sys

import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

TOKENS = re.compile(r"""'[^']*'|"[^"]*"|(?:JSONPatch|Object[\w.]*)\{|[A-Za-z_]\w*(?=:\s)|.""", re.DOTALL)


def without_objects(expression):
    out, open_brackets = [], []
    for token in TOKENS.findall(expression):
        if token[0] in "JO" and token[-1] == "{":
            open_brackets.append("object")
            token = "{"
        elif token in "({[":
            open_brackets.append(token)
        elif token in ")}]":
            open_brackets.pop()
        elif re.fullmatch(r"[A-Za-z_]\w*", token) and len(token) > 1 and open_brackets[-1:] == ["object"]:
            token = f"'{token}'"
        out.append(token)
    return "".join(out)


def types(policy):
    names = {"object": cel.Type.DYN, "oldObject": cel.Type.DYN, "namespaceObject": cel.Type.DYN}

    def check(expression):
        env = cel.NewEnv(variables=names, extensions=[ext_strings.ExtStrings()])
        return env.compile(without_objects(expression)).return_type()

    spec = policy["spec"]
    conditions = [str(check(c["expression"])) for c in spec.get("matchConditions", [])]
    for variable in spec["variables"]:
        names["variables." + variable["name"]] = check(variable["expression"])
    validations = spec.get("validations", [])
    return {
        "bool": conditions + [str(check(v["expression"])) for v in validations],
        "string": [str(check(v["messageExpression"])) for v in validations if "messageExpression" in v],
        "patch": [str(check(m["jsonPatch"]["expression"])) for m in spec.get("mutations", [])],
    }


policies = [document for document in yaml.safe_load_all(sys.stdin) if document["kind"].endswith("Policy")]
json.dump([types(policy) for policy in policies], sys.stdout)
