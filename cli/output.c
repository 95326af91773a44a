// output.c - the terminal: colour, width, progress, and an end of output that is checked.
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

#define OUTPUT_BUFFER_NBYTES (256 * 1024)

// A closed descriptor would be given to the next file opened, and output written into that: the
// wrong way round here, so that using it is an error.
static void keep_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void output_init(void)
{
    keep_standard_files();
    signal(SIGPIPE, SIG_DFL); // `memexplorer objects PID | head` ends quietly, as cat does
    if (!isatty(STDOUT_FILENO))
        setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER_NBYTES);
}

void output_error(const struct mx_error *err)
{
    char *line = text_clean(err->message);
    fprintf(stderr, "memexplorer: %s\n", line);
    free(line);
}

mx_status output_finish(struct mx_error *err)
{
    errno = 0;
    bool failed = ferror(stdout);
    if (fflush(stdout) == 0 && !failed)
        return MX_OK;
    return cli_fail(err, MX_IO, "standard output: %s; what was printed is not complete",
                    strerror(errno ? errno : EIO));
}

void output_drop(void)
{
    __fpurge(stdout);
}

bool output_failed(void)
{
    return ferror_unlocked(stdout);
}

static bool is_colour_terminal(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

const char *output_style(enum style style)
{
    static int colour = -1;
    if (colour < 0)
        colour = is_colour_terminal();
    if (!colour)
        return "";
    switch (style) {
    case STYLE_PLAIN:
        return "\033[0m";
    case STYLE_HEADING:
        return "\033[1m";
    case STYLE_QUIET:
        return "\033[2m";
    case STYLE_WARNING:
        return "\033[33m";
    }
    __builtin_unreachable();
}

size_t output_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// ---- progress ---------------------------------------------------------------------------------

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.started = now(), .wanted = isatty(STDERR_FILENO)};
}

void progress_show(const char *phase, uint64_t done, uint64_t total, void *data)
{
    struct progress *progress = data;
    if (!progress->wanted)
        return;
    double time = now();
    if (time - progress->started < 1 || time - progress->printed < 0.1)
        return;
    progress->printed = time;
    if (total)
        fprintf(stderr, "\r\033[K%s %d %%", phase, (int)(100.0 * (double)done / (double)total));
    else
        fprintf(stderr, "\r\033[K%s %s", phase, text_count(done).s);
}

void progress_clear(struct progress *progress)
{
    if (progress->printed > 0)
        fputs("\r\033[K", stderr);
}
