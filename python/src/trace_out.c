// trace_out.c - lines of JSON in a mapped file.
//
// What is written is in the file at once, whatever becomes of the process: os._exit, a signal, a
// crash. The file is made longer in steps, and cut to its length at the end; until then zeros
// follow the last line. Knows nothing of what is said.
#include "trace.h" // first: Python.h says what is wanted of the C library

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP ((size_t)4 << 20)     // a file is made longer by this much
#define LIMIT ((size_t)1 << 30)    // no trace is read that is longer
#define LONGEST ((size_t)64 << 10) // line; longer texts are cut before
#define LIMIT_TEXT ((size_t)4 << 10)

static struct {
    int fd;
    char *start;   // of the window
    size_t window; // its place in the file, a multiple of STEP
    size_t at;     // in the window
    bool comma, full;
} out = {.fd = -1};

static bool map_window(void)
{
    if (ftruncate(out.fd, (off_t)(out.window + 2 * STEP)) < 0)
        return false;
    void *start =
        mmap(NULL, 2 * STEP, PROT_READ | PROT_WRITE, MAP_SHARED, out.fd, (off_t)out.window);
    if (start == MAP_FAILED)
        return false;
    out.start = start;
    return true;
}

bool out_open(int fd)
{
    out.fd = fd;
    out.window = out.at = 0;
    out.full = false;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (map_window())
        return true;
    out.fd = -1;
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
}

bool out_is_open(void)
{
    return out.fd >= 0;
}

void out_forget(void)
{
    if (out.fd < 0)
        return;
    munmap(out.start, 2 * STEP);
    close(out.fd);
    out.fd = -1;
}

void out_close(void)
{
    if (out.fd >= 0 && ftruncate(out.fd, (off_t)(out.window + out.at)) < 0)
        out.full = true; // the zeros stay, and whoever reads stops at them
    out_forget();
}

static void put(const char *bytes, size_t n)
{
    if (out.at + n > 2 * STEP) // cannot be: lines are shorter than LONGEST
        return;
    memcpy(out.start + out.at, bytes, n);
    out.at += n;
}

static void put_string(const char *text)
{
    put(text, strlen(text));
}

static void put_escaped(const char *text, size_t n)
{
    put("\"", 1);
    for (size_t i = 0; i < n && i < LIMIT_TEXT; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c == '"' || c == '\\')
            put((char[]){'\\', (char)c}, 2);
        else if (c < 0x20)
            put(escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else
            put((char *)&c, 1);
    }
    put("\"", 1);
}

static void put_name(const char *name)
{
    if (out.comma)
        put(",", 1);
    out.comma = true;
    if (!name)
        return;
    put("\"", 1);
    put_string(name);
    put("\":", 2);
}

// A line that has begun has room to end: the window is two steps, and moves after the first.
void out_begin(const char *event)
{
    if (out.fd < 0 || out.full)
        return;
    if (out.at > STEP) {
        munmap(out.start, 2 * STEP);
        out.window += STEP;
        out.at -= STEP;
        out.full = out.window > LIMIT || !map_window();
        if (out.full) {
            close(out.fd);
            out.fd = -1;
            return;
        }
    }
    put("{", 1);
    out.comma = false;
    out_text("event", event);
}

#define NEEDS_OPEN                                                                                 \
    if (out.fd < 0)                                                                                \
    return

void out_texts(const char *name, const char *value, size_t nbytes)
{
    NEEDS_OPEN;
    put_name(name);
    put_escaped(value, nbytes);
}

void out_text(const char *name, const char *value)
{
    out_texts(name, value, strlen(value));
}

void out_number(const char *name, long long value)
{
    NEEDS_OPEN;
    char text[32];
    put_name(name);
    put(text, (size_t)snprintf(text, sizeof text, "%lld", value));
}

void out_float(const char *name, double value)
{
    NEEDS_OPEN;
    char text[64];
    put_name(name);
    put(text, (size_t)snprintf(text, sizeof text, "%.9f", value));
}

void out_bool(const char *name, bool value)
{
    NEEDS_OPEN;
    put_name(name);
    put_string(value ? "true" : "false");
}

void out_null(const char *name)
{
    NEEDS_OPEN;
    put_name(name);
    put_string("null");
}

void out_address(const char *name, uintptr_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%#lx", (unsigned long)value);
    out_text(name, text);
}

static void open_with(const char *name, const char *bracket)
{
    NEEDS_OPEN;
    put_name(name);
    put_string(bracket);
    out.comma = false;
}

static void close_with(const char *bracket)
{
    NEEDS_OPEN;
    put_string(bracket);
    out.comma = true;
}

void out_open_object(const char *name)
{
    open_with(name, "{");
}

void out_close_object(void)
{
    close_with("}");
}

void out_open_list(const char *name)
{
    open_with(name, "[");
}

void out_close_list(void)
{
    close_with("]");
}

void out_end(void)
{
    NEEDS_OPEN;
    put("}\n", 2);
}
