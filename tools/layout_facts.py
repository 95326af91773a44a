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
        ((3, 10), "STATIC_TYPES_IN_STRUCT"),
        ((3, 8), "STATIC_TYPES_COUNT_DEFAULT_BASE"),
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
    r"(prev|next)",  # Modules/_functoolsmodule.c, lru_list_elem; Modules/_sqlite/cache.h
    r"one",  # Objects/enumobject.c, 3.10 on
    r"(.*\b)?_spec_cache\..*",  # Python/specialize.c
    r"f_gen",  # Objects/genobject.c, to 3.10
    r"md_def",  # static, or held by what made it
    # Objects/memoryobject.c: a copy of what the managed buffer owns
    r"PyMemoryViewObject\.view\.obj",
    r"_PyExecutorObject\.vm_data\..*",  # Python/optimizer.c: the code, executors before and after
    r"localdummyobject\.localdict",  # Modules/_threadmodule.c says "Borrowed!"
    r"PyHamtIterator\.hi_iter\..*",  # Python/hamt.c: nodes of the tree that hi_obj owns
    # Objects/stringlib/unicode_format.h, SubString_init: parts of the string that the object owns
    r"fieldnameiterobject\.it_field\..*",
    r"formatteriterobject\.it_markup\..*",
    # Modules/_pickle.c: "borrowed reference to self", where persistent_id is a method
    r"(PicklerObject|UnpicklerObject)\.pers_func_self",
    # Modules/_sqlite/connection.h to 3.10: "Exception objects: borrowed refs."; cache.c: the cache
    # lets go of the connection, which would be a cycle
    r"pysqlite_Connection\.\w*(Error|Warning)",
    r"pysqlite_Cache\.factory",
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
    # Told of in BEHIND.
    "teedataobject": {"values"},  # slots from numread on are not initialised
    "TemplateObject": {"items"},
    "pysqlite_Cache": {"first", "last"},
    "_PyExecutorObject": {"exits"},
}

# What objects own outside their struct, and what of it is in the struct but not for all to see:
# label, path, and how. A path is read like C: `a->b` follows a pointer, `a[n].b` are n of them, n
# is a number in the object, reached in the same way, or an enumerator. `*` are all members.
# "[]" labels an item by its number. A shape other than an array has names of members in its last
# place: ("chain", next), ("tree", left, right), ("ring", first, capacity), ("capsule", name),
# ("tagged",): a pointer with its lowest bit set, ("guarded", pointer): not initialised while that
# one is NULL. Where the guard is an object too the word is initialised, and a member like others.
BEHIND: dict[str, list[tuple[str, ...] | tuple[str, str, tuple[str, ...]]]] = {
    # Modules/_elementtree.c; JOIN_OBJ: text and tail may be lists of pieces, and say so by a bit
    "ElementObject": [
        (".attrib", "extra->attrib"),
        ("[]", "extra->children[extra->length]"),
        (".text", "text", ("tagged",)),
        (".tail", "tail", ("tagged",)),
    ],
    "ElementIterObject": [(" parent", "parent_stack[parent_stack_used].parent")],
    "xmlparseobject": [(" handler", "handlers[_DummyDecl]")],  # Modules/pyexpat.c
    "PicklerObject": [(" memo key", "memo->mt_table[memo->mt_allocated].me_key")],
    "UnpicklerObject": [(" memo", "memo[memo_size]")],
    "Pdata": [("[]", "data[ob_base.ob_size]")],
    "simplequeueobject": [
        ("[]", "buf.items[buf.num_items]", ("ring", "buf.get_idx", "buf.items_cap"))
    ],
    "teedataobject": [("[]", "values[numread]")],
    "TemplateObject": [("[]", "items[ob_base.ob_size].literal")],  # Modules/_sre/sre.h
    "PyZoneInfo_ZoneInfo": [(" .*", "_ttinfos[num_ttinfos].*")],
    "pysqlite_Connection": [
        (" trace callback .*", "trace_ctx->*"),
        (" progress handler .*", "progress_ctx->*"),
        (" authorizer .*", "authorizer_ctx->*"),
    ],
    "pysqlite_Cache": [("[]", "first", ("chain", "next"))],  # to 3.10: owns its nodes
    "PyCapsule": [("[]", "pointer", ("capsule", "name"))],
    "tokenizeriterobject": [(" tokenizer .*", "tok->*")],
    "ProfilerObject": [
        (" profiled", "profilerEntries->userObj", ("tree", "left", "right")),
    ],
    # Modules/_operator.c, methodcaller_new, 3.13: set with vectorcall_args, in the first vectorcall
    "methodcallerobject": [
        (".vectorcall_kwnames", "vectorcall_kwnames", ("guarded", "vectorcall_args"))
    ],
    "PyCodeObject": [(" executor", "co_executors->executors[co_executors->size]")],
    "_PyExecutorObject": [(" exit", "exits[exit_count].executor")],
}

