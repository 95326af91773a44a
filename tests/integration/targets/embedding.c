// embedding.c - a program with CPythons in it: each is a library named on the command line.
//
//   embedding LIBRARY...     LIBRARY=HOME: with PYTHONHOME HOME;  says "ready", waits for a line
//
// Built with -DLINKED it has the one that it was linked with, exported or not: embedding HOME.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT "held = [{'number': number} for number in range(1000)]"

#ifdef LINKED
void Py_Initialize(void);
int PyRun_SimpleString(const char *);
#endif

typedef void initialize_fn(void);
typedef int run_fn(const char *);

static void begin(const char *home, initialize_fn *initialize, run_fn *run)
{
    if (home)
        setenv("PYTHONHOME", home, 1);
    initialize();
    if (run(SCRIPT) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
#ifdef LINKED
    begin(argc > 1 ? argv[1] : NULL, Py_Initialize, PyRun_SimpleString);
#else
    for (int i = 1; i < argc; i++) {
        char *home = strchr(argv[i], '=');
        if (home)
            *home++ = '\0';
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        initialize_fn *initialize = (initialize_fn *)dlsym(library, "Py_Initialize");
        run_fn *run = (run_fn *)dlsym(library, "PyRun_SimpleString");
        if (!initialize || !run)
            return 1;
        begin(home, initialize, run);
    }
#endif
    puts("ready");
    fflush(stdout);
    getchar();
    return 0;
}
