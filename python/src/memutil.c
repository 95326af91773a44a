// memutil.c - what lives at an address of this process.
//
//   int --__index__--> address --mx_refs--> refcount or a tuple of facts
//
// Takes numbers, never objects: nothing here holds a reference to what it looks at, and the
// memory is read by system call, so that any number whatever has an answer.
#include <pthread.h>
#include <unistd.h>

#include <memexplorer.h>

#include "docstrings.h"
#include "extension.h"
#include "heap.h"

// One target for the process, opened at the first question and again after a fork. The lock is
// not the GIL's work: subinterpreters and free-threaded builds have none in common.
static struct {
    pthread_mutex_t lock;
    pthread_once_t fork_handlers;
    pid_t pid;
    mx_target *target;
} self = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_ONCE_INIT, 0, NULL};

// A fork while another thread holds the lock would leave it locked in the child forever.
static void self_lock(void)
{
    pthread_mutex_lock(&self.lock);
}

static void self_unlock(void)
{
    pthread_mutex_unlock(&self.lock);
}

static void install_fork_handlers(void)
{
    pthread_atfork(self_lock, self_unlock, self_unlock);
}

// Needs the lock.
static mx_status self_open(struct mx_error *err)
{
    pid_t pid = getpid();
    if (self.target && self.pid == pid)
        return MX_OK;
    mx_target_free(self.target);
    self.target = NULL;
    mx_status status = mx_target_open_self(&self.target, err);
    self.pid = pid;
    return status;
}

static mx_status look(mx_addr address, struct mx_object *ret, struct mx_error *err)
{
    pthread_once(&self.fork_handlers, install_fork_handlers);
    self_lock();
    mx_status status = self_open(err);
    if (status == MX_OK)
        status = mx_refs(self.target, &address, 1, ret, err);
    self_unlock();
    return status;
}

// Anything with __index__; a number that is no address at all has no object either. Returns
// false with an exception set.
static bool look_at_number(PyObject *number, struct mx_object *ret)
{
    PyObject *index = PyNumber_Index(number);
    if (!index)
        return false;
    mx_addr address = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    *ret = (struct mx_object){0};
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError))
            return false;
        PyErr_Clear();
        return true;
    }
    struct mx_error err = {0};
    mx_status status = look(address, ret, &err);
    if (status == MX_OK)
        return true;
    status_raise(status, &err);
    return false;
}

static PyObject *memutil_refcount(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct mx_object object;
    if (!look_at_number(number, &object))
        return NULL;
    return PyLong_FromLongLong(object.refcount);
}

static PyObject *memutil_look(PyObject *Py_UNUSED(module), PyObject *number)
{
    struct mx_object object;
    if (!look_at_number(number, &object))
        return NULL;
    PyObject *type = PyUnicode_DecodeUTF8(object.type, (Py_ssize_t)strlen(object.type), "replace");
    PyObject *preview =
        PyUnicode_DecodeUTF8(object.preview, (Py_ssize_t)strlen(object.preview), "replace");
    if (!type || !preview) {
        Py_XDECREF(type);
        Py_XDECREF(preview);
        return NULL;
    }
    // "N" hands over the two strings.
    return Py_BuildValue("(OOLNKON)", object.alive ? Py_True : Py_False,
                         object.immortal ? Py_True : Py_False, (long long)object.refcount, type,
                         (unsigned long long)object.size, object.tracked ? Py_True : Py_False,
                         preview);
}

PyMethodDef memutil_methods[] = {
    {"refcount", memutil_refcount, METH_O, DOC_refcount},
    {"look", memutil_look, METH_O, DOC_look},
    {NULL, NULL, 0, NULL},
};
