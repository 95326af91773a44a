// trace_lock.c - one thread at a time in the recorder.
//
// The GIL sees to that where there is one. A free-threaded interpreter has two ways in:
//
//   recorder_enter        a mutex: for what is short, calls nothing that waits, and looks at no object that
//                         another thread may change. Births, deaths and finalizers, wherever they happen
//   recorder_enter_alone  before the mutex, every other thread is made to stand still: for what looks at
//                         names and at what they refer to
//
// Who stands still is never inside: nothing in there waits. So the mutex is free when the world has
// stopped, whoever stopped it.
#include "trace.h" // first: Python.h says what is wanted of the C library

#ifdef Py_GIL_DISABLED
#include <dlfcn.h>
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void (*stop)(PyInterpreterState *), (*start)(PyInterpreterState *);
} world; // Include/internal/pycore_pystate.h, since 3.14

bool recorder_begin(void)
{
    world.stop = (void (*)(PyInterpreterState *))dlsym(RTLD_DEFAULT, "_PyEval_StopTheWorld");
    world.start = (void (*)(PyInterpreterState *))dlsym(RTLD_DEFAULT, "_PyEval_StartTheWorld");
    if (world.stop && world.start)
        return true;
    PyErr_SetString(PyExc_RuntimeError, "of free-threaded interpreters, those from 3.14 on are traced");
    return false;
}

void recorder_enter(struct thread *thread)
{
    if (thread->inside++ == 0)
        pthread_mutex_lock(&mutex);
}

void recorder_leave(struct thread *thread)
{
    if (--thread->inside == 0)
        pthread_mutex_unlock(&mutex);
}

void recorder_enter_alone(struct thread *thread)
{
    world.stop(PyInterpreterState_Get());
    recorder_enter(thread);
}

void recorder_leave_alone(struct thread *thread)
{
    recorder_leave(thread);
    world.start(PyInterpreterState_Get());
}

// Another thread of the parent may have been inside.
void recorder_in_child(struct thread *thread)
{
    pthread_mutex_init(&mutex, NULL);
    if (thread)
        thread->inside = 0;
}

#else

bool recorder_begin(void)
{
    return true;
}

void recorder_enter(struct thread *thread)
{
    (void)thread;
}

void recorder_leave(struct thread *thread)
{
    (void)thread;
}

void recorder_enter_alone(struct thread *thread)
{
    (void)thread;
}

void recorder_leave_alone(struct thread *thread)
{
    (void)thread;
}

void recorder_in_child(struct thread *thread)
{
    (void)thread;
}

#endif
