# Compiles the modules that a list names, one per line: MODE LIST. Like compileall, but what a module becomes follows from it alone.
#
# CPython interns strings in constant sets by making the sets anew, when a string with the same text was interned by this process before;
# whether two places then share one set is seen in the bytes. So a module that has such a set is compiled by a process that has
# compiled nothing else. Pyc files: https://peps.python.org/pep-0552/
import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from types import CodeType

FLAGS = {"unchecked-hash": 1, "checked-hash": 3}[sys.argv[1]].to_bytes(4, "little")
LIST = sys.argv[2]
ALONE = LIST + ".alone"


def has_set(code):
    rest = [code.co_consts]
    while rest:
        for const in rest.pop():
            if isinstance(const, frozenset):
                return True
            if isinstance(const, CodeType):
                rest.append(const.co_consts)
            elif isinstance(const, tuple):
                rest.append(const)
    return False


def module(path, alone):
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except Exception:
        return True
    if not alone and has_set(code):
        return False
    pyc = cache_from_source(path)
    os.makedirs(os.path.dirname(pyc), exist_ok=True)
    with open(pyc + ".new", "wb") as file:
        file.write(MAGIC_NUMBER + FLAGS + source_hash(source) + marshal.dumps(code))
    os.replace(pyc + ".new", pyc)
    return True


def lines(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def all_but_sets():
    with open(ALONE, "w", encoding="utf-8", newline="\n") as alone:
        for path in lines(LIST):
            if not module(path, False):
                alone.write(path + "\n")


def forked(work, *args):
    child = os.fork()
    if child == 0:
        work(*args)
        sys.stderr.flush()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        sys.exit(status if status > 0 else 128 - status)


forked(all_but_sets)
for path in lines(ALONE):
    forked(module, path, True)
