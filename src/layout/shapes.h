// shapes.h - the ways in which CPython has laid things out, where an offset does not say it.
//
// Decoders switch on these without `default:`, so that a new shape breaks the build everywhere.
// Which version has which is decided in tools/gen-layout alone.
#ifndef MX_LAYOUT_SHAPES_H
#define MX_LAYOUT_SHAPES_H

// Include/object.h, Py_REFCNT
enum refcount_shape {
    REFCOUNT_PLAIN,       // 3.8 to 3.11: a signed word
    REFCOUNT_IMMORTAL_32, // 3.12, 3.13: the sign bit of the low 32 bits says immortal
    REFCOUNT_LOW_32,      // 3.14 on: a 32-bit word beside flags
    REFCOUNT_BIASED_313,  // 3.13t: local and shared counts; a deferred object has one too many
    REFCOUNT_BIASED,      // 3.14t on: a deferred object has 2^60 too many, threads have counts too
};

// Include/internal/pycore_gc.h
enum gc_shape {
    GC_IN_RUNTIME,    // 3.8: one collector for all interpreters
    GC_IN_INTERP,     // 3.9 on
    GC_INCREMENTAL,   // 3.14.0 to 3.14.4: young, two old spaces
    GC_WITHOUT_LISTS, // free-threaded: the allocator's heaps are the lists
};

// Include/internal/mimalloc/mimalloc/types.h, struct mi_page_s
enum mimalloc_shape {
    MIMALLOC_NONE,           // to 3.12
    MIMALLOC_START_COMPUTED, // mimalloc 2.1: where a page's blocks begin follows from their size
    MIMALLOC_START_STORED,   // mimalloc 2.5: the page says it, and the heap it belongs to
};

// Include/internal/pycore_interp_structs.h, struct gc_stats
enum gc_stats_shape {
    GC_STATS_ARRAY, // to 3.14: one record for each generation
    GC_STATS_RINGS, // 3.15 on: behind a pointer, a ring of records for each
};

// Include/cpython/frameobject.h, Include/internal/pycore_frame.h, pycore_interpframe_structs.h
enum frame_shape {
    FRAME_OBJECT_STACKTOP,   // 3.8, 3.9: a PyFrameObject, f_stacktop NULL while it runs
    FRAME_OBJECT_STACKDEPTH, // 3.10: f_stackdepth -1 while it runs
    FRAME_INTERPRETER_311,   // 3.11: _PyInterpreterFrame, through tstate->cframe
    FRAME_INTERPRETER_312,   // 3.12: the same, code first, function last
    FRAME_INTERPRETER_313,   // 3.13: through tstate->current_frame, instr_ptr is the next one
    FRAME_TAGGED,            // 3.14 on: slots are _PyStackRef
};

// Objects/dictobject.c, Include/internal/pycore_dict.h
enum keys_shape {
    KEYS_DK_SIZE,   // 3.8 to 3.10: dk_size, entries of 24 bytes, split tables without a mark
    KEYS_LOG2_SIZE, // 3.11 on: dk_log2_size, dk_kind says the kind of entries
};

// Objects/object.c, _PyObject_GetDictPtr and successors
enum instance_shape {
    INSTANCE_DICT_IN_STRUCT, // 3.8 to 3.10: at tp_dictoffset
    INSTANCE_VALUES_311,     // [-24] dict, [-32] values, two words
    INSTANCE_VALUES_312,     // [-24] dict, or values + 1
    INSTANCE_VALUES_INLINE,  // 3.13 on: [-24] dict, values behind the object
};

// Include/cpython/longintrepr.h
enum int_shape {
    INT_SIGNED_SIZE, // 3.8 to 3.11: ob_size is negative for negative numbers
    INT_TAG,         // 3.12 on: lv_tag
};

// Include/cpython/unicodeobject.h
enum str_shape {
    STR_WSTR,          // 3.8 to 3.11: wstr, strings that are not ready, state with a `ready` bit
    STR_COMPACT,       // 3.12 on
    STR_INTERNED_BYTE, // 3.14t on: the same, `interned` is a byte of its own before the other bits
};

// Objects/codeobject.c, Objects/lnotab_notes.txt, Objects/locations.md
enum line_shape {
    LINES_LNOTAB,    // 3.8, 3.9
    LINES_PEP626,    // 3.10
    LINES_LOCATIONS, // 3.11 on
};

// Objects/typeobject.c, PyType_Ready; lookup_tp_dict and successors
enum static_type_shape {
    STATIC_TYPES_COUNT_DEFAULT_BASE, // 3.8, 3.9: the base counts where PyType_Ready has put it there
    STATIC_TYPES_IN_STRUCT,          // 3.10, 3.11: it is borrowed
    STATIC_TYPES_PER_INTERP, // 3.12 on: dict, subclasses and weak list in the interpreter state
};

// Python/sysmodule.c, _PySys_GetSizeOf; Objects/longobject.c, int___sizeof___impl
enum size_shape {
    SIZE_GC_HEAD,   // 3.8 to 3.10: GC head of the objects that have one; 0 has no digit
    SIZE_BY_TYPE,   // 3.11, 3.12: GC head and pre-header by the type alone; 0 has one digit
    SIZE_BY_OBJECT, // 3.13 on: the same, none for static types
};

#endif
