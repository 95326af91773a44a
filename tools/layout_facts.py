"""What gen-layout cannot read from headers: shapes, names, and who owns what.

To support a new CPython: run gen-layout; look at what it prints about types that it did not find.
A new way of laying things out needs an enumerator in src/layout/shapes.h and a line in SHAPES.
"""

from __future__ import annotations

Version = tuple[int, int]

# Shape member of struct layout -> (first version that has it, enumerator), newest first.
SHAPES: dict[str, list[tuple[Version, str]]] = {
    "refcount_shape": [
        ((3, 14), "REFCOUNT_LOW_32"),
        ((3, 12), "REFCOUNT_IMMORTAL_32"),
        ((3, 8), "REFCOUNT_PLAIN"),
    ],
    "gc_shape": [((3, 9), "GC_IN_INTERP"), ((3, 8), "GC_IN_RUNTIME")],
    "gc_stats_shape": [((3, 15), "GC_STATS_RINGS"), ((3, 8), "GC_STATS_ARRAY")],
    "frame_shape": [
        ((3, 14), "FRAME_TAGGED"),
        ((3, 13), "FRAME_INTERPRETER_313"),
        ((3, 12), "FRAME_INTERPRETER_312"),
        ((3, 11), "FRAME_INTERPRETER_311"),
        ((3, 10), "FRAME_OBJECT_STACKDEPTH"),
        ((3, 8), "FRAME_OBJECT_STACKTOP"),
    ],
    "keys_shape": [((3, 11), "KEYS_LOG2_SIZE"), ((3, 8), "KEYS_DK_SIZE")],
    "instance_shape": [
        ((3, 13), "INSTANCE_VALUES_INLINE"),
        ((3, 12), "INSTANCE_VALUES_312"),
        ((3, 11), "INSTANCE_VALUES_311"),
        ((3, 8), "INSTANCE_DICT_IN_STRUCT"),
    ],
    "int_shape": [((3, 12), "INT_TAG"), ((3, 8), "INT_SIGNED_SIZE")],
    "str_shape": [((3, 12), "STR_COMPACT"), ((3, 8), "STR_WSTR")],
    "line_shape": [
        ((3, 11), "LINES_LOCATIONS"),
        ((3, 10), "LINES_PEP626"),
        ((3, 8), "LINES_LNOTAB"),
    ],
    "size_shape": [
        ((3, 13), "SIZE_BY_OBJECT"),
        ((3, 11), "SIZE_BY_TYPE"),
        ((3, 8), "SIZE_GC_HEAD"),
    ],
    "static_type_shape": [
        ((3, 12), "STATIC_TYPES_PER_INTERP"),
        ((3, 8), "STATIC_TYPES_IN_STRUCT"),
    ],
}
# What free-threaded builds have instead.
FREE_THREADED_SHAPES: dict[str, list[tuple[Version, str]]] = {
    "refcount_shape": [((3, 14), "REFCOUNT_BIASED"), ((3, 13), "REFCOUNT_BIASED_313")],
    "gc_shape": [((3, 13), "GC_WITHOUT_LISTS")],
    "str_shape": [((3, 14), "STR_INTERNED_BYTE"), ((3, 13), "STR_COMPACT")],
}
# The member of mi_page_t that tells -> enumerator.
MIMALLOC_SHAPES = {
    "page_start": "MIMALLOC_START_STORED",
    "xblock_size": "MIMALLOC_START_COMPUTED",
}

# Objects/obmalloc.c, where the headers do not have POOL_SIZE (before 3.12).
POOL_NBYTES: list[tuple[Version, int]] = [((3, 10), 16384), ((3, 8), 4096)]