# Structs that start with an object which is no part of what they are: (struct, its first member's).
NO_BASES = {
    # Modules/_functoolsmodule.c: the root of the ring of links, which has nothing but neighbours.
    # The decoder of the cache goes round it.
    ("lru_cache_object", "lru_list_elem"),
}

# What the tree of Modules/rotatingtree.h is made of, by the struct that has it at its start.
NODES = {("ProfilerObject", "profilerEntries"): "ProfilerEntry"}

# Structs without an object's header, which a type's instances have behind those of its base.
APPENDED = {"StgInfo"}  # Modules/_ctypes/ctypes.h, 3.13 on

# Module -> its state's struct, in any version. A module has one where m_size is the struct's size.
MODULE_STATES: dict[str, str] = {
    "_abc": "_abcmodule_state",
    "_asyncio": "asyncio_state",
    "_bisect": "bisect_state",
    "_blake2": "Blake2State",
    "_bz2": "_bz2_state",
    "_codecs_cn": "_cjk_mod_state",
    "_codecs_hk": "_cjk_mod_state",
    "_codecs_iso2022": "_cjk_mod_state",
    "_codecs_jp": "_cjk_mod_state",
    "_codecs_kr": "_cjk_mod_state",
    "_codecs_tw": "_cjk_mod_state",
    "_collections": "collections_state",
    "_csv": "_csvstate",
    "_ctypes": "ctypes_state",
    "_curses": "cursesmodule_state",
    "_curses_panel": "_curses_panel_state _curses_panelstate",
    "_datetime": "datetime_state",
    "_dbm": "_dbm_state",
    "_decimal": "decimal_state",
    "_elementtree": "elementtreestate",
    "_functools": "_functools_state",
    "_gdbm": "_gdbm_state",
    "_hashlib": "_hashlibstate",
    "_hmac": "hmacmodule_state",
    "_interpchannels": "module_state",
    "_interpqueues": "module_state",
    "_interpreters": "module_state",
    "_io": "_PyIO_State",
    "_json": "_jsonmodulestate",
    "_locale": "_locale_state",
    "_lsprof": "_lsprof_state",
    "_lzma": "_lzma_state",
    "_md5": "MD5State",
    "_multibytecodec": "module_state _multibytecodec_state",
    "_operator": "_operator_state",
    "_pickle": "PickleState",
    "_posixsubprocess": "_posixsubprocessstate",
    "_queue": "simplequeue_state",
    "_random": "_randomstate",
    "_remote_debugging": "RemoteDebuggingState",
    "_sha1": "SHA1State",
    "_sha2": "sha2_state",
    "_sha256": "_sha256_state",
    "_sha3": "SHA3State",
    "_sha512": "SHA512State",
    "_signal": "_signal_module_state",
    "_socket": "_socket_state",
    "_sqlite3": "pysqlite_state",
    "_sre": "_sremodulestate",
    "_ssl": "_sslmodulestate",
    "_struct": "_structmodulestate",
    "_thread": "thread_module_state",
    "_tokenize": "tokenize_state",
    "_xxinterpchannels": "module_state",
    "_xxsubinterpreters": "module_state",
    "_zoneinfo": "zoneinfo_state",
    "_zstd": "_zstd_state",
    "array": "array_state",
    "audioop": "audioop_state",
    "binascii": "binascii_state",
    "grp": "grpmodulestate",
    "itertools": "itertools_state",
    "math": "math_module_state",
    "mmap": "mmap_state",
    "nis": "nis_state",
    "posix": "_posixstate",
    "pwd": "pwdmodulestate",
    "pyexpat": "pyexpat_state",
    "readline": "readlinestate",
    "resource": "resourcemodulestate",
    "select": "_selectstate",
    "spwd": "spwdmodulestate",
    "termios": "termiosmodulestate",
    "time": "time_module_state",
    "unicodedata": "unicodedatastate",
    "zlib": "zlibstate _zlibstate",
}

