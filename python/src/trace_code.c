// trace_code.c - what is known of a code object, kept with the code object, and of its file.
//
// The user's code is what lies in a file below the script's folder and is no installed package.
// Decided once for each file name.
#include "trace.h" // first: Python.h says what is wanted of the C library

#include <limits.h>

#define CO_FUNCTION 0x3   // CO_OPTIMIZED | CO_NEWLOCALS
#define CO_SUSPENDS 0x2A0 // a generator, a coroutine, or both

static struct {
    Py_ssize_t index; // of our word in a code object
    PyObject *files;  // file name -> number of the file; None: not the user's
    struct file **all;
    int nfiles;
    char **roots, **excluded;
    PyObject *extra;     // set of file names that are the user's whatever they are
    struct code *gone;   // whose code objects died
    unsigned generation; // of the trace: what an older one noted is out of date
} codes = {.index = -1};

// What is noted in a code object that is not the user's: an odd number, of the trace.
static struct code *foreign_mark(void)
{
    return (struct code *)(((uintptr_t)codes.generation << 1) | 1); // NOLINT
}

static bool is_mark(const void *extra)
{
    return (uintptr_t)extra & 1;
}

// ---- files ---------------------------------------------------------------------------------------

static bool is_below(const char *path, char **folders)
{
    for (size_t i = 0; folders && folders[i]; i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && (path[n] == '/' || n == 1))
            return true;
    }
    return false;
}

bool file_is_user(const char *path)
{
    char real[PATH_MAX];
    if (path[0] == '<' || !realpath(path, real))
        return false;
    return is_below(real, codes.roots) && !is_below(real, codes.excluded) &&
           !strstr(real, "/site-packages/") && !strstr(real, "/dist-packages/");
}

static struct file *file_add(const char *path)
{
    struct file *file = calloc(1, sizeof *file);
    struct file **all = realloc(codes.all, ((size_t)codes.nfiles + 1) * sizeof(*all));
    if (all)
        codes.all = all;
    if (!file || !all) {
        free(file);
        return NULL;
    }
    file->path = strdup(path);
    codes.all[codes.nfiles++] = file;
    file->id = codes.nfiles;
    out_begin("file");
    out_number("file", file->id);
    out_text("path", path);
    out_end();
    return file;
}

// NULL: not the user's, or no memory.
static struct file *file_of(PyObject *name)
{
    PyObject *known = PyDict_GetItem(codes.files, name);
    if (known)
        return known == Py_None ? NULL : codes.all[PyLong_AsLong(known) - 1];
    PyObject *bytes = PyUnicode_EncodeFSDefault(name);
    struct file *file = NULL;
    if (bytes) {
        const char *path = PyBytes_AsString(bytes);
        int extra = codes.extra ? PySequence_Contains(codes.extra, name) : 0;
        if (extra > 0 || file_is_user(path))
            file = file_add(path);
    }
    PyObject *number = file ? PyLong_FromLong(file->id) : NULL;
    PyDict_SetItem(codes.files, name, number ? number : Py_None);
    Py_XDECREF(number);
    Py_XDECREF(bytes);
    PyErr_Clear();
    return file;
}

struct line *place_line(const struct place *place)
{
    struct file *file = place->file;
    if (!file || place->line < 0)
        return NULL;
    if (place->line >= file->nlines) {
        int n = place->line + 256;
        struct line *lines = realloc(file->lines, (size_t)n * sizeof *lines);
        if (!lines)
            return NULL;
        memset(lines + file->nlines, 0, (size_t)(n - file->nlines) * sizeof *lines);
        file->lines = lines;
        file->nlines = n;
    }
    return &file->lines[place->line];
}

static void lines_out(const struct file *file)
{
    for (int i = 0; i < file->nlines; i++) {
        const struct line *line = &file->lines[i];
        if (!line->runs && !line->births && !line->deaths)
            continue;
        out_begin("line");
        out_number("file", file->id);
        out_number("line", i);
        out_number("runs", (long long)line->runs);
        out_number("changes", (long long)line->names);
        out_number("hidden", (long long)line->hidden);
        out_number("births", (long long)line->births);
        out_number("deaths", (long long)line->deaths);
        out_end();
    }
}

// ---- code objects ----------------------------------------------------------------------------------

char *text_copy(PyObject *text)
{
    PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    char *copy = bytes ? strdup(PyBytes_AsString(bytes)) : NULL;
    Py_XDECREF(bytes);
    PyErr_Clear();
    return copy;
}

static void code_release(struct code *code)
{
    for (int i = 0; code->names && i < code->nnames; i++)
        free(code->names[i]);
    free(code->names);
    free(code->kinds);
    free(code->bytes);
    free(code->function);
    free(code);
}

// A frame that left without telling still names its code: kept until the trace ends.
static void code_free(void *value)
{
    struct code *code = value;
    if (!code || is_mark(code))
        return;
    struct thread *thread = thread_self();
    if (!thread)
        return;
    recorder_enter(thread);
    if (settings.active && code->generation == codes.generation) {
        code->next = codes.gone;
        codes.gone = code;
    } else {
        code_release(code);
    }
    recorder_leave(thread);
}