# Members of states that hold pointers without counting them, as regular expressions that match
# the whole dotted path. Each names where CPython shows it.
BORROWED_IN_STATES = [
    # Objects/*.c: what is in a free list has no references. slice_cache: sliceobject.c keeps the
    # memory of one dead slice (to 3.13). memerrors_freelist: exceptions.c.
    r".*free_?list.*",
    r".*\bslice_cache",
    r"async_gen\.\w+_freelist\[\]",
    # Objects/typeobject.c, _PyType_Lookup: the name is counted, the value is not.
    r".*type_cache\.hashtable\[\]\.value",
    # Python/pylifecycle.c, init_interp_main and Objects/typeobject.c: looked up, not counted.
    r"callable_cache\..*",
    # Objects/typeobject.c, object___reduce_ex___impl: what object.__dict__ owns.
    r"cached_objects\.objreduce",
    # Objects/funcobject.c, _PyFunction_SetVersion: entries leave when the function dies.
    r"func_state\.func_version_cache\[\].*",
    # Objects/typeobject.c, managed_static_type_state_init: static types and their weakref lists.
    r".*types\.(builtins|for_extensions).*\.(type|tp_weaklist)",
    r"types\.managed_static\.types\[\]\.type",
    # Objects/typeobject.c, set_version_unlocked, 3.14 on.
    r"types\.type_version_cache\[\]",
    # Python/ceval.c, Python/pystate.c: the stack of frames counts, the thread's pointer does not.
    r"frame",
    # Objects/object.c, _PyTrash_thread_deposit_object: objects without references.
    r"(.*\b)?(trash_)?delete_later",
    # Python/pylifecycle.c, init_interp_main: built-in functions and classes, 3.14 on.
    r"common_consts\[\]",
    # Python/pystate.c, init_threadstate: the end of the chain of frames, 3.15 on.
    r"base_frame\..*",
    # Python/ceval.c, initialize_trace_info (3.11).
    r"trace_info\.code",
    # Python/pylifecycle.c, _Py_PyAtExit (to 3.9).
    r"pyexitmodule",
    # Python/optimizer.c, link_executor: executors are counted by the code objects.
    r"executor_(list_head|deletion_list_head)",
]
# Objects/tupleobject.c, tuple_get_empty, in 3.10: the list's first slot is the one empty tuple.
EMPTY_TUPLE_FREE_LIST = ((3, 10), "tuple.free_list[]")

# The same for members of objects, by the name of the C member.
BORROWED_IN_OBJECTS = [
    r".*weakreflist",
    r".*weaklist",
    r".*_weakreflist",
    r"wr_(object|prev|next)",  # Objects/weakrefobject.c
    r"(prev|next)",  # Modules/_functoolsmodule.c, lru_list_elem
    r"one",  # Objects/enumobject.c, 3.10 on
    r"(.*\b)?_spec_cache\..*",  # Python/specialize.c
    r"f_gen",  # Objects/genobject.c, to 3.10
    r"md_def",  # static, or held by what made it
    r"view\.obj",  # Objects/memoryobject.c: a copy of what the managed buffer owns
    r"var_cached",  # Python/context.c
    r"placeholder",  # Modules/_functoolsmodule.c
]

# Members of states and objects that are objects by value, or are told of elsewhere.
SKIPPED = {
    "PyInterpreterState": {"_initial_thread"},
    "_PyRuntimeState": {
        "_main_interpreter",
        "static_objects",
        "global_objects",
        "parser",  # a node of a syntax tree, always the same
        "tracemalloc",  # a packed struct that names an immortal string
    },
    "PyFrameObject": {"f_localsplus", "_f_frame_data"},
    # Objects/genobject.c, make_gen: gi_origin_or_finalizer is not initialised in a generator.
    "PyGenObject": {"gi_iframe", "gi_origin_or_finalizer"},
    "PyCoroObject": {"cr_iframe"},
    "PyAsyncGenObject": {"ag_iframe"},
    # Modules/itertoolsmodule.c: slots from numread on are not initialised.
    "teedataobject": {"values"},
}

# Pointers to void that are to objects.
VOID_OBJECTS = {"tp_subclasses"}  # 3.12 on; a number for static builtin types

# Words of another type that are pointers to objects. func: the handler of a signal, to 3.12.
ATOMIC_OBJECTS = {"func"}