# What a module's state holds without counting it, by "struct.member", and in which versions below.
BORROWED_IN_MODULE_STATES: dict[str, Version] = {
    # Modules/binascii.c, PyInit_binascii: PyModule_AddObject took the reference
    r"binascii_state\..*": (3, 9),
    r"asyncio_state\.fi_freelist": (4, 0),  # dead objects
    r"asyncio_state\.cached_running_\w+": (4, 0),  # Modules/_asynciomodule.c: "Borrowed reference"
}

# The same as BEHIND, for the state of a module.
BEHIND_STATES: dict[str, list[tuple[str, ...] | tuple[str, str, tuple[str, ...]]]] = {
    # Modules/_zoneinfo.c, 3.12 on
    "zoneinfo_state": [
        (" cached key", "ZONEINFO_STRONG_CACHE->key", ("chain", "next")),
        (" cached zone", "ZONEINFO_STRONG_CACHE->zone", ("chain", "next")),
    ],
    # Modules/_asynciomodule.c, FutureIter_dealloc, 3.12 and 3.13: what is on the free list is dead,
    # and has not given back its type, which nobody counts when it is used again.
    "asyncio_state": [
        (" free list .__class__", "fi_freelist->ob_base.ob_type", ("chain", "future")),
    ],
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
    "_tuplegetterobject tuplegetterobject": "collections._tuplegetter _collections._tuplegetter",
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
    "arrayiterobject": "array.arrayiterator arrayiterator",
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
    "constevaluatorobject": "_typing._ConstEvaluator",
    "interpolationobject": "string.templatelib.Interpolation",
    "templateobject": "string.templatelib.Template",
    "templateiterobject": "string.templatelib.TemplateIter",
    # the interpreter's own
    "PyCapsule": "PyCapsule",
    "PyModuleDef": "moduledef",
    "encoding_map": "EncodingMap",
    "PyFrameLocalsProxyObject": "FrameLocalsProxy",
    "_PyInstructionSequence": "InstructionSequence",
    "interpid": "InterpreterID",
    "bufferwrapper _PyBufferWrapper": "_buffer_wrapper",
    "fieldnameiterobject": "fieldnameiterator",
    "formatteriterobject": "formatteriterator",
    "PyHamtNode_Array": "hamt_array_node",
    "PyHamtNode_Bitmap": "hamt_bitmap_node",
    "PyHamtNode_Collision": "hamt_collision_node",
    "PyHamtIterator": "items keys values",
    "PyLazyImportObject": "lazy_import",
    "lineiterator": "line_iterator",
    "positionsiterator": "positions_iterator",
    "PyPickleBufferObject": "pickle.PickleBuffer",
    "_PyRangeIterObject rangeiterobject": "range_iterator",
    "sentinelobject": "sentinel",
    "PyStdPrinter_Object": "stderrprinter",
    "PySTEntryObject _symtable_entry": "symtable entry",
    "_PyLegacyEventHandler": "sys.legacy_event_handler",
    "_PyExecutorObject": "uop_executor",
    "PyST_Object": "parser.st",
    "_abc_data": "_abc._abc_data _abc_data",
    "AST_object": "ast.AST _ast.AST",
    # _ctypes
    "PyCArgObject": "CArgObject _ctypes.CArgObject",
    "StgDictObject": "StgDict",
    "StgInfo": "_ctypes.CType_Type",
    "CFieldObject": "_ctypes.CField ctypes.CField",
    "PyCFuncPtrObject": "_ctypes.CFuncPtr _ctypes.PyCFuncPtr",
    "CThunkObject": "_ctypes.CThunkObject",
    "DictRemoverObject": "_ctypes.DictRemover",
    "StructParamObject": "_ctypes.StructParam_Type",
    "CDataObject": "_ctypes._CData",
    # compression, hashes, random numbers
    "BZ2Compressor": "_bz2.BZ2Compressor",
    "BZ2Decompressor": "_bz2.BZ2Decompressor",
    "Compressor": "_lzma.LZMACompressor",
    "Decompressor": "_lzma.LZMADecompressor",
    "compobject": "zlib.Compress zlib.Decompress",
    "ZlibDecompressor": "zlib._ZlibDecompressor",
    "ZstdCompressor": "compression.zstd.ZstdCompressor",
    "ZstdDecompressor": "compression.zstd.ZstdDecompressor",
    "ZstdDict": "compression.zstd.ZstdDict",
    "EVPobject HASHobject": "_hashlib.HASH",
    "HMACobject": "_hashlib.HMAC",
    "HMACObject": "_hmac.HMAC",
    "Blake2Object BLAKE2bObject": "_blake2.blake2b",
    "Blake2Object BLAKE2sObject": "_blake2.blake2s",
    "MD5object": "_md5.md5",
    "SHA1object": "_sha1.sha1",
    "SHA256object": "_sha2.SHA224Type _sha2.SHA256Type",
    "SHA512object": "_sha2.SHA384Type _sha2.SHA512Type",
    "SHAobject": "_sha256.sha224 _sha256.sha256 _sha512.sha384 _sha512.sha512",
    "SHA3object": "_sha3.sha3_224 _sha3.sha3_256 _sha3.sha3_384 _sha3.sha3_512"
    " _sha3.shake_128 _sha3.shake_256",
    "RandomObject": "_random.Random",
    # text and data formats
    "DialectObj": "_csv.Dialect",
    "ReaderObj": "_csv.reader",
    "WriterObj": "_csv.writer",
    "PyEncoderObject": "_json.Encoder",
    "PyScannerObject": "_json.Scanner",
    "PicklerObject": "_pickle.Pickler",
    "UnpicklerObject": "_pickle.Unpickler",
    "PicklerMemoProxyObject": "_pickle.PicklerMemoProxy",
    "UnpicklerMemoProxyObject": "_pickle.UnpicklerMemoProxy",
    "Pdata": "_pickle.Pdata",
    "PyStructObject": "_struct.Struct Struct",
    "unpackiterobject": "_struct.unpack_iterator unpack_iterator",
    "TemplateObject": "_sre.SRE_Template",
    "tokenizeriterobject": "_tokenize.TokenizerIter",
    "ElementObject": "xml.etree.ElementTree.Element",
    "ElementIterObject": "_elementtree._element_iterator",
    "TreeBuilderObject": "xml.etree.ElementTree.TreeBuilder",
    "XMLParserObject": "xml.etree.ElementTree.XMLParser",
    "xmlparseobject": "pyexpat.xmlparser",
    "MultibyteCodecObject": "_multibytecodec.MultibyteCodec MultibyteCodec",
    "MultibyteIncrementalEncoderObject": "_multibytecodec.MultibyteIncrementalEncoder"
    " MultibyteIncrementalEncoder",
    "MultibyteIncrementalDecoderObject": "_multibytecodec.MultibyteIncrementalDecoder"
    " MultibyteIncrementalDecoder",
    "MultibyteStreamReaderObject": "_multibytecodec.MultibyteStreamReader MultibyteStreamReader",
    "MultibyteStreamWriterObject": "_multibytecodec.MultibyteStreamWriter MultibyteStreamWriter",
    "PreviousDBVersion": "unicodedata.UCD",
    "GraphemeBreakIterator": "unicodedata.GraphemeBreakIterator",
    "SegmentObject Segment": "unicodedata.Segment",
    # dates, numbers
    "PyDateTime_TimeZone": "datetime.timezone",
    "PyZoneInfo_ZoneInfo": "zoneinfo.ZoneInfo",
    "PyDecContextObject": "decimal.Context",
    "PyDecContextManagerObject": "decimal.ContextManager",
    "PyDecSignalDictObject": "decimal.SignalDictMixin",
    # the operating system
    "PyCursesWindowObject": "_curses.window",
    "PyCursesPanelObject": "_curses_panel.panel",
    "dbmobject": "_dbm.dbm",
    "gdbmobject": "_gdbm.gdbm",
    "DirEntry": "posix.DirEntry",
    "ScandirIterator": "posix.ScandirIterator",
    "Py_statx_result": "os.statx_result",
    "pyEpoll_Object": "select.epoll",
    "pollObject": "select.poll",
    "PySocketSockObject": "_socket.socket",
    "PySSLCertificate": "_ssl.Certificate",
    "PySSLMemoryBIO": "_ssl.MemoryBIO",
    "PySSLSession": "_ssl.SSLSession _ssl.Session",
    "PySSLContext": "_ssl._SSLContext",
    "PySSLSocket": "_ssl._SSLSocket",
    "oss_audio_t": "ossaudiodev.oss_audio_device",
    "oss_mixer_t": "ossaudiodev.oss_mixer_device",
    # databases, profilers, threads, interpreters
    "pysqlite_Blob": "sqlite3.Blob",
    "pysqlite_Cache": "sqlite3.Cache",
    "pysqlite_Connection": "sqlite3.Connection",
    "pysqlite_Cursor": "sqlite3.Cursor",
    "pysqlite_Node": "sqlite3.Node sqlite3Node",
    "pysqlite_Row": "sqlite3.Row",
    "pysqlite_Statement": "sqlite3.Statement",
    "ProfilerObject": "_lsprof.Profiler",
    "rlockobject": "_thread.RLock",
    "lockobject": "_thread.lock",
    "PyThreadHandleObject ThreadHandleObject": "_thread._ThreadHandle",
    "SemLockObject": "_multiprocessing.SemLock",
    "simplequeueobject": "_queue.SimpleQueue",
    "TaskStepMethWrapper": "TaskStepMethWrapper _asyncio.TaskStepMethWrapper",
    "TaskWakeupMethWrapper": "TaskWakeupMethWrapper",
    "PyRunningLoopHolder": "_RunningLoopHolder",
    "iobase": "_io._IOBase",
    "bytesiobuf": "_io._BytesIOBuffer",
    "channelid": "_interpchannels.ChannelID _xxinterpchannels.ChannelID"
    " _xxsubinterpreters.ChannelID",
    "xibufferview": "_interpreters.CrossInterpreterBufferView",
    "RemoteUnwinderObject": "_remote_debugging.RemoteUnwinder",
    "GCMonitorObject": "_remote_debugging.GCMonitor",
    "BinaryReaderObject": "_remote_debugging.BinaryReader",
    "BinaryWriterObject": "_remote_debugging.BinaryWriter",
}

# Modules that are no part of what programs use, or do something when they are imported.
NOT_IMPORTED = r"_test.*|_xxtestfuzz|_ctypes_test|xxlimited.*|xxsubtype|antigravity|this|_tkinter"
# Modules written in Python that make types, or import the C module under the name that it gives.
MODULES = "asyncio collections contextvars functools typing ctypes decimal sqlite3 ssl"
