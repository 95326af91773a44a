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
//
// The interpreter learns of a thread that begins to wait only by looking again after a millisecond, of one
// that stops as it was asked to at once (Python/pystate.c, stop_the_world). So whoever wants to be alone
// while another one does runs bits of Python, and stops in one of them, instead of waiting.
#include "trace.h" // first: Python.h says what is wanted of the C library

#ifdef Py_GIL_DISABLED
#include <dlfcn.h>
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void (*stop)(PyInterpreterState *), (*start)(PyInterpreterState *);
} world;           // Include/internal/pycore_pystate.h, since 3.14
static bool taken; // a thread is alone, or is about to be
static PyObject *pause_code, *pause_names;

bool recorder_begin(void)
{
    world.stop = (void (*)(PyInterpreterState *))dlsym(RTLD_DEFAULT, "_PyEval_StopTheWorld");
    world.start = (void (*)(PyInterpreterState *))dlsym(RTLD_DEFAULT, "_PyEval_StartTheWorld");
    if (world.stop && world.start) {
        pause_code = pause_code ? pause_code : Py_CompileString("0", "<pause>", Py_eval_input);
        pause_names = pause_names ? pause_names : Py_BuildValue("{s{}}", "__builtins__");
        return pause_code && pause_names;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "of free-threaded interpreters, those from 3.14 on are traced");
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

static void take_turn(void)
{
    while (!api.is_finalizing() && __atomic_test_and_set(&taken, __ATOMIC_SEQ_CST)) {
        Py_XDECREF(PyEval_EvalCode(pause_code, pause_names, pause_names));
        PyErr_Clear();
    }
}

// When the interpreter is shut down the main thread is alone; another one may have gone to sleep for ever
// with its turn.
void recorder_enter_alone(struct thread *thread)
{
    take_turn();
    thread->alone = !api.is_finalizing();
    if (thread->alone)
        world.stop(PyInterpreterState_Get());
    recorder_enter(thread);
}

void recorder_leave_alone(struct thread *thread)
{
    recorder_leave(thread);
    if (!thread->alone)
        return;
    world.start(PyInterpreterState_Get());
    __atomic_clear(&taken, __ATOMIC_SEQ_CST);
}

bool recorder_is_pause(PyObject *code)
{
    return code == pause_code;
}

// Another thread of the parent may have been inside.
void recorder_in_child(struct thread *thread)
{
    pthread_mutex_init(&mutex, NULL);
    __atomic_clear(&taken, __ATOMIC_SEQ_CST);
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

void recorder_take_turn(void)
{
}

bool recorder_is_pause(PyObject *code)
{
    (void)code;
    return false;
}

void recorder_in_child(struct thread *thread)
{
    (void)thread;
}

#endif