static int number_of(PyObject *code, const char *attribute)
{
    PyObject *value = PyObject_GetAttrString(code, attribute);
    int number = value ? (int)PyLong_AsLong(value) : 0;
    Py_XDECREF(value);
    return number;
}

// Adds names in the order of the slots. Since 3.11 a parameter that is a cell has one slot, before
// it has two (_PyCode_New; PyFrame_FastToLocalsWithError).
static void add_names(struct code *info, PyObject *names, bool cells, bool parameters_too)
{
    Py_ssize_t n = names ? PyTuple_Size(names) : 0;
    int nbefore = info->nnames;
    char **all = realloc(info->names, ((size_t)info->nnames + (size_t)n + 1) * sizeof *all);
    unsigned char *kinds = realloc(info->kinds, (size_t)info->nnames + (size_t)n + 1);
    if (all)
        info->names = all;
    if (kinds)
        info->kinds = kinds;
    for (Py_ssize_t i = 0; all && kinds && i < n; i++) {
        char *name = text_copy(PyTuple_GetItem(names, i));
        int same = 0;
        while (cells && name && same < nbefore && strcmp(info->names[same], name) != 0)
            same++;
        bool known = cells && name && same < nbefore;
        if (known && parameters_too)
            info->kinds[same] = NAME_CELL;
        if (!name || (known && parameters_too)) {
            free(name);
            continue;
        }
        kinds[info->nnames] = cells ? NAME_CELL : NAME_LOCAL;
        all[info->nnames++] = name;
    }
}

static void code_names(struct code *info, PyObject *code)
{
    static const char *const parts[] = {"co_varnames", "co_cellvars", "co_freevars"};
    for (int i = 0; i < 3; i++) {
        PyObject *names = PyObject_GetAttrString(code, parts[i]);
        add_names(info, names, i > 0, i == 1 && api.version >= 0x030B);
        Py_XDECREF(names);
    }
}

static void code_bytes(struct code *info, PyObject *code)
{
    PyObject *bytes = PyObject_GetAttrString(code, "co_code");
    if (bytes) {
        info->nbytes = PyBytes_Size(bytes);
        info->bytes = malloc((size_t)info->nbytes + 1);
        if (info->bytes)
            memcpy(info->bytes, PyBytes_AsString(bytes), (size_t)info->nbytes);
    }
    Py_XDECREF(bytes);
}

static struct code *code_new(PyObject *code)
{
    PyObject *name = PyObject_GetAttrString(code, "co_filename");
    struct file *file = name ? file_of(name) : NULL;
    Py_XDECREF(name);
    if (!file)
        return foreign_mark();
    struct code *info = calloc(1, sizeof *info);
    if (!info)
        return foreign_mark();
    info->file = file;
    PyObject *function = PyObject_GetAttrString(code, "co_name");
    info->function = text_copy(function);
    Py_XDECREF(function);
    int flags = number_of(code, "co_flags");
    info->first_line = number_of(code, "co_firstlineno");
    info->optimized = (flags & CO_FUNCTION) == CO_FUNCTION;
    info->generator = flags & CO_SUSPENDS;
    info->module = info->function && strcmp(info->function, "<module>") == 0;
    if (info->optimized)
        code_names(info, code);
    if (info->generator && !settings.monitoring)
        code_bytes(info, code);
    holders_attributes(code);
    return info;
}

struct code *code_info(PyObject *code)
{
    void *extra = NULL;
    api.get_extra(code, codes.index, &extra);
    if (extra == foreign_mark())
        return NULL;
    struct code *info = extra;
    if (!info || is_mark(info) || info->generation != codes.generation) {
        info = code_new(code);
        if (!is_mark(info))
            info->generation = codes.generation;
        api.set_extra(code, codes.index, info);
        PyErr_Clear();
    }
    return is_mark(info) ? NULL : info;
}

static char **strings_of(PyObject *list)
{
    Py_ssize_t n = PyList_Size(list);
    char **strings = calloc((size_t)n + 1, sizeof *strings);
    for (Py_ssize_t i = 0; strings && i < n; i++)
        strings[i] = text_copy(PyList_GetItem(list, i));
    return strings;
}

static void strings_free(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

bool code_begin(PyObject *roots, PyObject *excluded, PyObject *extra)
{
    if (codes.index < 0)
        codes.index = api.request_extra(code_free);
    codes.files = PyDict_New();
    codes.roots = strings_of(roots);
    codes.excluded = strings_of(excluded);
    codes.extra = extra;
    Py_INCREF(extra);
    codes.generation++;
    return codes.index >= 0 && codes.files && codes.roots && codes.excluded;
}

void code_end(void)
{
    for (int i = 0; i < codes.nfiles; i++) {
        lines_out(codes.all[i]);
        free(codes.all[i]->path);
        free(codes.all[i]->lines);
        free(codes.all[i]);
    }
    free(codes.all);
    codes.all = NULL;
    codes.nfiles = 0;
    while (codes.gone) {
        struct code *code = codes.gone;
        codes.gone = code->next;
        code_release(code);
    }
    strings_free(codes.roots);
    strings_free(codes.excluded);
    codes.roots = codes.excluded = NULL;
    if (!api.is_finalizing()) {
        Py_CLEAR(codes.files);
        Py_CLEAR(codes.extra);
    }
}
