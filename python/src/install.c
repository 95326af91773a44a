// install.c - a snapshot of this process when memory has run out, written from inside.
//
//   MemoryError --sys.monitoring or a hook--> memory_error: reserve released --> mx_capture_self
//
// Everything is prepared while there is memory. From the error on no object is made and no Python code
// runs here: both would need what there is none of.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "docstrings.h"
#include "heap.h"

#define LONGEST_LINE (PATH_MAX + 1024)

static struct {
    char template[PATH_MAX]; // with {pid}; "" when nothing is to be written
    struct mx_save_options save;
    void *reserve; // address space that nobody uses; NULL when given back
    size_t reserve_nbytes;
    pid_t written_by; // one snapshot a process: what follows an error are more of them
} armed;

static void release_reserve(void)
{
    if (armed.reserve)
        munmap(armed.reserve, armed.reserve_nbytes);
    armed.reserve = NULL;
}

static PyObject *install_arm(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *path = NULL;
    int redact = 0, compress = 0;
    Py_ssize_t reserve = 0;
    if (!PyArg_ParseTuple(arguments, "O&ppn:arm", PyUnicode_FSConverter, &path, &redact, &compress,
                          &reserve))
        return NULL;
    bool fits = (size_t)PyBytes_Size(path) < sizeof armed.template;
    if (fits)
        memcpy(armed.template, PyBytes_AsString(path), (size_t)PyBytes_Size(path) + 1);
    Py_DECREF(path);
    if (!fits || reserve < 0) {
        PyErr_SetString(PyExc_ValueError,
                        fits ? "the reserve is negative" : "the path is too long");
        return NULL;
    }
    release_reserve();
    armed.save = (struct mx_save_options){.redact = redact, .compress = compress};
    armed.written_by = 0;
    if (reserve == 0)
        Py_RETURN_NONE;
    armed.reserve_nbytes = (size_t)reserve;
    armed.reserve = mmap(NULL, armed.reserve_nbytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (armed.reserve != MAP_FAILED)
        Py_RETURN_NONE;
    armed.reserve = NULL;
    return PyErr_NoMemory();
}

static PyObject *install_disarm(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    release_reserve();
    armed.template[0] = '\0';
    Py_RETURN_NONE;
}

// False when it is too long with the numbers in it.
static bool expand(const char *template, char *path, size_t nbytes)
{
    size_t used = 0;
    while (*template && used + 1 < nbytes) {
        if (strncmp(template, "{pid}", 5) == 0) {
            used += (size_t)snprintf(path + used, nbytes - used, "%d", (int)getpid());
            template += 5;
        } else {
            path[used++] = *template ++;
        }
    }
    if (used + 1 >= nbytes)
        return false;
    path[used] = '\0';
    return true;
}

static void say(const char *path, mx_status status, const struct mx_error *err)
{
    char line[LONGEST_LINE], remedy[200] = "";
    struct rlimit limit;
    if (status == MX_NO_MEMORY && getrlimit(RLIMIT_AS, &limit) == 0 &&
        limit.rlim_max != RLIM_INFINITY)
        snprintf(remedy, sizeof remedy,
                 "; of the %llu MiB that the process may have (ulimit -Hv), keep more than %zu MiB "
                 "back with --reserve",
                 (unsigned long long)limit.rlim_max >> 20, armed.reserve_nbytes >> 20);
    int n = status ? snprintf(line, sizeof line,
                              "memexplorer: memory ran out, and no snapshot was written: %s%s\n",
                              err->message, remedy)
                   : snprintf(line, sizeof line,
                              "memexplorer: memory ran out; the snapshot is %s\n", path);
    size_t length = n < (int)sizeof line ? (size_t)n : sizeof line - 1;
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; // nobody is left to be told
}

static void write_snapshot(void)
{
    if (!armed.template[0] || armed.written_by == getpid())
        return;
    armed.written_by = getpid();
    release_reserve();
    char path[PATH_MAX];
    struct mx_error err = {.message = "its path is too long"};
    struct waiting waiting = {0};
    struct mx_self_options options = {.save = armed.save};
    mx_status status = MX_BAD_ARGUMENT;
    if (expand(armed.template, path, sizeof path))
        status = capture_standing(path, &options, &waiting, &err);
    say(path, status, &err);
}

static PyObject *install_memory_error(PyObject *Py_UNUSED(module), PyObject *exception)
{
    if (PyErr_GivenExceptionMatches(exception, PyExc_MemoryError))
        write_snapshot();
    Py_RETURN_NONE;
}

// sys.monitoring's RAISE: code, offset of the instruction, exception. For every exception there is.
static PyObject *install_raised(PyObject *Py_UNUSED(module), PyObject *const *arguments,
                                Py_ssize_t count)
{
    if (count == 3 && PyErr_GivenExceptionMatches(arguments[2], PyExc_MemoryError))
        write_snapshot();
    Py_RETURN_NONE;
}

PyMethodDef install_functions[] = {
    {"arm", install_arm, METH_VARARGS, DOC_arm},
    {"disarm", install_disarm, METH_NOARGS, DOC_disarm},
    {"memory_error", install_memory_error, METH_O, DOC_memory_error},
    {"raised", (PyCFunction)(void (*)(void))install_raised, METH_FASTCALL, DOC_raised},
    {NULL, NULL, 0, NULL},
};