# What a person calls a member, where C says otherwise. The first hit of (struct, member), member.
NAMES: dict[str, str] = {
    "func_globals": "__globals__",
    "func_builtins": "__builtins__",
    "func_name": "__name__",
    "func_qualname": "__qualname__",
    "func_code": "__code__",
    "func_defaults": "__defaults__",
    "func_kwdefaults": "__kwdefaults__",
    "func_closure": "__closure__",
    "func_doc": "__doc__",
    "func_dict": "__dict__",
    "func_module": "__module__",
    "func_annotations": "__annotations__",
    "func_annotate": "__annotate__",
    "func_typeparams": "__type_params__",
    "m_self": "__self__",
    "m_module": "__module__",
    "im_self": "__self__",
    "im_func": "__func__",
    "cm_callable": "__func__",
    "cm_dict": "__dict__",
    "sm_callable": "__func__",
    "sm_dict": "__dict__",
    "d_type": "__objclass__",
    "d_name": "__name__",
    "d_qualname": "__qualname__",
    "md_dict": "__dict__",
    "md_name": "__name__",
    "ob_ref": "cell_contents",
    "prop_get": "fget",
    "prop_set": "fset",
    "prop_del": "fdel",
    "prop_doc": "__doc__",
    "prop_name": "__name__",
    "tp_dict": "__dict__",
    "tp_bases": "__bases__",
    "tp_mro": "__mro__",
    "tp_base": "__base__",
    "ht_name": "__name__",
    "ht_qualname": "__qualname__",
    "ht_slots": "__slots__",
    "ht_module": "tp_module",
    "gi_name": "__name__",
    "gi_qualname": "__qualname__",
    "cr_name": "__name__",
    "cr_qualname": "__qualname__",
    "ag_name": "__name__",
    "ag_qualname": "__qualname__",
    "PyWeakReference.wr_callback": "__callback__",
    "ns_dict": "__dict__",
    "od_inst_dict": "__dict__",
    "dv_dict": "mapping",
    "PyBaseExceptionObject.dict": "__dict__",
    "PyBaseExceptionObject.notes": "__notes__",
    "PyBaseExceptionObject.traceback": "__traceback__",
    "PyBaseExceptionObject.context": "__context__",
    "PyBaseExceptionObject.cause": "__cause__",
    "PyOSErrorObject.myerrno": "errno",
    "PyBaseExceptionGroupObject.msg": "message",
    "PyBaseExceptionGroupObject.excs": "exceptions",
    "superobject.type": "__thisclass__",
    "superobject.obj": "__self__",
    "superobject.obj_type": "__self_class__",
    "wrapperobject.self": "__self__",
    "gaobject.origin": "__origin__",
    "gaobject.args": "__args__",
    "gaobject.parameters": "__parameters__",
    "unionobject.args": "__args__",
    "unionobject.parameters": "__parameters__",
    "partialobject.fn": "func",
    "partialobject.kw": "keywords",
    "partialobject.dict": "__dict__",
    "lru_cache_object.func": "__wrapped__",
    "lru_cache_object.dict": "__dict__",
    "localobject.kw": "kwargs",
    "_PyManagedBufferObject.master.obj": "obj",
}

