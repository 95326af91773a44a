"""Why references found and those that tp_traverse reports differ: every difference has to have one.

tp_traverse reports what may be part of a cycle; memexplorer, every reference that is counted. The
functions named are CPython's, where nothing else is said.
"""

import re
from typing import Counter, List, NamedTuple, Tuple

from traverse import CLASS, INLINE_DICT, NOT_GC, STATIC_CLASS

Difference = Tuple[str, str]  # a type, and a label or a referent's type: see agreement.c


class Reason(NamedTuple):
    """Why the two differ: regular expressions of a type, and of a label or a referent's type."""

    type: str
    what: str
    why: str
    since: Tuple[int, ...] = (3, 8)
    until: Tuple[int, ...] = (4,)  # the first version that it is not true of

    def fits(self, difference: Difference, version: tuple) -> bool:
        name, what = difference
        return bool(
            self.since <= version < self.until
            and re.fullmatch(self.type, name)
            and re.fullmatch(self.what, what)
        )


def group(name: str) -> str:
    return re.escape(name)


# Of a micro version that has no table, where the struct has another size in the ones that have.
UNNAMED = [
    Reason(r"_sre\.SRE_Scanner", r"word \+0x\w+", "grew", (3, 9), (3, 9, 18)),
    Reason(r"_sre\.SRE_Scanner", r"word \+0x\w+", "grew", (3, 11), (3, 11, 7)),
    Reason(r"builtins\.(keys|values|items)", r"word \+0x\w+", "deeper trees", (3, 9), (3, 9, 18)),
]

UNNAMED_MEMORY = [Reason(r"_sre\.SRE_Scanner", r"its memory \+0x\w+", "grew", (3, 11), (3, 11, 7))]

STR_KEY = r"\{key\} \(.*\bstr\)"
# Packages of the programs in tests/exactness, and the types that Cython brings to each module.
FOREIGN = (
    r"(_cython_\w+|_cyutility|numpy|pandas|greenlet|sqlalchemy)\..*"
    r"|builtins\.(fused_)?cython_function.*"
)
VALUES_OF_THE_DICT = (
    "PyObject_VisitManagedDict and dict_traverse before gh-130327: values inside of an instance are"
    " visited there alone, its `__dict__` is not"
)

