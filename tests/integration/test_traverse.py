"""References are those that tp_traverse reports, in both directions, but for what is told here.

tp_traverse reports what may be part of a cycle; memexplorer, every reference that is counted.
"""

import re
from typing import List, NamedTuple, Tuple

from processes import Interpreter
from traverse import CLASS, INLINE_DICT, NOT_GC, STATIC_CLASS, compare


class Reason(NamedTuple):
    """Why the two differ: regular expressions of a type, and of a label or a referent's type."""

    type: str
    what: str
    why: str
    since: Tuple[int, ...] = (3, 8)
    until: Tuple[int, ...] = (4,)  # the first version that it is not true of


def group(name: str) -> str:
    return re.escape(name)


# Of a micro version that has no table, where the struct has another size in the ones that have.
UNNAMED = [
    Reason(r"_sre\.SRE_Scanner", r"word \+0x\w+", "grew", (3, 9), (3, 9, 18)),
    Reason(r"_sre\.SRE_Scanner", r"word \+0x\w+", "grew", (3, 11), (3, 11, 7)),
    Reason(r"builtins\.(keys|values|items)", r"word \+0x\w+", "deeper trees", (3, 9), (3, 9, 18)),
]

# Counted, and not reported.
UNTOLD = [
    Reason(r".*", r"its memory \+0x\w+", "words of a block that a C struct owns: possible ones,"
           " which count where a count asks for them"),
    Reason(group(NOT_GC), "", "the collector does not look at them"),
    Reason(r"builtins\.(frozen)?dict", "{key}", "a table with no other keys than str skips them"),
    Reason(r"collections\.(OrderedDict|defaultdict|Counter)|__main__\.MyDict", "{key}", "as dict"),
    Reason(r"__main__\.MyOrdered", "{key}", "as dict"),
    Reason(r"builtins\.StgDict", "{key}", "as dict", until=(3, 13)),
    Reason(r"builtins\.dict", r"\['chosen'\]", "kept by the program after it has told"),
    Reason(group(INLINE_DICT), r"\[['\"].*", "PyObject_VisitManagedDict: values of the instance",
           (3, 13)),
    Reason(group(CLASS), r"\.__(name|qualname|slots|subclasses)__", "type_traverse: str, tuples of"
           " str, weak references"),
    Reason(group(STATIC_CLASS), r"\.__\w+__", "type_is_gc: static types live for ever"),
    Reason(r"builtins\.\w+_descriptor", r"\.__name__", "descr_traverse: the type alone"),
    Reason(r"builtins\.module|__main__\.MyModule", r"\.md_name", "module_traverse: a str"),
    Reason(r"builtins\.module", r"module state \.\w+(\[\])?", "a state's str, int and functions"),
    Reason(r"functools\._lru_cache_wrapper", r"\[item\]", "visits what its links have"),
    Reason(r"builtins\.frame", r"stack \d+", "the depth of a running frame's stack is not known",
           until=(3, 11)),
    Reason(r"builtins\.generator", "frame code", "gen_traverse: not when it has returned"),
    Reason(r"builtins\.code", r"\.co_\w+", "code_traverse: constants alone; no GC with the GIL",
           (3, 13)),
    Reason(r"builtins\.PyCapsule", r"\[item\]", "its memory has a traverse of its own", (3, 13)),
    Reason(r".*", r"\.__dict__", "PyObject_VisitManagedDict visits inline values, not their dict",
           (3, 13), until=(3, 13, 1)),
    Reason(r"__main__\.MyDate", r"\.tzinfo", "datetime.datetime is without tp_traverse"),
    Reason(r"(os|posix)\.\w+_result", r"\.__class__", "structseq_traverse: fields", until=(3, 9)),
    Reason(r"builtins\.StgDict", r"\.(argtypes|converters|proto|restype)",
           "PyCStgDict_dealloc knows them, dict_traverse does not", until=(3, 13)),
    Reason(r"ctypes\.CField", r"\.name", "PyCField_traverse: a str", (3, 14)),
    Reason(r"typing\.Type(Var|AliasType)", r"\.__name__", "typevar_traverse: a str"),
    Reason(r"operator\.methodcaller", r"\.name", "methodcaller_traverse: a str", until=(3, 10)),
    Reason(r"_thread\._local|asyncio\.events\..*", r"\.(key|wr_callback)",
           "local_traverse: a str, and what removes the local from threads"),
    Reason(r"zoneinfo\.ZoneInfo", r"\.(tzrule_after\..*\.)?(utcoff|dstoff|tzname)",
           "zoneinfo_traverse: str and timedelta", (3, 12)),
    Reason(r"zlib\.(C|Dec)ompress", r"\.(unused_data|unconsumed_tail)", "the type alone: bytes"),
    Reason(r"_ssl\._SSLSocket", r"\.(ctx|owner|server_hostname)", "PySSL_traverse: others"),
    Reason(r"xml\.etree\.ElementTree\.XMLParser", r"\.elementtree_module", "a module"),
    Reason(r"pyexpat\.xmlparser", r"\.intern", "xmlparse_traverse: handlers"),
    Reason(r"_pickle\.Unpickler", r"\.buffer\.obj", "Unpickler_traverse: no owner of a buffer"),
    Reason(r"_pickle\.(Unpickler|Pickler)", "memo( key)?", "their traverse: not what the memo has",
           until=(3, 14)),
    Reason(r"_json\.Scanner", r"\.memo", "scanner_traverse: a dict of str", until=(3, 9)),
    Reason(r"_sre\.SRE_Scanner", r"\.state\.string", "scanner_traverse: the pattern alone"),
    Reason(r"_io\.BufferedRWPair", r"\.(reader|writer)", "bufferedrwpair_traverse: its dict"),
    Reason(r"_io\.(BytesIO|StringIO)", r"\.(buf|readnl|accu\.small|writer\.buffer)",
           "bytesio_traverse, stringio_traverse: bytes and str"),
    *UNNAMED,
]  # fmt: skip

# Reported, and not found there.
MISSING = [
    Reason(r"builtins\.dict", "not found", "dropped by the program after it has told of it"),
    Reason(r"functools\._lru_cache_wrapper", ".*", "they are held by its links"),
    Reason(group(CLASS), r"_ctypes\.PyC\w+Type", "what PyCPointerType reports is the StgDict's",
           until=(3, 13)),
    Reason(".*", ".*", "_PyObject_VisitManagedDict visits values that are the __dict__'s", (3, 13),
           until=(3, 13, 1)),
]  # fmt: skip


def unexplained(differences: dict, reasons: List[Reason], version: tuple) -> List[str]:
    apply = [each for each in reasons if each.since <= version < each.until]
    return [
        f"{name} {what}: {count}"
        for (name, what), count in differences.items()
        if not any(
            re.fullmatch(each.type, name) and re.fullmatch(each.what, what) for each in apply
        )
    ]


def test_references_are_those_of_tp_traverse(interpreter: Interpreter):
    agreement = compare(interpreter.path)
    assert agreement.objects > 50_000 and agreement.referents > 100_000
    # Every word of a C struct of the standard library has a name.
    assert unexplained(agreement.unnamed, UNNAMED, interpreter.version) == []
    assert unexplained(agreement.missing, MISSING, interpreter.version) == []
    assert unexplained(agreement.untold, UNTOLD, interpreter.version) == []