# struct -> tp_names of the types whose instances it is, in any version. Private structs come
# from the debug information of the library. A type that has no row here has its nearest base's.
OBJECTS: dict[str, str] = {
    "PyFunctionObject": "function",
    "PyCodeObject": "code",
    "PyMethodObject": "method",
    "PyInstanceMethodObject": "instancemethod",
    "PyCFunctionObject": "builtin_function_or_method",
    "PyCMethodObject": "builtin_method",
    "PyGenObject": "generator",
    "PyCoroObject": "coroutine",
    "PyCoroWrapper": "coroutine_wrapper",
    "PyAsyncGenObject": "async_generator",
    "PyAsyncGenASend": "async_generator_asend",
    "PyAsyncGenAThrow": "async_generator_athrow",
    "_PyAsyncGenWrappedValue": "async_generator_wrapped_value",
    "anextawaitableobject": "anext_awaitable",
    "PyFrameObject": "frame",
    "PyTracebackObject": "traceback",
    "PyModuleObject": "module",
    "PyCellObject": "cell",
    "propertyobject": "property",
    "staticmethod": "staticmethod",
    "classmethod": "classmethod",
    "PyMethodDescrObject": "method_descriptor classmethod_descriptor",
    "PyMemberDescrObject": "member_descriptor",
    "PyGetSetDescrObject": "getset_descriptor",
    "PyWrapperDescrObject": "wrapper_descriptor",
    "wrapperobject": "method-wrapper",
    "mappingproxyobject": "mappingproxy",
    "PySliceObject": "slice",
    "PyWeakReference": "weakref weakproxy weakcallableproxy"
    " weakref.ReferenceType weakref.ProxyType weakref.CallableProxyType",
    "PyHeapTypeObject": "type",
    "superobject": "super",
    "rangeobject": "range",
    "longrangeiterobject": "longrange_iterator",
    "_PyNamespaceObject": "types.SimpleNamespace",
    "gaobject": "types.GenericAlias",
    "gaiterobject": "generic_alias_iterator",
    "unionobject": "types.UnionType typing.Union",
    "PyMemoryViewObject": "memoryview",
    "_PyManagedBufferObject": "managedbuffer",
    "memoryiterobject": "memory_iterator",
    # exceptions
    "PyBaseExceptionObject": "BaseException",
    "PyBaseExceptionGroupObject": "BaseExceptionGroup",
    "PyStopIterationObject": "StopIteration",
    "PyOSErrorObject": "OSError",
    "PySystemExitObject": "SystemExit",
    "PyImportErrorObject": "ImportError",
    "PySyntaxErrorObject": "SyntaxError",
    "PyNameErrorObject": "NameError",
    "PyAttributeErrorObject": "AttributeError",
    "PyUnicodeErrorObject": "UnicodeEncodeError UnicodeDecodeError UnicodeTranslateError",
    # containers, views, iterators
    "PyODictObject": "collections.OrderedDict",
    "odictiterobject": "odict_iterator",
    "defdictobject": "collections.defaultdict",
    "dequeiterobject": "collections._deque_iterator collections._deque_reverse_iterator"
    " _collections._deque_iterator _collections._deque_reverse_iterator",
    "tuplegetterobject": "collections._tuplegetter _collections._tuplegetter",
    "_PyDictViewObject": "dict_keys dict_values dict_items odict_keys odict_values odict_items",
    "dictiterobject": "dict_keyiterator dict_valueiterator dict_itemiterator"
    " dict_reversekeyiterator dict_reversevalueiterator dict_reverseitemiterator",
    "setiterobject": "set_iterator",
    "listiterobject": "list_iterator",
    "_PyListIterObject": "list_iterator",
    "listreviterobject": "list_reverseiterator",
    "tupleiterobject": "tuple_iterator",
    "_PyTupleIterObject": "tuple_iterator",
    "unicodeiterobject": "str_iterator str_ascii_iterator",
    "striterobject": "bytes_iterator",
    "bytesiterobject": "bytearray_iterator",
    "seqiterobject": "iterator",
    "calliterobject": "callable_iterator",
    "arrayiterobject": "array.arrayiterator",
    "enumobject": "enumerate",
    "reversedobject": "reversed",
    "zipobject": "zip",
    "mapobject": "map",
    "filterobject": "filter",
    # contextvars
    "PyContext": "Context _contextvars.Context",
    "PyContextVar": "ContextVar _contextvars.ContextVar",
    "PyContextToken": "Token _contextvars.Token",
    "PyHamtObject": "hamt",
    # itertools
    "accumulateobject": "itertools.accumulate",
    "batchedobject": "itertools.batched",
    "chainobject": "itertools.chain",
    "combinationsobject": "itertools.combinations",
    "cwrobject": "itertools.combinations_with_replacement",
    "compressobject": "itertools.compress",
    "countobject": "itertools.count",
    "cycleobject": "itertools.cycle",
    "dropwhileobject": "itertools.dropwhile",
    "filterfalseobject": "itertools.filterfalse",
    "groupbyobject": "itertools.groupby",
    "_grouperobject": "itertools._grouper",
    "isliceobject": "itertools.islice",
    "pairwiseobject": "itertools.pairwise",
    "permutationsobject": "itertools.permutations",
    "productobject": "itertools.product",
    "repeatobject": "itertools.repeat",
    "starmapobject": "itertools.starmap",
    "takewhileobject": "itertools.takewhile",
    "teeobject": "itertools._tee",
    "teedataobject": "itertools._tee_dataobject",
    "ziplongestobject": "itertools.zip_longest",
    # functools, operator, re, _thread
    "partialobject": "functools.partial",
    "lru_cache_object": "functools._lru_cache_wrapper",
    "lru_list_elem": "functools._lru_list_elem",
    "keyobject": "functools.KeyWrapper",
    "itemgetterobject": "operator.itemgetter",
    "attrgetterobject": "operator.attrgetter",
    "methodcallerobject": "operator.methodcaller",
    "PatternObject": "re.Pattern",
    "MatchObject": "re.Match",
    "ScannerObject": "_sre.SRE_Scanner",
    "localobject": "_thread._local",
    "localdummyobject": "_thread._localdummy",
    # io
    "fileio": "_io.FileIO",
    "bytesio": "_io.BytesIO",
    "stringio": "_io.StringIO",
    "textio": "_io.TextIOWrapper",
    "buffered": "_io.BufferedReader _io.BufferedWriter _io.BufferedRandom",
    "rwpair": "_io.BufferedRWPair",
    "nldecoder_object": "_io.IncrementalNewlineDecoder",
    # asyncio
    "FutureObj": "_asyncio.Future",
    "TaskObj": "_asyncio.Task",
    "futureiterobject": "_asyncio.FutureIter",
    # typing
    "typevarobject": "typing.TypeVar",
    "typevartupleobject": "typing.TypeVarTuple",
    "paramspecobject": "typing.ParamSpec",
    "paramspecattrobject": "typing.ParamSpecArgs typing.ParamSpecKwargs",
    "typealiasobject": "typing.TypeAliasType",
}

# Modules to import, so that the interpreter knows the types above.
MODULES = "asyncio _asyncio array collections contextvars functools io itertools operator re typing"
# Extension modules whose own debug information has structs of OBJECTS.
EXTENSIONS = ["_asyncio", "_ctypes"]