# Counted, and not reported.
UNTOLD = [
    Reason(group(NOT_GC), "", "gc.get_referents asks nothing of a type without Py_TPFLAGS_HAVE_GC"),
    Reason(r".*", STR_KEY, "dict_traverse skips the keys of a table that has no other ones than "
           "str; subclasses of dict call it"),
    Reason(group(INLINE_DICT), r"\[value\]", VALUES_OF_THE_DICT, (3, 13), (3, 13, 13)),
    Reason(group(INLINE_DICT), r"\[value\]", VALUES_OF_THE_DICT, (3, 14), (3, 14, 4)),
    Reason(group(CLASS), r"\.__(name|qualname|slots|subclasses)__", "type_traverse leaves out str,"
           " the tuple of str, weak references"),
    Reason(group(CLASS), "shared attribute name", "type_traverse does not look into ht_cached_keys,"
           " the names of instances' attributes, which are str"),
    Reason(group(CLASS), r"\.__class__ \(_cython_\w+\._common_types_metatype\)",
           "type_traverse leaves out the metaclass, which Cython makes on the heap"),
    Reason(group(STATIC_CLASS), r"\.__\w+__|\.type|word \+0x\w+|its memory \+0x\w+",
           "type_is_gc: the collector does not look at static types"),
    Reason(r"builtins\.\w+_descriptor", r"\.__(qual)?name__", "descr_traverse visits the class"
           " alone"),
    Reason(r"builtins\.module|__main__\.MyModule|six\.\w+", r"\.md_name", "module_traverse leaves"
           " out the name, a str"),
    Reason(r"builtins\.module", r"module state \.\w+(\[\])? \(builtins\.(str|int)\)",
           "m_traverse of a module leaves out its str and int", since=(3, 10)),
    Reason(r"builtins\.module", r"module state \.Long___abs__ \(builtins\.wrapper_descriptor\)",
           "_random_traverse visits the type alone", since=(3, 9)),
    Reason(r"builtins\.module", r"its memory \+0x\w+", "words of the blocks that hold atexit's"
           " callbacks, behind the last one", until=(3, 10)),
    Reason(r"builtins\.module", r"free list \.__class__", "_asyncio's module_traverse does not"
           " visit the types of what is dead, on its free list", since=(3, 12), until=(3, 14)),
    Reason(r"builtins\.module", r"module state \.epoch \(datetime\.datetime\)",
           "_datetime's traverse_state: datetime has no tp_traverse", (3, 13)),
    Reason(r"builtins\.frame", r"stack \d+", "frame_traverse does not visit the value stack of a"
           " running frame: its depth is not known", until=(3, 11)),
    Reason(r"builtins\.generator", "frame code", "gen_traverse does not visit the frame of one that"
           " has returned", since=(3, 12), until=(3, 14)),
    Reason(r"builtins\.code", r"\.co_\w+", "code_traverse visits co_consts alone, and is there"
           " without a GIL alone", (3, 13)),
    Reason(r"builtins\.PyCapsule", r"\[item\]", "capsule_traverse: what the capsule's own traverse"
           " function says", (3, 13)),
    Reason(r"(?!\().*", r"\.__dict__", VALUES_OF_THE_DICT, (3, 13), (3, 13, 13)),
    Reason(r"(?!\().*", r"\.__dict__", VALUES_OF_THE_DICT, (3, 14), (3, 14, 4)),
    Reason(r"__main__\.MyDate|pandas\.(_libs\.tslibs\.timestamps\.)?Timestamp", r"\.tzinfo",
           "datetime.datetime has no tp_traverse that a subclass could call"),
    Reason(r"(os|posix)\.\w+_result", r"\.__class__", "structseq_traverse visits fields alone",
           until=(3, 9)),
    Reason(r"builtins\.StgDict", r"\.(argtypes|converters|proto|restype)",
           "PyCStgDict_dealloc knows them, dict_traverse does not", until=(3, 13)),
    Reason(r"ctypes\.CField", r"\.name", "PyCField_traverse leaves out a str", (3, 14)),
    Reason(r"typing\.(TypeVar|TypeVarTuple|ParamSpec|TypeAliasType)", r"\.__name__",
           "typevar_traverse and its like leave out a str", since=(3, 12), until=(3, 13, 15)),
    Reason(r"operator\.methodcaller", r"\.name", "methodcaller_traverse leaves out a str",
           until=(3, 10)),
    Reason(r"operator\.methodcaller", r"\.vectorcall_kwnames", "methodcaller_traverse leaves out a"
           " tuple of str", (3, 13), (3, 14)),
    Reason(r"_thread\._local|asyncio\.events\..*", r"\.(key|wr_callback)",
           "local_traverse leaves out a str, and what removes the local from threads",
           until=(3, 13)),
    Reason(r"zoneinfo\.ZoneInfo", r"\.(tzrule_after\..*\.)?(utcoff|dstoff|tzname)",
           "zoneinfo_traverse leaves out str and timedelta", (3, 12)),
    Reason(r"zlib\.(C|Dec)ompress", r"\.(unused_data|unconsumed_tail)", "without tp_traverse of"
           " their own: the type alone", since=(3, 13)),
    Reason(r"_ssl\._SSLSocket", r"\.(ctx|owner|server_hostname)", "PySSL_traverse visits an"
           " exception alone", since=(3, 10)),
    Reason(r"xml\.etree\.ElementTree\.XMLParser", r"\.elementtree_module", "xmlparser_gc_traverse"
           " leaves out the module", since=(3, 13)),
    Reason(r"pyexpat\.xmlparser", r"\.intern", "xmlparse_traverse visits handlers and the parent"),
    Reason(r"_pickle\.Unpickler", r"\.buffer\.obj", "Unpickler_traverse leaves out the owner of a"
           " buffer"),
    Reason(r"_pickle\.(Unpickler|Pickler)", "memo( key)?", "Pickler_traverse, Unpickler_traverse"
           " leave out the memo", until=(3, 11, 7)),
    Reason(r"_json\.Scanner", r"\.memo", "scanner_traverse leaves out a dict of str",
           until=(3, 9)),
    Reason(r"_sre\.SRE_Scanner", r"\.state\.string", "scanner_traverse visits the pattern alone",
           since=(3, 10)),
    Reason(r"_io\.BufferedRWPair", r"\.(reader|writer)", "bufferedrwpair_traverse visits its dict"
           " alone", until=(3, 12)),
    Reason(r"_io\.(BytesIO|StringIO)", r"\.(buf|readnl|accu\.small)",
           "bytesio_traverse, stringio_traverse leave out bytes and str", until=(3, 12)),
    Reason(r"_io\.StringIO", r"\.writer\.buffer", "stringio_traverse leaves out a str",
           since=(3, 12), until=(3, 14)),
    # Of the tests' own program.
    Reason(r"builtins\.dict", r"\['chosen'\]", "kept by the program after it has told"),
    # Of others than CPython.
    Reason(FOREIGN, r"its memory \+0x\w+|word \+0x\w+|\.__class__", "words of C structs that no"
           " header describes count where a count asks for them. Cython's traverse functions leave"
           " out str, code, and classes made without a spec"),
    Reason(r"numpy\.ma\.(core\.)?Masked(Array|Constant)", r"\.(base|dtype)", "numpy.ndarray has no"
           " tp_traverse that a subclass could call"),
    *UNNAMED,
    *UNNAMED_MEMORY,
]  # fmt: skip

# Reported, and not found there.
MISSING = [
    Reason(r"builtins\.dict", "not found", "dropped by the program after it has told of it"),
    Reason(group(CLASS), "of its __dict__", "PyCPointerType_traverse and others visit what the"
           " class's StgDict has", until=(3, 13)),
    Reason(r"(?!\().*", "of its __dict__", VALUES_OF_THE_DICT, (3, 13), (3, 13, 13)),
    Reason(r"(?!\().*", "of its __dict__", VALUES_OF_THE_DICT, (3, 14), (3, 14, 4)),
]  # fmt: skip


def explain(
    differences: Counter[Difference], reasons: List[Reason], version: tuple
) -> Tuple[List[Tuple[Difference, int, Reason]], List[str]]:
    """Those with a reason, and lines about those without."""
    explained: List[Tuple[Difference, int, Reason]] = []
    others: List[str] = []
    for difference, count in differences.items():
        reason = next((each for each in reasons if each.fits(difference, version)), None)
        if reason:
            explained.append((difference, count, reason))
        else:
            others.append(f"{' '.join(difference)}: {count}")
    return explained, others


def unexplained(
    differences: Counter[Difference], reasons: List[Reason], version: tuple
) -> List[str]:
    return explain(differences, reasons, version)[1]
